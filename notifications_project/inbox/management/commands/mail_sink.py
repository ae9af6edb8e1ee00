"""`manage.py mail_sink` is the demo's SMTP server: it keeps every e-mail for the Inbox and delivers none."""

from __future__ import annotations

import logging
import os
import signal
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from asgiref.sync import sync_to_async
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import close_old_connections

from notifications_project.inbox import receiving

logger = logging.getLogger(__name__)
LARGEST_MAIL = 2 * 1024 * 1024
ENDS = {signal.SIGTERM, signal.SIGINT}


def _store(envelope: Envelope) -> None:
    close_old_connections()
    receiving.store_email(envelope.mail_from or "", envelope.rcpt_tos, envelope.original_content or b"")


class Keeper:
    """Handler of aiosmtpd that stores mails, on asgiref's one thread for such work and so on one connection."""

    async def handle_DATA(  # noqa: N802  (aiosmtpd calls it so)
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        try:
            await sync_to_async(_store)(envelope)
        except Exception:
            logger.exception("an e-mail could not be kept")
            return "451 4.3.0 The e-mail could not be kept; try again later"
        return "250 2.0.0 Kept for the Inbox"


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)  # the server's thread must inherit this
        controller = Controller(
            Keeper(),
            hostname=options["host"],
            port=options["port"],
            data_size_limit=LARGEST_MAIL,
            enable_SMTPUTF8=True,
            ident="Notifications console, demo",
        )
        try:
            controller.start()
        except OSError as error:
            raise CommandError(
                f"Cannot listen on {options['host']}:{options['port']}: {os.strerror(error.errno or 0)}"
            ) from error
        self.stdout.write(f"Mail sink on {options['host']}:{options['port']}")
        self.stdout.flush()
        signal.sigwait(ENDS)
        controller.stop()
