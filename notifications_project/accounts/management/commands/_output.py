"""What the commands about people share: errors as one line, answers as lines or as JSON."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from notifications_project import ids
from notifications_project.accounts.forms import OrganizationForm
from notifications_project.accounts.models import Organization
from notifications_project.mail_addresses import BadMailAddress, normalize
from notifications_project.management.ready import ReadyCommand


class AnsweringCommand(ReadyCommand):
    """A command that scripts call: prints `name: value` lines, or one JSON object with --json."""

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


def checked_email(email: str) -> str:
    """Return the stored form of an address."""
    try:
        return normalize(email)
    except BadMailAddress as error:
        raise CommandError(str(error)) from None


def checked_name(name: str) -> str:
    form = OrganizationForm({"name": name})
    if not form.is_valid():
        raise CommandError(f"The name cannot be used: {form.errors['name'][0]}")
    return str(form.cleaned_data["name"])


def organization_by_id(public_id: str) -> Organization:
    try:
        found = Organization.objects.filter(pk=ids.decode(public_id, "orga", "user")).first()
    except ValueError as error:
        raise CommandError(f"{public_id!r} is not the id of an organization: {error}") from None
    if found is None or found.public_id != public_id:
        raise CommandError(f"There is no organization {public_id}.")
    return found
