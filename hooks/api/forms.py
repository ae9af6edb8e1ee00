"""Parse requests to the API of hooks. Only shapes are checked here; `hooks.manage.rules` checks the meaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from events.limits import Unfit, check_value
from events.models import Resource
from hooks.formats import FORMATS
from hooks.manage.rules import Notify, RateLimit
from hooks.models import Hook
from notifications_project import ids
from notifications_project.api.errors import make_invalid
from notifications_project.api.shapes import Shape, check, check_body

_SHARED: dict[str, Shape] = {
    "name": str,
    "events": (str, None),
    "resources": (str, None),
    "paused": bool,
    "enabled": bool,
}
_WEBHOOK: dict[str, Shape] = _SHARED | {
    "url": str,
    "format": str,
    "options": dict,
    "ordered": bool,
    "rate_limit": dict | None,
}
_EMAIL: dict[str, Shape] = _SHARED | {"notify": dict}
_NOTIFY: dict[str, Shape] = {"members": bool, "roles": (str,), "users": (str,), "addresses": (str,)}
_RATE_LIMIT: dict[str, Shape] = {"per_second": int | float, "burst": int}

_SHAPES: dict[str, dict[str, Shape]] = {Hook.Kind.WEBHOOK: _WEBHOOK, Hook.Kind.EMAIL: _EMAIL}
_DEFAULTS: dict[str, dict[str, Any]] = {
    Hook.Kind.WEBHOOK: {"url": "", "format": "raw", "options": {}, "ordered": False, "rate_limit": None},
    Hook.Kind.EMAIL: {},
}
_SHARED_DEFAULTS: dict[str, Any] = {"events": None, "resources": None, "paused": False, "enabled": True}

# Read-only fields. A change ignores them, so that the JSON of a GET can be sent back.
READ_ONLY = frozenset(
    {"id", "state", "description", "health", "created_at", "unsubscribed", "unconfirmed", "stopped", "failing"}
)


def parse_new_hook(sent: Any) -> tuple[str, dict[str, Any]]:
    """Return the kind, and the fields of a `WebhookSpec` or the arguments of `rules.create_email_hook`."""
    data = dict(check_body(sent))
    kind = data.pop("kind", None)
    if kind not in Hook.Kind.values:
        raise make_invalid({"kind": f"Must be {' or '.join(Hook.Kind.values)}."})
    return kind, _parse(kind, data, complete=True)


def parse_changes(hook: Hook, sent: Any, *, complete: bool) -> dict[str, Any]:
    """Return the arguments of `rules.update_hook`. If `complete` (PUT), missing fields get their defaults."""
    data = {name: value for name, value in check_body(sent).items() if name not in READ_ONLY}
    if data.pop("kind", hook.kind) != hook.kind:
        raise make_invalid({"kind": "The kind of a hook cannot be changed; make a new one."})
    return _parse(hook.kind, data, complete=complete)


def _parse(kind: str, data: dict[str, Any], *, complete: bool) -> dict[str, Any]:
    check(data, _SHAPES[kind], _list_required(kind, data) if complete else frozenset())
    if complete:
        data = _SHARED_DEFAULTS | _DEFAULTS[kind] | data
    if data.get("resources") is not None:
        data["resources"] = _parse_identifiers(data["resources"], "resources", *Resource.KINDS)
    if "notify" in data:
        data["notify"] = _notify(data["notify"])
    if data.get("rate_limit") is not None:
        data["rate_limit"] = _rate_limit(data["rate_limit"])
    if "options" in data:
        _check_storable(data["options"])
    return data


def _list_required(kind: str, data: dict[str, Any]) -> frozenset[str]:
    """Return the required fields: a URL is optional if the format has a default."""
    if kind == Hook.Kind.EMAIL:
        return frozenset({"name", "notify"})
    known = FORMATS.get(str(data.get("format")))
    return frozenset({"name"} if known and known.default_url else {"name", "url"})


def _notify(sent: dict[str, Any]) -> Notify:
    check(sent, _NOTIFY, where="notify.")
    users = _parse_identifiers(sent.get("users", []), "notify.users", "user")
    return Notify(**(sent | {"users": users}))


def _rate_limit(sent: dict[str, Any]) -> RateLimit:
    check(sent, _RATE_LIMIT, frozenset({"per_second"}), where="rate_limit.")
    return RateLimit(**sent)


def _parse_identifiers(texts: Sequence[str], field: str, *prefixes: str) -> list[UUID]:
    try:
        return [ids.decode(text, *prefixes) for text in texts]
    except ValueError as problem:
        raise make_invalid({field: f"Not an id: {problem}."}) from None


def _check_storable(options: dict[str, Any]) -> None:
    try:
        check_value(options, "options", depth=1)
    except Unfit as unfit:
        raise make_invalid({unfit.field: unfit.message}) from None
