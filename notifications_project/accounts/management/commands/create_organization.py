"""`manage.py create_organization` makes an organization and its administrator, for scripted installations."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from notifications_project.accounts import organizations
from notifications_project.accounts.management.commands._output import (
    AnsweringCommand,
    check_email,
    check_name,
    get_or_create_user,
    give_password,
)
from notifications_project.accounts.models import ApiToken, Organization, User
from notifications_project.accounts.roles import Role
from notifications_project.accounts.tokens import make_token
from notifications_project.spelling import normalize_text

TOKEN_NAME = "create_organization"  # noqa: S105
TOKEN_LASTS = timedelta(days=365)


class Command(AnsweringCommand):
    help = (
        "Make an organization with its administrator. Run again, it finds the same organization (same name, same "
        "administrator) and changes nothing, but for a password where there was none. Prints the ids, and the API "
        "token once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", help="name of the organization")
        parser.add_argument(
            "--admin", required=True, metavar="EMAIL", help="address of the administrator; the user is made if missing"
        )
        parser.add_argument("--password", help="for who has none yet; '-' reads it from standard input")
        parser.add_argument("--new", action="store_true", help="make it even if there is another one of that name")
        parser.add_argument("--token", action="store_true", help="make an API token for this organization only")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        name, email = check_name(options["name"]), check_email(options["admin"])
        admin, admin_created = get_or_create_user(email)
        about_password = give_password(admin, admin_created, options["password"], "The administrator")
        organization, created = _get_or_create_organization(name, admin, new=options["new"])
        secret, note = _create_token(admin, organization) if options["token"] else (None, "")
        self.answer(
            options["json"],
            organization=organization.public_id,
            name=organization.name,
            created=created,
            admin=admin.public_id,
            email=admin.email,
            admin_created=admin_created,
            token=secret,
            note=f"{note} {about_password}".strip(),
        )


def _get_or_create_organization(name: str, admin: User, *, new: bool) -> tuple[Organization, bool]:
    """Find or make the organization of this name and administrator. Raises CommandError if the name is taken."""
    name = normalize_text(name)
    teams = Organization.objects.filter(kind=Organization.Kind.TEAM).order_by("created_at", "pk")
    found = teams.filter(name=name, memberships__user=admin, memberships__role=Role.ADMIN).first()
    if found is not None:
        return found, False
    other = teams.filter(name__iexact=name).first()
    if other is not None and not new:
        its_admin = other.memberships.select_related("user").filter(role=Role.ADMIN).order_by("pk").first()
        known = f", whose administrator is {its_admin.user.email}" if its_admin else ""
        raise CommandError(
            f"There is an organization {other.name!r} already: {other.public_id}{known}. Add {admin.email} to it with "
            f"add_member, or give --new to make another one of that name."
        )
    return organizations.create_organization(name=name, admin=admin), True


def _create_token(admin: User, organization: Organization) -> tuple[str | None, str]:
    """Return the text of a new token, or None, and a sentence that says why there is none."""
    made = ApiToken.objects.filter(user=admin, organization=organization, name=TOKEN_NAME)
    for token in made:
        if not token.is_expired:
            return (
                None,
                f"The token {token.token_key}… was made before and is not shown again; revoke it to get another.",
            )
    _, secret = make_token(user=admin, name=TOKEN_NAME, organization=organization, lasts=TOKEN_LASTS, by_operator=True)
    return secret, f"The token expires in {TOKEN_LASTS.days} days and is shown only now."
