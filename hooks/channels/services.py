"""A user's own channels: set up, changed, silenced and removed, in the user's personal space.

E-mail and iOS have no endpoint here: mail goes to the user's address, pushes to the user's devices
(`hooks.endpoints.devices`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext

from hooks import clock
from hooks.audience.quiet_times import find_quiet_end
from hooks.consent import suppressing
from hooks.deliveries import digests
from hooks.endpoints import webhooks
from hooks.endpoints.options import is_shown_url, merge_options
from hooks.endpoints.validation import InvalidRule, check, find_destination_problem, format_problem, read_url
from hooks.formats import FORMATS
from hooks.locking import lock_endpoint, lock_organizations_of
from hooks.models import Channel, Delivery, DeliveryQuerySet, Device, Endpoint, EndpointQuerySet, NotificationSetting
from hooks.queue import pending as queue_pending
from hooks.queue.wakeup import wake
from hooks.remarks import Remark, RemarkCode
from notifications_project.accounts import audit
from notifications_project.accounts.models import Organization, User
from notifications_project.accounts.organizations import ensure_personal_space

Kind = Channel.Kind
WITH_ENDPOINT = (Kind.HIPCHAT, Kind.WEBHOOK)
LONGEST_SNOOZE = timedelta(days=366)


@dataclass(frozen=True)
class RemovalImpact:
    """The consequences of removing a channel: choices without effect, and deliveries cancelled."""

    chosen: list[NotificationSetting] = field(default_factory=list)  # with their organizations and resources
    waiting: int = 0


def list_channels(user: User) -> dict[str, Channel]:
    """Return the channels that the user has set up, by kind."""
    found = Channel.objects.filter(user=user).select_related("endpoint")
    return {channel.kind: channel for channel in found}


def set_up(
    user: User, kind: str, *, url: str = "", format: str = "", options: Mapping[str, Any]
) -> tuple[Channel, str]:
    """Create or change the user's HipChat or webhook; return it with its signing secret if that is new, else "".

    `options`: all of them; a secret one that is missing, or as it is shown, stays as it was. What waits goes where the
    channel leads now. Raises InvalidRule with `url`, `format` and `options.<name>`.
    """
    if kind not in WITH_ENDPOINT:
        raise InvalidRule({"channel": gettext("Only HipChat and the webhook are set up like this.")})
    format = "hipchat" if kind == Kind.HIPCHAT else format or "raw"
    url = url or webhooks.get_default_url(format)
    known = list_channels(user).get(kind)
    if known and known.endpoint and is_shown_url(known.endpoint, url):
        url = known.endpoint.whole_address
        problems = {} if url else {"url": gettext("Its URL cannot be read any more: enter it again.")}
    else:
        url, found = webhooks.adopt(format, url)
        options = {**found, **options}
        url, problems = read_url(url)  # looks up a name: before anything is locked
    with transaction.atomic():
        space = _lock_space(user)
        channel = list_channels(user).get(kind)
        before = _lock(channel) if channel else None
        chosen = merge_options(before, format, options) if before else dict(options)
        check(find_destination_problem(url, format, chosen) | problems | format_problem(format, chosen))
        if channel and before:
            webhooks.update_endpoint(before, {"url": url, "format": format, "options": chosen})
            audit.record(space, user, "channel.changed", channel.english_name)
            wake()
            return channel, ""
        endpoint, secret = webhooks.create_endpoint(space, url, format, chosen)
        channel, _ = Channel.objects.update_or_create(user=user, kind=kind, defaults={"endpoint": endpoint})
        audit.record(space, user, "channel.set_up", channel.english_name)
    return channel, secret if FORMATS[format].signed else ""


@transaction.atomic
def rotate_secret(channel: Channel) -> str:
    """Make a new signing secret and return it; it is shown this once. Raises InvalidRule."""
    space = _lock_space(channel.user)
    endpoint = _lock(channel)
    if endpoint is None or endpoint.deleted_at or not FORMATS[endpoint.format].signed:
        raise InvalidRule({"secret": gettext("What it sends is not signed.")})
    secret, _ = webhooks.rotate_secret(endpoint)
    audit.record(space, channel.user, "channel.secret_rotated", channel.english_name)
    return secret


def enable(channel: Channel) -> None:
    """Enable a channel that was disabled: what waits for it is sent.

    Of e-mail: have the user's address tried again in every organization where the mail server refused it.
    """
    if channel.kind == Kind.EMAIL:
        for refused in find_endpoints(channel).filter(disabled_at__isnull=False).order_by("pk"):
            suppressing.try_again(refused, channel.user)
        return
    with transaction.atomic():
        space = _lock_space(channel.user)
        endpoint = _lock(channel)
        if endpoint and endpoint.disabled_at and not endpoint.deleted_at:
            queue_pending.reactivate(endpoint)
            audit.record(space, channel.user, "channel.enabled", channel.english_name)
            wake()


def find_removal_impact(channel: Channel) -> RemovalImpact:
    """Return what removing the channel ends, in organizations of which its user is a member.

    Nothing comes from others.
    """
    chosen = NotificationSetting.objects.filter(user=channel.user, channel=channel.kind, enabled=True)
    owners = channel.user.memberships.values("organization")
    everything = Q(organization=None, resource=None)
    chosen = chosen.filter(everything | Q(organization__in=owners) | Q(resource__organization__in=owners))
    chosen = chosen.select_related("organization", "resource")
    in_order = chosen.order_by("event_type", F("organization__name").asc(nulls_first=True), "resource__name", "pk")
    return RemovalImpact(list(in_order), find_waiting(channel).count())


@transaction.atomic
def remove(channel: Channel) -> None:
    """Remove a channel and cancel what waits for it. The choices for it are kept for the next one of its kind."""
    if channel.kind not in WITH_ENDPOINT:
        if channel.kind == Kind.EMAIL:
            raise InvalidRule({"channel": gettext("E-mail cannot be removed: turn it off, or snooze it.")})
        raise InvalidRule({"channel": gettext("iOS cannot be removed: remove its devices.")})
    space = _lock_space(channel.user)
    endpoint = _lock(channel)
    if endpoint is None or not Channel.objects.filter(pk=channel.pk).delete()[0]:
        return  # it was removed meanwhile
    now = clock.now()
    endpoint.deleted_at = now
    endpoint.save(update_fields=["deleted_at"])
    find_waiting(channel).cancel(Remark(RemarkCode.CHANNEL_REMOVED), now)
    audit.record(space, channel.user, "channel.removed", channel.english_name)


def snooze(user: User, kinds: Collection[str], until: datetime | None) -> None:
    """Snooze some channels until a time; None ends the snooze.

    What waits because of that waits until the new time, or goes out at once. Raises InvalidRule.
    """
    now = clock.now()
    end = _check_end(until, now) if until else None

    def change(channel: Channel) -> str:
        channel.snoozed_until = end
        return "channel.snoozed" if end else "channel.awake"

    _change_quiet_times(user, kinds, change, now)


def set_quiet_hours(user: User, kind: str, hours: tuple[time, time] | None) -> None:
    """Set the daily quiet hours of a channel; None ends them.

    What waits because of them waits until the new time, or goes out at once. Raises InvalidRule.
    """
    _check_hours(hours)

    def change(channel: Channel) -> str:
        channel.quiet_from, channel.quiet_until = hours or (None, None)
        return "channel.quiet_hours_set" if hours else "channel.quiet_hours_ended"

    _change_quiet_times(user, [kind], change, clock.now())


def _check_hours(hours: tuple[time, time] | None) -> None:
    """Raise InvalidRule for quiet hours that end when they begin."""
    if hours and hours[0] == hours[1]:
        raise InvalidRule({"quiet_until": gettext("Quiet hours must end at another time than they begin.")})


def _change_quiet_times(user: User, kinds: Collection[str], change: Callable[[Channel], str], now: datetime) -> None:
    """Change channels, each with the audit action that `change` returns, and move what waits for them."""
    with transaction.atomic():
        space = _lock_space(user)
        for kind in kinds:
            channel = _get_or_create_channel(user, kind)
            audit.record(space, user, change(channel), channel.english_name)
            channel.save()
            waiting = find_waiting(channel).filter(quiet_until__isnull=False)
            digests.wait_until(waiting, find_quiet_end(channel, user.time_zone, now) or now)
    digests.send_due(user)


def _check_end(until: datetime, now: datetime) -> datetime:
    """Return the end of a snooze in UTC. Raises InvalidRule: calendars and databases cannot hold every far time."""
    try:
        until = until.astimezone(UTC)
    except OverflowError:
        until = datetime.max.replace(tzinfo=UTC)
    if until <= now:
        raise InvalidRule({"until": gettext("Choose a time in the future.")})
    if until > now + LONGEST_SNOOZE:
        raise InvalidRule({"until": gettext("Choose a time within the next year.")})
    return until


def find_waiting(channel: Channel) -> DeliveryQuerySet:
    """Return the deliveries that wait for a user's channel, of all organizations."""
    endpoints = find_endpoints(channel)
    return Delivery.objects.pending().filter(endpoint__in=endpoints, lane__in=endpoints.values("lane"))


def find_endpoints(channel: Channel) -> EndpointQuerySet:
    """List the addresses of the channel: for e-mail, the user's address in each organization."""
    if channel.kind == Kind.EMAIL:
        owners = channel.user.memberships.values("organization")
        return Endpoint.objects.for_addresses([channel.user.email]).filter(organization__in=owners)
    if channel.kind == Kind.IOS:
        return Endpoint.objects.filter(pk__in=Device.objects.filter(user=channel.user).values("endpoint"))
    return Endpoint.objects.filter(pk=channel.endpoint_id) if channel.endpoint_id else Endpoint.objects.none()


def _get_or_create_channel(user: User, kind: str) -> Channel:
    """Return the user's channel of a kind. E-mail always exists, but gets a row only when it is first changed."""
    if kind == Kind.EMAIL:
        return Channel.objects.get_or_create(user=user, kind=kind)[0]
    channel = list_channels(user).get(kind)
    if channel is None:
        raise InvalidRule({"channel": gettext("%(channel)s is not set up.") % {"channel": Kind(kind).label}})
    return channel


def _lock_space(user: User) -> Organization:
    """Lock the user's organizations and return the personal space: two requests of one user take turns.

    So does routing, which may have read before what is changed now: what it owes is waited for.
    """
    space = ensure_personal_space(user)
    lock_organizations_of([user.pk])
    return space


def _lock(channel: Channel) -> Endpoint | None:
    return lock_endpoint(channel.endpoint_id) if channel.endpoint_id else None
