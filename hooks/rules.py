"""Writing hooks: every check, every consequence for what waits, and the audit entry, in one transaction.

Pages and API only parse; what is allowed is decided here. Problems are raised as InvalidRule, by field.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from events import catalogue
from events.models import Resource
from hooks import waiting
from hooks.formats import FORMATS, webhook_formats
from hooks.models import Endpoint, Hook, Lane
from hooks.transports import outbound
from notifications_project.accounts import audit
from notifications_project.accounts.models import Organization, User
from notifications_project.accounts.roles import Role

DEFAULT_HOOK_NAME = "Default deployment result e-mails"
ROTATION = timedelta(hours=24)  # how long the secret before is still signed with
_MOST = 100  # recipients of one kind, resources or events of one hook


class InvalidRule(Exception):
    """What is wrong with a hook as it was asked for: `errors` maps a field's name to a message for people."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {message}" for name, message in errors.items()))
        self.errors = errors


@dataclass(frozen=True)
class Notify:
    """Whom an e-mail hook tells; at least one of the four."""

    members: bool = False
    roles: Sequence[str] = ()
    users: Sequence[UUID] = ()
    addresses: Sequence[str] = ()


@dataclass(frozen=True)
class RateLimit:
    """At most so many deliveries a second, after a pause up to `burst` at once."""

    per_second: float
    burst: int = 1

    @classmethod
    def of(cls, lane: Lane) -> RateLimit | None:
        """What was chosen for a lane, a whole number as such."""
        if lane.rate is None:
            return None
        return cls(int(lane.rate) if lane.rate.is_integer() else lane.rate, lane.burst)


def create_webhook(
    *,
    organization: Organization,
    actor: User | None,
    name: str,
    url: str,
    format: str = "raw",
    options: dict[str, Any] | None = None,
    events: Sequence[str] = (),
    resources: Sequence[UUID] = (),
    paused: bool = False,
    enabled: bool = True,
    ordered: bool = False,
    rate_limit: RateLimit | None = None,
) -> tuple[Hook, str]:
    """A new webhook and its signing secret, which is shown this once. Raises InvalidRule.

    `ordered`: a delivery is not begun before the one before it is settled, however long that takes.
    """
    options = options or {}
    # All checks come before the transaction: looking up a name may take its time, and nothing is to wait for that.
    _check(_name(name) | _url(url) | _format(format, options) | _events(events) | _resources(organization, resources))
    _check(_rate_limit(rate_limit))
    secret = new_secret()
    with transaction.atomic():
        endpoint = Endpoint.objects.create(
            organization=organization,
            kind=Endpoint.Kind.WEBHOOK,
            address=url,
            format=format,
            options=options,
            secrets={"signing": [{"key": secret, "until": None}]},
            lane=Lane.objects.create(
                organization=organization,
                transport=FORMATS[format].transport,
                ordered=ordered,
                **_rate_fields(rate_limit),
            ),
        )
        hook = _create(organization, Hook.Kind.WEBHOOK, name, events, resources, paused, enabled, endpoint=endpoint)
        audit.record(organization, actor, "hook.created", name, kind="webhook")
    return hook, secret


@transaction.atomic
def create_email_hook(
    *,
    organization: Organization,
    actor: User | None,
    name: str,
    notify: Notify,
    events: Sequence[str] = (),
    resources: Sequence[UUID] = (),
    paused: bool = False,
    enabled: bool = True,
) -> Hook:
    """A new e-mail hook. Raises InvalidRule."""
    _check(_name(name) | _notify(organization, notify) | _events(events) | _resources(organization, resources))
    hook = _create(organization, Hook.Kind.EMAIL, name, events, resources, paused, enabled, **_notify_fields(notify))
    hook.notify_users.set(User.objects.filter(pk__in=notify.users))
    audit.record(organization, actor, "hook.created", name, kind="email")
    return hook


def create_default_hook(organization: Organization) -> Hook:
    """The hook that every new organization has (DESIGN section 5; the name is the first seed's)."""
    return create_email_hook(
        organization=organization,
        actor=None,
        name=DEFAULT_HOOK_NAME,
        notify=Notify(members=True),
        events=["deployment-result"],
    )


_WEBHOOK_FIELDS = {
    "name", "url", "format", "options", "events", "resources", "paused", "enabled", "ordered", "rate_limit",
}  # fmt: skip
_EMAIL_FIELDS = {"name", "notify", "events", "resources", "paused", "enabled"}


def update_hook(hook: Hook, actor: User | None, **changes: Any) -> Hook:
    """Change what is named, by the names of creation. Raises InvalidRule.

    What waits follows: a new URL or format takes it along, pausing holds it, resuming lets it go, disabling
    cancels it. Enabling a hook whose endpoint was disabled (too long dead, 410) puts it to work again.
    """
    # The look-up of a name may take its time: it comes before anything is locked.
    errors = _url(changes["url"]) if "url" in changes and hook.kind == Hook.Kind.WEBHOOK else {}
    with transaction.atomic():
        return _update(_locked(hook), actor, changes, errors)


def _update(hook: Hook, actor: User | None, changes: dict[str, Any], errors: dict[str, str]) -> Hook:
    known = _WEBHOOK_FIELDS if hook.kind == Hook.Kind.WEBHOOK else _EMAIL_FIELDS
    _check(dict.fromkeys(changes.keys() - known, "There is no such field.") | errors | _changed_errors(hook, changes))
    if "resources" in changes:
        hook.resources.set(Resource.objects.filter(pk__in=changes["resources"]))
        hook.restricted = bool(changes["resources"])
    if "notify" in changes:
        for name, value in _notify_fields(changes["notify"]).items():
            setattr(hook, name, value)
        hook.notify_users.set(User.objects.filter(pk__in=changes["notify"].users))
    if changes.keys() & {"url", "format", "options"}:
        _change_endpoint(hook, changes)
    for name in changes.keys() & {"name", "events"}:
        setattr(hook, name, changes[name])
    _switch(hook, changes)
    _pace(hook, changes)
    hook.save()
    audit.record(hook.organization, actor, "hook.changed", hook.name, fields=sorted(changes))
    return hook


@transaction.atomic
def delete_hook(hook: Hook, actor: User | None) -> None:
    """Delete softly: it matches nothing any more, what waits only because of it is cancelled, history stays."""
    hook = _locked(hook)
    hook.deleted_at = timezone.now()
    hook.save(update_fields=["deleted_at"])
    if hook.endpoint:
        hook.endpoint.deleted_at = hook.deleted_at
        hook.endpoint.save(update_fields=["deleted_at"])
    waiting.cancel(hook, "The hook was deleted")
    audit.record(hook.organization, actor, "hook.deleted", hook.name, kind=hook.kind)


@transaction.atomic
def rotate_secret(hook: Hook, actor: User | None) -> str:
    """A new signing secret, shown this once. The one before is signed with as well for 24 hours."""
    hook = _locked(hook)
    endpoint = hook.endpoint
    if endpoint is None:
        raise InvalidRule({"secret": "An e-mail hook has no secret."})
    secret = new_secret()
    until = int((timezone.now() + ROTATION).timestamp())
    before = [{"key": entry["key"], "until": until} for entry in endpoint.secrets.get("signing", [])[:1]]
    endpoint.secrets = {**endpoint.secrets, "signing": [{"key": secret, "until": None}, *before]}
    endpoint.save(update_fields=["secrets"])
    audit.record(hook.organization, actor, "hook.secret_rotated", hook.name)
    return secret


def new_secret() -> str:
    """A Standard Webhooks secret: `whsec_` and 32 random bytes in base64."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


# --- Consequences --------------------------------------------------------------------------------------------


def _locked(hook: Hook) -> Hook:
    """The hook as it stands, with its organization's row locked: routing and changes of rules take turns.

    So is its endpoint, as workers lock it who write results: both change its state and what waits for it.
    """
    Organization.objects.select_for_update(no_key=True).get(pk=hook.organization_id)
    current = Hook.objects.existing().select_related("organization").filter(pk=hook.pk).first()
    if current is None:
        raise InvalidRule({"hook": "This hook was deleted meanwhile."})
    if current.endpoint_id:
        locked = Endpoint.objects.select_for_update(no_key=True).defer("secrets")
        current.endpoint = locked.get(pk=current.endpoint_id)
    return current


def _create(
    organization: Organization,
    kind: str,
    name: str,
    events: Sequence[str],
    resources: Sequence[UUID],
    paused: bool,
    enabled: bool,
    **fields: Any,
) -> Hook:
    hook = Hook.objects.create(
        organization=organization,
        kind=kind,
        name=name.strip(),
        events=list(events),
        restricted=bool(resources),
        paused=paused,
        paused_at=timezone.now() if paused else None,
        enabled=enabled,
        **fields,
    )
    hook.resources.set(Resource.objects.filter(pk__in=resources))
    return hook


def _change_endpoint(hook: Hook, changes: dict[str, Any]) -> None:
    endpoint = hook.endpoint
    assert endpoint is not None
    moved = "url" in changes and changes["url"] != endpoint.address
    endpoint.address = changes.get("url", endpoint.address)
    endpoint.format = changes.get("format", endpoint.format)
    endpoint.options = changes.get("options", endpoint.options)
    endpoint.save(update_fields=["address", "format", "options"])
    if moved:
        waiting.reactivate(endpoint)


def _pace(hook: Hook, changes: dict[str, Any]) -> None:
    """Order and rate are the lane's; whoever holds it keeps to what was before until the lease ends."""
    fields: dict[str, Any] = {"ordered": changes["ordered"]} if "ordered" in changes else {}
    if "rate_limit" in changes:
        fields |= _rate_fields(changes["rate_limit"])
    if fields and hook.endpoint:
        Lane.objects.filter(pk=hook.endpoint.lane_id).update(**fields)


def _switch(hook: Hook, changes: dict[str, Any]) -> None:
    paused, enabled = changes.get("paused", hook.paused), changes.get("enabled", hook.enabled)
    if not enabled and hook.enabled:
        waiting.cancel(hook, "The hook was disabled")
    if enabled and changes.get("enabled") and hook.endpoint and hook.endpoint.disabled_at:
        waiting.reactivate(hook.endpoint)
    was_paused = hook.paused
    hook.paused, hook.enabled = paused, enabled
    if paused and not was_paused:
        hook.paused_at = timezone.now()
        hook.save(update_fields=["paused", "paused_at"])
        waiting.hold(hook)
    elif was_paused and not paused:
        hook.paused_at = None
        hook.save(update_fields=["paused", "paused_at"])
        waiting.resume(hook)


# --- Checks: each gives problems by field, empty if there are none -------------------------------------------


def _check(errors: dict[str, str]) -> None:
    if errors:
        raise InvalidRule(errors)


def _changed_errors(hook: Hook, changes: dict[str, Any]) -> dict[str, str]:
    errors: dict[str, str] = {}
    if "name" in changes:
        errors |= _name(changes["name"])
    if hook.endpoint and changes.keys() & {"format", "options"}:
        chosen = changes.get("format", hook.endpoint.format)
        errors |= _format(chosen, changes.get("options", hook.endpoint.options))
    if "rate_limit" in changes:
        errors |= _rate_limit(changes["rate_limit"])
    if "events" in changes and changes["events"] != hook.events:
        errors |= _events(changes["events"], known=hook.events)
    if "resources" in changes:
        errors |= _resources(hook.organization, changes["resources"])
    if "notify" in changes:
        errors |= _notify(hook.organization, changes["notify"])
    return errors


def _name(name: str) -> dict[str, str]:
    if not name.strip():
        return {"name": "Give the hook a name."}
    if len(name) > 100 or not name.isprintable():
        return {"name": "A name has at most 100 printable characters."}
    return {}


def _url(url: str) -> dict[str, str]:
    try:
        outbound.check_url(url)
    except (outbound.Refused, outbound.BadAddress) as error:
        return {"url": str(error)}
    return {}


def _format(name: str, options: dict[str, Any]) -> dict[str, str]:
    offered = {known.name: known for known in webhook_formats()}
    if name not in offered:
        return {"format": f"Unknown format: choose one of {', '.join(offered)}."}
    problems = offered[name].check_options(options)
    return {"options": " ".join(f"{option}: {text}" for option, text in problems.items())} if problems else {}


def _rate_limit(limit: RateLimit | None) -> dict[str, str]:
    if limit and not (0.01 <= limit.per_second <= 1000 and 1 <= limit.burst <= 1000):
        return {"rate_limit": "Give 0.01 to 1000 deliveries a second, and a burst of 1 to 1000."}
    return {}


def _rate_fields(limit: RateLimit | None) -> dict[str, Any]:
    return {"rate": limit.per_second, "burst": limit.burst} if limit else {"rate": None, "burst": 1}


def _events(names: Sequence[str], known: Sequence[str] = ()) -> dict[str, str]:
    """Names that the hook had already are kept, even if the catalogue has lost them: a restriction stays one."""
    unknown = [
        name
        for name in names
        if name not in known and name not in catalogue.EVENT_TYPES and name not in catalogue.GROUPS
    ]
    if unknown:
        return {"events": f"Unknown event type or group: {', '.join(map(str, unknown[:5]))}."}
    return {"events": f"At most {_MOST} can be chosen."} if len(names) > _MOST else {}


def _resources(organization: Organization, resources: Sequence[UUID]) -> dict[str, str]:
    if len(resources) > _MOST:
        return {"resources": f"At most {_MOST} can be chosen."}
    found = Resource.objects.filter(organization=organization, pk__in=resources).count()
    if found != len(set(resources)):
        return {"resources": "An application or add-on is unknown here."}
    return {}


def _notify(organization: Organization, notify: Notify) -> dict[str, str]:
    if not (notify.members or notify.roles or notify.users or notify.addresses):
        return {"notify": "Choose who is told: members, roles, single members or addresses."}
    if max(len(notify.roles), len(notify.users), len(notify.addresses)) > _MOST:
        return {"notify": f"At most {_MOST} of a kind can be chosen."}
    unknown = set(notify.roles) - set(Role.values)
    if unknown:
        return {"notify": f"Unknown role: {', '.join(sorted(unknown))}."}
    members = organization.memberships.filter(user__in=notify.users).count()
    if members != len(set(notify.users)):
        return {"notify": "A chosen user is not a member."}
    for address in notify.addresses:
        try:
            validate_email(address)
        except ValidationError:
            return {"notify": f"{address!r} is not an e-mail address."}
    return {}


def _notify_fields(notify: Notify) -> dict[str, Any]:
    return {
        "notify_members": notify.members,
        "notify_roles": list(dict.fromkeys(notify.roles)),
        "notify_addresses": list({address.lower(): address for address in notify.addresses}.values()),
    }
