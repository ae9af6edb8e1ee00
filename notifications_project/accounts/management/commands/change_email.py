"""`manage.py change_email` changes the address of a user everywhere, without a confirmation by mail."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from notifications_project.accounts import email_addresses
from notifications_project.accounts.email_addresses import EmailChangeError
from notifications_project.accounts.management.commands._output import AnsweringCommand, check_email
from notifications_project.accounts.models import User


class Command(AnsweringCommand):
    help = (
        "Change the e-mail address of a user everywhere. The user's sessions end, and both addresses are told by mail. "
        "The new address is taken for the user's own: nobody is asked to confirm it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("old", metavar="OLD")
        parser.add_argument("new", metavar="NEW")

    def handle(self, *args: Any, **options: Any) -> None:
        old, new = check_email(options["old"]), check_email(options["new"])
        user = User.objects.filter(email__iexact=old).first()
        if user is None:
            raise CommandError(f"Nobody signs in here as {old}.")
        try:
            email_addresses.change_email(user=user, email=new, actor=None)
        except EmailChangeError as error:
            raise CommandError(str(error)) from None
        self.answer(options["json"], user=user.public_id, before=old, email=user.email)
