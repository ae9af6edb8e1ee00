"""Makes an organization and its admin, for operators who script their installation."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import IntegrityError, transaction

from notifications_project.accounts import organizations
from notifications_project.accounts.management.commands._output import AnsweringCommand, checked_email, checked_name
from notifications_project.accounts.models import ApiToken, Organization, User
from notifications_project.accounts.roles import Role
from notifications_project.accounts.tokens import make_token

TOKEN_NAME = "create_organization"  # noqa: S105
TOKEN_LASTS = timedelta(days=365)


class Command(AnsweringCommand):
    help = (
        "Make an organization with its admin. Run again, it finds the same organization (same name, same admin) "
        "and changes nothing, but for a password where there was none. Prints the ids, and the API token once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", help="name of the organization")
        parser.add_argument("--admin", required=True, metavar="EMAIL", help="who is admin; made if missing")
        parser.add_argument("--password", help="for who has none yet; '-' reads it from standard input")
        parser.add_argument("--token", action="store_true", help="make an API token for this organization only")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        name, email = checked_name(options["name"]), checked_email(options["admin"])
        admin, admin_created = _user(email)
        about_password = _password(admin, admin_created, options["password"])
        organization, created = _organization(name, admin)
        secret, note = _token(admin, organization) if options["token"] else (None, "")
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


def _user(email: str) -> tuple[User, bool]:
    # The row is locked, so that two runs at once make one organization.
    user = User.objects.select_for_update().filter(email__iexact=email).first()
    if user is not None:
        if not user.is_active:
            raise CommandError(f"The user {email} is not active.")
        return user, False
    try:
        with transaction.atomic():
            return organizations.create_user(email=email, password=None), True
    except IntegrityError:  # another run has just made the same user
        return User.objects.select_for_update().get(email__iexact=email), False


def _password(user: User, created: bool, password: str | None) -> str:
    """Set it, unless the user has one already; returns what is to be told."""
    if user.has_usable_password():
        return "" if password is None else "The password was ignored: the admin has one already."
    if password is None:
        if settings.MAIL_CONFIGURED:
            return "The admin has no password yet: choose one by “Forgot your password?”."
        return "The admin has no password yet: run this again with --password -, and type one."
    if password == "-":  # noqa: S105
        password = sys.stdin.readline().rstrip("\n")
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise CommandError(f"The password cannot be used: {' '.join(error.messages)}") from None
    user.set_password(password)
    user.save(update_fields=["password"])
    return "" if created else "The password was set, as the admin had none."


def _organization(name: str, admin: User) -> tuple[Organization, bool]:
    teams = Organization.objects.filter(
        kind=Organization.Kind.TEAM, name=name, memberships__user=admin, memberships__role=Role.ADMIN
    )
    found = teams.order_by("created_at", "pk").first()
    return (found, False) if found else (organizations.create_organization(name=name, admin=admin), True)


def _token(admin: User, organization: Organization) -> tuple[str | None, str]:
    """The token's text, or why there is none."""
    made = ApiToken.objects.filter(user=admin, organization=organization, name=TOKEN_NAME)
    for token in made:
        if not token.is_expired:
            return (
                None,
                f"The token {token.token_key}… was made before and is not shown again; revoke it to get another.",
            )
    _, secret = make_token(user=admin, name=TOKEN_NAME, organization=organization, lasts=TOKEN_LASTS, by_operator=True)
    return secret, f"The token expires in {TOKEN_LASTS.days} days and is shown only now."
