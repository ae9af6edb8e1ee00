"""Shared parts of the commands about people: errors as one line, answers as lines or as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import IntegrityError, transaction

from notifications_project import ids
from notifications_project.accounts import organizations
from notifications_project.accounts.forms import OrganizationForm
from notifications_project.accounts.models import Organization, User
from notifications_project.mail.addresses import BadMailAddress, normalize
from notifications_project.management.ready import ReadyCommand


class AnsweringCommand(ReadyCommand):
    """A command for scripts that prints `name: value` lines, or one JSON object with --json."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def answer(self, as_json: bool, **values: Any) -> None:
        if as_json:
            self.stdout.write(json.dumps(values))
            return
        for name, value in values.items():
            if value not in {None, ""}:
                shown = str(value).lower() if isinstance(value, bool) else value
                self.stdout.write(f"{name}: {shown}")


def give_password(user: User, created: bool, password: str | None, called: str) -> str:
    """Set the password unless the user has one, and return a sentence about it for the operator.

    The password `-` is read from standard input. `called` names the user in the sentence, as in "The admin". Raises
    CommandError for a password that cannot be used.
    """
    if user.has_usable_password():
        return "" if password is None else f"The password was ignored: {called.lower()} has one already."
    if password is None:
        if settings.MAIL_CONFIGURED:
            return f"{called} has no password yet: choose one by “Forgot your password?”."
        return f"{called} has no password yet: run this again with --password -, and type one."
    if password == "-":  # noqa: S105
        password = sys.stdin.readline().rstrip("\n")
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise CommandError(f"The password cannot be used: {' '.join(error.messages)}") from None
    user.set_password(password)
    user.save(update_fields=["password"])
    return "" if created else f"The password was set, as {called.lower()} had none."


def get_or_create_user(email: str, name: str = "") -> tuple[User, bool]:
    """Find or make a user and lock the row in the caller's transaction, so that two runs at once make nothing twice."""
    user = User.objects.select_for_update().filter(email__iexact=email).first()
    if user is not None:
        if not user.is_active:
            raise CommandError(f"The user {email} is not active.")
        return user, False
    try:
        with transaction.atomic():
            return organizations.create_user(email=email, password=None, name=name), True
    except IntegrityError:  # another run has just made the user
        return User.objects.select_for_update().get(email__iexact=email), False


def check_email(email: str) -> str:
    """Return the stored form of an address. Raises CommandError."""
    try:
        return normalize(email)
    except BadMailAddress as error:
        raise CommandError(str(error)) from None


def check_name(name: str) -> str:
    form = OrganizationForm({"name": name})
    if not form.is_valid():
        raise CommandError(f"The name cannot be used: {form.errors['name'][0]}")
    return str(form.cleaned_data["name"])


def find_organization(public_id: str) -> Organization:
    try:
        found = Organization.objects.filter(pk=ids.decode(public_id, "orga", "user")).first()
    except ValueError as error:
        raise CommandError(f"{public_id!r} is not the id of an organization: {error}") from None
    if found is None or found.public_id != public_id:
        raise CommandError(f"There is no organization {public_id}.")
    return found
