"""The changes to a hook that change anything: consequences and the audit log are about these alone."""

from __future__ import annotations

from typing import Any

from hooks.endpoints.options import read_options
from hooks.manage.validation import Notify, RateLimit
from hooks.models import Endpoint, Hook, Lane


def find_changed_fields(hook: Hook, changes: dict[str, Any]) -> dict[str, Any]:
    """Return those of `changes` (the names are those of `rules.update_hook`) by which the hook becomes another."""
    stands = _read_current_values(hook, changes)
    return {
        name: value
        for name, value in changes.items()
        if name not in stands or _make_comparable(name, value) != stands[name]
    }


def _read_current_values(hook: Hook, changes: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"name": hook.name, "events": hook.events, "paused": hook.paused}
    endpoint = hook.endpoint
    # Enabling a hook whose endpoint was disabled puts that to work again, also if the hook itself was enabled.
    if not (changes.get("enabled") and endpoint and endpoint.disabled_at):
        found["enabled"] = hook.enabled
    if "resources" in changes:
        found["resources"] = set(hook.resources.values_list("pk", flat=True)) if hook.restricted else None
    if "notify" in changes:
        users = list(hook.notify_users.values_list("pk", flat=True))
        found["notify"] = _make_comparable(
            "notify", Notify(hook.notify_members, hook.notify_roles, users, hook.notify_addresses)
        )
    if endpoint:
        found |= _read_endpoint(endpoint)
        if {"ordered", "rate_limit"} & changes.keys():
            lane = Lane.objects.get(pk=endpoint.lane_id)
            found |= {"ordered": lane.ordered, "rate_limit": RateLimit.of(lane)}
    return found


def _read_endpoint(endpoint: Endpoint) -> dict[str, Any]:
    return {"url": endpoint.whole_address, "format": endpoint.format, "options": read_options(endpoint)}


def _make_comparable(name: str, value: Any) -> Any:
    """Without what makes no difference: the order of the chosen, an address that is given twice."""
    if isinstance(value, Notify):
        addresses = {address.lower(): address for address in value.addresses}
        return value.members, set(value.roles), set(value.users), set(addresses.values())
    return set(value) if name == "resources" and value is not None else value
