"""The links in mails that work without signing in: signed, so that only who got the mail can follow them.

A link to unsubscribe names an address and hooks, nothing that retention takes, and works for ever; its payload may
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
# A header's line has at most 998 characters. The next mail names those hooks that this one has no room for.
_MOST_HOOKS = 20


class BadLink(Exception):
    """Not made here, garbled on its way, or too old (`expired`)."""

    def __init__(self, *, expired: bool = False) -> None:
        super().__init__("expired" if expired else "bad")
        self.expired = expired


@dataclass(frozen=True)
class Mailed:
    """What a link to unsubscribe is about: a mail to this endpoint that these hooks asked for.

    `event_type`: if the settings of its receiver, or a default, asked for it as well, the type that it was about.
    """

    endpoint: UUID
    hooks: tuple[UUID, ...]
    event_type: str = ""


def unsubscribe_url(endpoint: UUID, hooks: Sequence[str], event_type: str = "") -> str:
    """`hooks`: their public ids."""
    payload: dict[str, Any] = {"endpoint": str(endpoint), "hooks": list(hooks[:_MOST_HOOKS])}
    if event_type:
        payload["type"] = event_type
    return _url("unsubscribe", signing.dumps(payload, salt=_UNSUBSCRIBE, compress=True))


def read_unsubscribe(token: str) -> Mailed:
    """Raises BadLink."""
    payload = _read(token, _UNSUBSCRIBE)
    try:
        hooks = tuple(ids.decode(hook, "hook") for hook in payload["hooks"])
        return Mailed(UUID(payload["endpoint"]), hooks, str(payload.get("type", "")))
    except (KeyError, TypeError, ValueError):
        raise BadLink from None


def undo_token(mailed: Mailed, before: list[Any]) -> str:
    """What stood before a link turned mail off, for the button that takes it back: good for that link, for a day."""
    payload = {"endpoint": str(mailed.endpoint), "type": mailed.event_type, "before": before}
    return signing.dumps(payload, salt=_UNDO, compress=True)


def read_undo(token: str, mailed: Mailed) -> list[Any]:
    """What stood before. Raises BadLink, also if that was of another address or of another type."""
    payload = _read(token, _UNDO, _UNDONE_WITHIN)
    try:
        of, before = (payload["endpoint"], payload["type"]), list(payload["before"])
    except (KeyError, TypeError):
        raise BadLink from None
    if of != (str(mailed.endpoint), mailed.event_type):
        raise BadLink
    return before


def confirm_url(endpoint: UUID) -> str:
    return _url("confirm", signing.dumps({"endpoint": str(endpoint)}, salt=_CONFIRM, compress=True))


def read_confirm(token: str) -> UUID:
    """Raises BadLink."""
    payload = _read(token, _CONFIRM, _CONFIRMS_FOR)
    try:
        return UUID(payload["endpoint"])
    except (KeyError, TypeError, ValueError):
        raise BadLink from None


def _url(page: str, token: str) -> str:
    """As `hooks.urls` has it; not looked up there, as workers would load all pages for it."""
    return f"{settings.PUBLIC_URL}/{page}/{token}/"


def _read(token: str, salt: str, seconds: int | None = None) -> Any:
    try:
        return signing.loads(token, salt=salt, max_age=seconds)
    except signing.SignatureExpired:
        raise BadLink(expired=True) from None
    except Exception:  # also what is signed and cannot be unpacked
        raise BadLink from None
