"""Writing hooks: every check, every consequence for what waits, and the audit entry, in one transaction.

Pages and API only parse; what is allowed is decided here. Problems are raised as InvalidRule, by field.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from events.models import Resource
from hooks.consent import confirming
from hooks.endpoints import webhooks
from hooks.endpoints.options import is_shown_url, merge_options
from hooks.endpoints.validation import InvalidRule, check, find_destination_problem, format_problem, read_url
from hooks.locking import lock_endpoint, lock_organization
from hooks.manage.changes import find_changed_fields
from hooks.manage.specs import HookFilter, Switches, WebhookSpec
from hooks.manage.validation import (
    Notify,
    RateLimit,
    find_errors,
    find_events_problem,
    find_resources_problem,
    name_problem,
    notify_problem,
    rate_problem,
)
from hooks.models import Hook, Lane
from hooks.queue import pending
from hooks.queue.wakeup import wake
from hooks.remarks import Remark, RemarkCode
from notifications_project.accounts import audit
from notifications_project.accounts.models import Organization, User
from notifications_project.spelling import normalize_text

DEFAULT_HOOK_NAME = "Default deployment result e-mails"
_REPLACED = {"replaced": "a secret that no key in ENCRYPTION_KEYS reads"}


def create_webhook(*, organization: Organization, actor: User | None, spec: WebhookSpec) -> tuple[Hook, str]:
    """A new webhook and its signing secret, which is shown this once. Raises InvalidRule."""
    name, format = normalize_text(spec.name), spec.destination.format
    url, found = webhooks.adopt(format, spec.destination.url)
    options = {**found, **spec.destination.options}
    # All checks come before the transaction: looking up a name may take its time, and nothing is to wait for that.
    url, problem = read_url(url or webhooks.get_default_url(format))
    check(
        name_problem(name)
        | find_destination_problem(url, format, options)
        | problem
        | format_problem(format, options)
        | find_events_problem(spec.filter.events)
        | find_resources_problem(organization, spec.filter.resources)
    )
    check(rate_problem(spec.pace.rate_limit))
    with transaction.atomic():
        pace = {"ordered": spec.pace.ordered, **_rate_fields(spec.pace.rate_limit)}
        endpoint, secret = webhooks.create_endpoint(organization, url, format, options, **pace)
        new = Hook(organization=organization, kind=Hook.Kind.WEBHOOK, name=name, endpoint=endpoint)
        hook = _create(new, spec.filter, spec.switches)
        audit.record(organization, actor, "hook.created", name, kind="webhook")
    return hook, secret


@transaction.atomic
def create_email_hook(
    *,
    organization: Organization,
    actor: User | None,
    name: str,
    notify: Notify,
    events: Sequence[str] | None = None,
    resources: Sequence[UUID] | None = None,
    paused: bool = False,
    enabled: bool = True,
) -> Hook:
    """A new e-mail hook. Raises InvalidRule."""
    name = normalize_text(name)
    check(
        name_problem(name)
        | notify_problem(organization, notify)
        | find_events_problem(events)
        | find_resources_problem(organization, resources)
    )
    new = Hook(organization=organization, kind=Hook.Kind.EMAIL, name=name, **_notify_fields(notify))
    hook = _create(new, HookFilter(events, resources), Switches(paused, enabled))
    hook.notify_users.set(User.objects.filter(pk__in=notify.users))
    confirming.ask_addresses(hook)
    audit.record(organization, actor, "hook.created", name, kind="email")
    return hook


def create_default_hook(organization: Organization) -> Hook:
    """The hook that every new organization has (docs/who-is-told.md)."""
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
    if hook.endpoint and not changes.get("url", "given"):
        changes["url"] = webhooks.get_default_url(changes.get("format", hook.endpoint.format))
    if "name" in changes:
        changes["name"] = normalize_text(changes["name"])
    if hook.endpoint and is_shown_url(hook.endpoint, changes.get("url", "")):
        del changes["url"]
    if hook.endpoint and "url" in changes:
        changes["url"], found = webhooks.adopt(changes.get("format", hook.endpoint.format), changes["url"])
        if found:
            sent = changes.get("options")
            changes["options"] = {**hook.endpoint.options, **found} if sent is None else {**found, **sent}
    # The look-up of a name may take its time: it comes before anything is locked.
    errors: dict[str, str] = {}
    if hook.endpoint and "url" in changes:
        changes["url"], errors = read_url(changes["url"])
    with transaction.atomic():
        changed = _update(_lock(hook), actor, changes, errors)
        wake()  # what was held may go now
        return changed


def _update(hook: Hook, actor: User | None, changes: dict[str, Any], errors: dict[str, str]) -> Hook:
    known = _WEBHOOK_FIELDS if hook.kind == Hook.Kind.WEBHOOK else _EMAIL_FIELDS
    if hook.endpoint and changes.keys() & {"format", "options"}:
        chosen = changes.get("format", hook.endpoint.format)
        changes = {**changes, "options": merge_options(hook.endpoint, chosen, changes.get("options"))}
    check(
        dict.fromkeys(changes.keys() - known, gettext("There is no such field.")) | errors | find_errors(hook, changes)
    )
    changes = find_changed_fields(hook, changes)
    if not changes:
        return hook
    if "resources" in changes:
        hook.resources.set(Resource.objects.filter(pk__in=changes["resources"] or ()))
        hook.restricted = changes["resources"] is not None
    if "notify" in changes:
        for name, value in _notify_fields(changes["notify"]).items():
            setattr(hook, name, value)
        hook.notify_users.set(User.objects.filter(pk__in=changes["notify"].users))
        confirming.ask_addresses(hook)
    if hook.endpoint and changes.keys() & {"url", "format", "options"}:
        webhooks.update_endpoint(hook.endpoint, changes)
    for name in changes.keys() & {"name", "events"}:
        setattr(hook, name, changes[name])
    _switch(hook, changes)
    _set_pace(hook, changes)
    hook.save()
    audit.record(hook.organization, actor, "hook.changed", hook.name, fields=sorted(changes))
    return hook


@transaction.atomic
def delete_hook(hook: Hook, actor: User | None) -> None:
    """Delete softly: it matches nothing any more, what waits only because of it is cancelled, history stays."""
    hook = _lock(hook)
    hook.deleted_at = timezone.now()
    hook.save(update_fields=["deleted_at"])
    if hook.endpoint:
        hook.endpoint.deleted_at = hook.deleted_at
        hook.endpoint.save(update_fields=["deleted_at"])
    pending.cancel_for_hook(hook, Remark(RemarkCode.HOOK_DELETED))
    audit.record(hook.organization, actor, "hook.deleted", hook.name, kind=hook.kind)


@transaction.atomic
def rotate_secret(hook: Hook, actor: User | None) -> str:
    """A new signing secret, shown this once. The one before is signed with as well for 24 hours.

    One that no key of ENCRYPTION_KEYS reads is replaced: what waited because it could not be signed goes out.
    """
    hook = _lock(hook)
    if hook.endpoint is None:
        raise InvalidRule({"secret": gettext("An e-mail hook has no secret.")})
    secret, lost = webhooks.rotate_secret(hook.endpoint)
    audit.record(hook.organization, actor, "hook.secret_rotated", hook.name, **_REPLACED if lost else {})
    return secret


def has_lost_secret(hook: Hook) -> bool:
    """Return True if nothing can be signed until the secret is rotated."""
    return webhooks.has_lost_secret(hook.endpoint)


# --- Consequences --------------------------------------------------------------------------------------------


def _lock(hook: Hook) -> Hook:
    """The hook as it stands, with its organization and its endpoint locked."""
    lock_organization(hook.organization_id)
    current = Hook.objects.existing().select_related("organization").filter(pk=hook.pk).first()
    if current is None:
        raise InvalidRule({"hook": gettext("This hook was deleted meanwhile.")})
    if current.endpoint_id:
        current.endpoint = lock_endpoint(current.endpoint_id)
    return current


def _create(hook: Hook, filter: HookFilter, switches: Switches) -> Hook:
    """Save a new hook with what it is about, and its switches."""
    hook.events = None if filter.events is None else list(filter.events)
    hook.restricted = filter.resources is not None
    hook.paused, hook.enabled = switches.paused, switches.enabled
    hook.paused_at = timezone.now() if switches.paused else None
    hook.save()
    hook.resources.set(Resource.objects.filter(pk__in=filter.resources or ()))
    return hook


def _set_pace(hook: Hook, changes: dict[str, Any]) -> None:
    """Order and rate are the lane's; whoever holds it keeps to what was before until the lease ends."""
    fields: dict[str, Any] = {"ordered": changes["ordered"]} if "ordered" in changes else {}
    if "rate_limit" in changes:
        fields |= _rate_fields(changes["rate_limit"])
    if fields and hook.endpoint:
        Lane.objects.filter(pk=hook.endpoint.lane_id).update(**fields)


def _switch(hook: Hook, changes: dict[str, Any]) -> None:
    paused, enabled = changes.get("paused", hook.paused), changes.get("enabled", hook.enabled)
    if not enabled and hook.enabled:
        pending.cancel_for_hook(hook, Remark(RemarkCode.HOOK_DISABLED))
    if enabled and changes.get("enabled") and hook.endpoint and hook.endpoint.disabled_at:
        pending.reactivate(hook.endpoint)
    was_paused = hook.paused
    hook.paused, hook.enabled = paused, enabled
    if paused and not was_paused:
        hook.paused_at = timezone.now()
        hook.save(update_fields=["paused", "paused_at"])
        pending.hold_for_hook(hook)
    elif was_paused and not paused:
        hook.paused_at = None
        hook.save(update_fields=["paused", "paused_at"])
        pending.release_for_hook(hook)


def _notify_fields(notify: Notify) -> dict[str, Any]:
    return {
        "notify_members": notify.members,
        "notify_roles": list(dict.fromkeys(notify.roles)),
        "notify_addresses": list({address.lower(): address for address in notify.addresses}.values()),
    }


def _rate_fields(limit: RateLimit | None) -> dict[str, Any]:
    return {"rate": limit.per_second, "burst": limit.burst} if limit else {"rate": None, "burst": 1}


__all__ = [
    "DEFAULT_HOOK_NAME",
    "InvalidRule",
    "Notify",
    "RateLimit",
    "WebhookSpec",
    "create_default_hook",
    "create_email_hook",
    "create_webhook",
    "delete_hook",
    "has_lost_secret",
    "rotate_secret",
    "update_hook",
]
