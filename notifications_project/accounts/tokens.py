"""API tokens: made, revoked. Their use is in `authentication`."""

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
    """A new token and its secret text, which exists nowhere else. `lasts` None: it never expires.

    Its user is told of it, unless the operator made it while setting things up.
    """
    token, secret = ApiToken.objects.create(user, expiry=lasts, name=name, organization=organization)
    audit.record(_audited_in(token), user, "token.created", name, beginning=token.token_key)
    if not by_operator:
        token_made.send(ApiToken, user=user, name=name)
    return token, secret


@transaction.atomic
def revoke_token(token: ApiToken) -> None:
    """End a token at once, and tell its user."""
    audit.record(_audited_in(token), token.user, "token.revoked", token.name, beginning=token.token_key)
    token_revoked.send(ApiToken, user=token.user, name=token.name)
    token.delete()


def _audited_in(token: ApiToken) -> Organization:
    """A token for every organization is its user's own matter."""
    return token.organization or ensure_personal_space(token.user)
