"""Who calls the API: bearer tokens."""

from __future__ import annotations

from datetime import timedelta

from django.db import OperationalError
from django.db.models import Q
from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from rest_framework.exceptions import AuthenticationFailed

from notifications_project.accounts.models import ApiToken, User
from notifications_project.runtime.outage import FULL, outage_of

_NOTED_EVERY = timedelta(minutes=1)


class ApiTokenAuthentication(TokenAuthentication):  # type: ignore[misc]
    """`Authorization: Bearer nct_…`; gives (user, ApiToken).

    Unlike the library's own, an expired token stays in the table, so that its page can say that it expired.
    """

    def authenticate_credentials(self, token: bytes) -> tuple[User, ApiToken]:
        try:
            digest = hash_token(token.decode())
        except UnicodeDecodeError as error:
            raise AuthenticationFailed("The API token is not valid.") from error
        # The token is long and random and only its hash is compared, so looking it up leaks nothing by timing.
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
    """Keep `last_used_at`, written at most once a minute however many requests run at once."""
    now = timezone.now()
    stale = now - _NOTED_EVERY
    if token.last_used_at is None or token.last_used_at < stale:
        due = ApiToken.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=stale), pk=token.pk)
        try:
            due.update(last_used_at=now)
        except OperationalError as error:
            if outage_of(error) is not FULL:  # on a full disk what needs no room still works
                raise
