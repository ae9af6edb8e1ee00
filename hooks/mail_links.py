"""Links in mails that work without signing in. They are signed, so that nobody can make one up.

A link to unsubscribe works for ever: it names an endpoint and hooks, which retention never deletes, and its payload may
get further keys. A link to confirm an address works for a week.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core import signing

from notifications_project import ids

_UNSUBSCRIBE, _CONFIRM, _UNDO = "hooks.unsubscribe", "hooks.confirm", "hooks.undo"
_UNDONE_WITHIN = 24 * 3600  # seconds
_CONFIRMS_FOR = 7 * 24 * 3600  # seconds
# A header line has at most 998 characters (RFC 5322). Hooks without room are in the link of the next mail.
_MOST_HOOKS = 20


class BadLink(Exception):
    """The link was not made here, was damaged in transit, or is too old (`expired`)."""

    def __init__(self, *, expired: bool = False) -> None:
        super().__init__("expired" if expired else "bad")
        self.expired = expired


@dataclass(frozen=True)
class Mailed:
    """The mail that a link to unsubscribe came with: its endpoint and the hooks that asked for it.

    `event_type` is the type of its event if the recipient's settings or a default asked for it too, else empty.
    """

    endpoint: UUID
    hooks: tuple[UUID, ...]
    event_type: str = ""


def unsubscribe_url(endpoint: UUID, hooks: Sequence[str], event_type: str = "") -> str:
    """Return the URL that unsubscribes an endpoint from hooks, given by their public ids, and from an event type."""
    payload: dict[str, Any] = {"endpoint": str(endpoint), "hooks": list(hooks[:_MOST_HOOKS])}
    if event_type:
        payload["type"] = event_type
    return _build_url("unsubscribe", signing.dumps(payload, salt=_UNSUBSCRIBE, compress=True))


def read_unsubscribe(token: str) -> Mailed:
    """Verify and read the token of a link to unsubscribe. Raises BadLink."""
    payload = _read(token, _UNSUBSCRIBE)
    try:
        hooks = tuple(ids.decode(hook, "hook") for hook in payload["hooks"])
        return Mailed(UUID(payload["endpoint"]), hooks, str(payload.get("type", "")))
    except (KeyError, TypeError, ValueError):
        raise BadLink from None


def undo_token(mailed: Mailed, before: list[Any]) -> str:
    """Return a token with the settings before a link turned mail off. It undoes only that link, for a day."""
    payload = {"endpoint": str(mailed.endpoint), "type": mailed.event_type, "before": before}
    return signing.dumps(payload, salt=_UNDO, compress=True)


def read_undo(token: str, mailed: Mailed) -> list[Any]:
    """Return the settings in an undo token. Raises BadLink, also if it is for another address or event type."""
    payload = _read(token, _UNDO, _UNDONE_WITHIN)
    try:
        of, before = (payload["endpoint"], payload["type"]), list(payload["before"])
    except (KeyError, TypeError):
        raise BadLink from None
    if of != (str(mailed.endpoint), mailed.event_type):
        raise BadLink
    return before


def confirm_url(endpoint: UUID) -> str:
    return _build_url("confirm", signing.dumps({"endpoint": str(endpoint)}, salt=_CONFIRM, compress=True))


def read_confirm(token: str) -> UUID:
    """Return the endpoint in the token of a link to confirm an address. Raises BadLink."""
    payload = _read(token, _CONFIRM, _CONFIRMS_FOR)
    try:
        return UUID(str(payload["endpoint"]))
    except (KeyError, TypeError, ValueError):
        raise BadLink from None


def _build_url(page: str, token: str) -> str:
    """Return the URL of a page in `hooks.urls`. It is not reversed there: workers would load all views for that."""
    return f"{settings.PUBLIC_URL}/{page}/{token}/"


def _read(token: str, salt: str, seconds: int | None = None) -> Any:
    try:
        return signing.loads(token, salt=salt, max_age=seconds)
    except signing.SignatureExpired:
        raise BadLink(expired=True) from None
    except Exception:  # also for a signed payload that cannot be unpacked
        raise BadLink from None
