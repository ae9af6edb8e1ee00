"""`manage.py add_member` adds an existing user to an organization."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from notifications_project.accounts import organizations
from notifications_project.accounts.management.commands._output import AnsweringCommand, check_email, find_organization
from notifications_project.accounts.organizations import MembershipError
from notifications_project.accounts.roles import Role


class Command(AnsweringCommand):
    help = "Add an existing user to an organization. Run again with the same role, it changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("organization", metavar="ORG_ID", help="orga_…")
        parser.add_argument("email", metavar="EMAIL")
        parser.add_argument("--role", required=True, help=f"one of {', '.join(Role.values)}")

    def handle(self, *args: Any, **options: Any) -> None:
        role, email = options["role"], check_email(options["email"])
        if role not in Role.values:
            raise CommandError(f"The role must be one of {', '.join(Role.values)}, not {role!r}.")
        organization = find_organization(options["organization"])
        membership = organization.memberships.select_related("user").filter(user__email__iexact=email).first()
        added = membership is None
        if membership is None:
            try:
                membership = organizations.add_member(organization=organization, email=email, role=role, actor=None)
            except MembershipError as error:
                raise CommandError(str(error)) from None
        elif membership.role != role:
            raise CommandError(
                f"{membership.user} is a member already, as {membership.role}. Roles change on the page."
            )
        self.answer(
            options["json"],
            organization=organization.public_id,
            user=membership.user.public_id,
            email=membership.user.email,
            role=membership.role,
            added=added,
        )
