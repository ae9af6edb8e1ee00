"""Authentication of API requests by bearer tokens."""

from __future__ import annotations

from datetime import timedelta

from django.db import OperationalError
from django.db.models import Q
from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from rest_framework.exceptions import AuthenticationFailed

from notifications_project.accounts.models import ApiToken, User
from notifications_project.runtime.outage import FULL, find_outage

_NOTED_EVERY = timedelta(minutes=1)


class ApiTokenAuthentication(TokenAuthentication):  # type: ignore[misc]
    """Authentication by `Authorization: Bearer nct_…`; gives the user and the ApiToken.

    The library's own class deletes expired tokens. Here they stay in the table, so that the page of tokens can say
    that they expired.
    """

    def authenticate_credentials(self, token: bytes) -> tuple[User, ApiToken]:
        try:
            digest = hash_token(token.decode())
        except UnicodeDecodeError as error:
            raise AuthenticationFailed("The API token is not valid.") from error
        # Looking the token up leaks nothing by timing: it is long and random, and only its hash is compared.
        found = ApiToken.objects.select_related("user").filter(digest=digest).first()
        if found is None:
            raise AuthenticationFailed("The API token is not valid.")
        if found.is_expired:
            raise AuthenticationFailed(f"The API token expired at {found.expiry:%Y-%m-%dT%H:%M:%SZ}. Make a new one.")
        if not found.user.is_active:
            raise AuthenticationFailed("The user of this API token is not active.")
        _note_use(found)
        return found.user, found


def _note_use(token: ApiToken) -> None:
    """Write `last_used_at`, at most once a minute however many requests run at once."""
    now = timezone.now()
    stale = now - _NOTED_EVERY
    if token.last_used_at is None or token.last_used_at < stale:
        due = ApiToken.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=stale), pk=token.pk)
        try:
            due.update(last_used_at=now)
        except OperationalError as error:
            if find_outage(error) is not FULL:  # on a full disk requests that only read must still work
                raise
