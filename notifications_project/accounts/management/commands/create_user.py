"""`manage.py create_user` makes a user, for operators of a console with closed sign-up."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from notifications_project.accounts.forms import ProfileForm
from notifications_project.accounts.management.commands._output import (
    AnsweringCommand,
    check_email,
    get_or_create_user,
    give_password,
)


class Command(AnsweringCommand):
    help = (
        "Make a user, who signs in by e-mail and password. Run again, it finds the same user and changes nothing, "
        "but for a password where there was none."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("email", metavar="EMAIL")
        parser.add_argument("--name", default="", help="how others see the user")
        parser.add_argument("--password", help="for who has none yet; '-' reads it from standard input")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        email, name = check_email(options["email"]), _check_name(options["name"])
        user, created = get_or_create_user(email, name)
        note = give_password(user, created, options["password"], "The user")
        if name and name != user.name:
            note = f"{note} The name was ignored: the user is called {user.name or 'nothing'}.".strip()
        self.answer(options["json"], user=user.public_id, email=user.email, name=user.name, created=created, note=note)


def _check_name(name: str) -> str:
    form = ProfileForm({"name": name, "time_zone": "UTC"})
    if not form.is_valid():
        raise CommandError(f"The name cannot be used: {form.errors['name'][0]}")
    return str(form.cleaned_data["name"])
