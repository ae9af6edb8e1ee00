"""`manage.py sendtestemail`: Django's command, which says in one line what is wrong with the mail server's settings."""

from __future__ import annotations

from typing import Any

from anymail.exceptions import AnymailError
from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import sendtestemail

from notifications_project.mail.addresses import BadMailAddress, normalize

_LONGEST = 300  # characters of what a mail server says


class Command(sendtestemail.Command):
    def add_arguments(self, parser: CommandParser) -> None:
        # Without Django's --managers and --admins: this console has neither, and nobody would be mailed.
        parser.add_argument("email", nargs="+", help="one or more addresses to send a test e-mail to")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.MAIL_CONFIGURED:
            raise CommandError("EMAIL_URL: is not set, so no e-mail can be sent.")
        try:
            addresses = [normalize(address) for address in options["email"]]
        except BadMailAddress as error:
            raise CommandError(str(error)) from None
        relay = settings.EMAIL_PROVIDER or f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
        try:
            super().handle(*args, **options | {"email": addresses, "managers": False, "admins": False})
        except (OSError, AnymailError, UnicodeError) as error:  # smtplib's errors are OSErrors
            setting = "EMAIL_PROVIDER" if settings.EMAIL_PROVIDER else "EMAIL_URL"
            why = " ".join(str(error).split())[:_LONGEST] or type(error).__name__
            raise CommandError(f"{setting}: {relay} did not take the e-mail: {why}") from error
        self.stdout.write(f"{relay} took a test e-mail for {', '.join(addresses)}.")
