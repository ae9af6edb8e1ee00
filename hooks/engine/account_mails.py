"""Sends the mails about accounts (`accounts.outgoing`): a pump does it beside its lanes, on its threads.

They share the mail relay's circuit with the deliveries: while the relay is away they wait, and use up no tries. Whoever
sends one takes its row first, for longer than an attempt may last, so that two workers do not both send it.
"""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.expressions import Combinable

from hooks import clock
from hooks.engine import lanes, missing_keys
from hooks.engine.transport_circuits import KnownTransports, note_answer
from hooks.formats.mail import find_domain
from hooks.messages import Answer, Message, Transport, Verdict
from hooks.queue import outcomes
from hooks.remarks import Remark, RemarkCode
from hooks.transports import smtp
from hooks.transports.mail_connections import open_connection
from notifications_project.accounts.models import AccountMail
from notifications_project.encryption import CannotDecrypt

logger = logging.getLogger(__name__)

AT_ONCE = 4
_LOOK_EVERY = 0.5  # seconds
_TAKEN_FOR = timedelta(minutes=3)  # longer than an attempt with the longest DELIVERY_TIMEOUT
_WITHOUT_KEY = timedelta(minutes=15)  # until a mail that no key reads is looked at again


def find_due(before: datetime | Combinable) -> QuerySet[AccountMail]:
    """Filter the mails that are due by then, and have not expired."""
    return AccountMail.objects.filter(due_at__lte=before, expires_at__gt=before)


@dataclass(frozen=True, slots=True)
class _Sent:
    mail: UUID
    tries: int
    is_probe: bool
    answer: Answer | None  # None: it was not tried, as the worker is being stopped


class AccountMails:
    """The mails that one pump is sending. The main thread calls `start` and `settle`; `_send` runs on others."""

    def __init__(self, pool: Executor, transports: KnownTransports, may_start: Callable[[], bool]) -> None:
        self._pool, self._transports, self._may_start = pool, transports, may_start
        self._sent: queue.SimpleQueue[_Sent] = queue.SimpleQueue()
        self._unwritten: list[_Sent] = []
        self._looked_at = 0.0
        self.running = 0

    def start(self) -> bool:
        """Take mails that are due and have them sent; return True if there were any."""
        now = time.monotonic()
        if self.running >= AT_ONCE or now - self._looked_at < _LOOK_EVERY or not settings.MAIL_CONFIGURED:
            return False
        self._looked_at = now
        if Transport.SMTP in self._transports.list_free():
            return self._start(AT_ONCE - self.running, is_probe=False)
        if (
            Transport.SMTP in self._transports.list_to_probe()
            and find_due(clock.now()).exists()
            and lanes.take_probe(Transport.SMTP)
        ):
            self._transports.forget()
            return self._start(1, is_probe=True)
        return False

    def settle(self) -> bool:
        """Write down what became of the mails that were sent; return True if there were any."""
        with suppress(queue.Empty):
            while True:
                self._unwritten.append(self._sent.get_nowait())
                self.running -= 1
        wrote = bool(self._unwritten)
        while self._unwritten:
            _settle(self._unwritten[0])  # stays there if the database is away
            sent = self._unwritten.pop(0)
            if sent.is_probe or (sent.answer and sent.answer.transport_down):
                self._transports.forget()
        return wrote

    def _start(self, most: int, *, is_probe: bool) -> bool:
        mails = _take(most)
        for mail in mails:
            try:
                content = dict(mail.content)
            except CannotDecrypt:
                missing_keys.warn()
                AccountMail.objects.filter(pk=mail.pk).update(due_at=clock.now() + _WITHOUT_KEY)
                continue
            self.running += 1
            self._pool.submit(self._send, mail.pk, mail.tries, content, is_probe)
        return bool(mails)

    def _send(self, mail: UUID, tries: int, content: dict[str, Any], is_probe: bool) -> None:
        started = time.monotonic()
        answer = None
        try:
            if self._may_start():
                with open_connection() as connection:
                    answer = smtp.post(connection, content["address"], _build_message(mail, content), started)
        except Exception as error:  # one mail's defect is its own: it counts as a try, and the others go on
            logger.exception("a mail about an account cannot be sent")
            answer = Answer("error", Remark(RemarkCode.NOT_SENT, error=type(error).__name__), started, 0)
        finally:
            self._sent.put(_Sent(mail, tries + 1, is_probe, answer))


@transaction.atomic
def _take(most: int) -> list[AccountMail]:
    """Take mails that are due for this pump alone, the longest waiting first."""
    now = clock.now()
    rows = find_due(now).order_by("due_at").select_for_update(skip_locked=True, no_key=True)
    mails = list(rows[:most])
    AccountMail.objects.filter(pk__in=[mail.pk for mail in mails]).update(due_at=now + _TAKEN_FOR)
    return mails


@transaction.atomic
def _settle(sent: _Sent) -> None:
    """Delete what was sent or never will be; leave the rest to a later try."""
    now, answer = clock.now(), sent.answer
    row = AccountMail.objects.filter(pk=sent.mail)
    if answer is None or answer.transport_down:
        row.update(due_at=now)
    else:
        verdict = outcomes.judge(answer, sent.tries)
        if verdict.verdict == Verdict.RETRY:
            row.update(due_at=now + timedelta(seconds=verdict.delay or 0), tries=sent.tries)
        else:
            row.delete()
        if verdict.verdict in {Verdict.FAILED, Verdict.GONE}:
            logger.warning("A mail about an account was not taken: %s", verdict.explanation)
    if answer and answer.code != "error":
        note_answer(Transport.SMTP, answer, now, is_probe=sent.is_probe)


def _build_message(mail: UUID, content: dict[str, Any]) -> Message:
    """Return the message to send. Its headers keep answering machines from answering."""
    headers = {
        "Message-ID": f"<account.{mail}@{find_domain()}>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
    }
    return Message(
        body=content["text"].encode(),
        content_type="text/plain",
        headers=headers,
        subject=content["subject"],
        html=content["html"],
    )
