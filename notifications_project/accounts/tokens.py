"""API tokens are made and revoked here; `authentication` checks them."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from notifications_project.accounts import audit
from notifications_project.accounts.models import ApiToken, Organization, User
from notifications_project.accounts.organizations import ensure_personal_space
from notifications_project.accounts.signals import token_made, token_revoked


@transaction.atomic
def make_token(
    *, user: User, name: str, organization: Organization | None, lasts: timedelta | None, by_operator: bool = False
) -> tuple[ApiToken, str]:
    """Make a token; return it with its secret text, which is stored nowhere. With `lasts` None it never expires.

    Its user gets a notification, unless an operator makes the token with a command.
    """
    token, secret = ApiToken.objects.create(user, expiry=lasts, name=name, organization=organization)
    audit.record(_get_audited_organization(token), user, "token.created", name, beginning=token.token_key)
    if not by_operator:
        token_made.send(ApiToken, user=user, name=name)
    return token, secret


@transaction.atomic
def revoke_token(token: ApiToken) -> None:
    """Delete a token at once, and notify its user."""
    audit.record(_get_audited_organization(token), token.user, "token.revoked", token.name, beginning=token.token_key)
    token_revoked.send(ApiToken, user=token.user, name=token.name)
    token.delete()


def _get_audited_organization(token: ApiToken) -> Organization:
    """Return the organization whose audit log records the token: its own, else the user's personal space."""
    return token.organization or ensure_personal_space(token.user)
