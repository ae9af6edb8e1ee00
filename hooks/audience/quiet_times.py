"""Snooze and quiet hours: until when a channel of a user is not to be disturbed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q

from events import catalogue
from hooks.audience.choices import of_members
from hooks.audience.recipients import Member
from hooks.models import Channel, Urgent
from notifications_project.accounts.models import Organization

# What waited goes as one digest, which the minute's sweep makes when the quiet time is over. Should nobody make it,
# what waited goes one by one after this time.
DIGEST_GRACE = timedelta(minutes=10)


def quiet_until(channel: Channel, zone: str, now: datetime) -> datetime | None:
    """When the channel may be used again; None if it may now. `zone`: the user's."""
    free = max(now, channel.snoozed_until or now)
    if channel.quiet_from and channel.quiet_until:
        free = _end_of_hours(channel.quiet_from, channel.quiet_until, free.astimezone(ZoneInfo(zone))) or free
    return free if free > now else None


def _end_of_hours(begin: time, end: time, local: datetime) -> datetime | None:
    """The end of the daily hours that `local` is in; None if it is outside. They may pass midnight."""
    at = local.time()
    if begin < end:
        inside, day = begin <= at < end, local.date()
    else:
        inside, day = at >= begin or at < end, local.date() + timedelta(days=at >= begin)
    # Of the wall clock, as people mean it: where the clock changes, the hours are longer or shorter.
    return datetime.combine(day, end, local.tzinfo) if inside else None


def can_be_urgent(event_type: str) -> bool:
    """Whether it may pass: bad news only."""
    known = catalogue.EVENT_TYPES.get(event_type)
    return known is not None and known.outcome == catalogue.Outcome.BAD


@dataclass(slots=True)
class Quiet:
    """Which channels of an organization's members are not to be disturbed now, read once for many events."""

    until: dict[tuple[UUID, str], datetime] = field(default_factory=dict)  # by user and channel
    urgent: set[tuple[UUID, str]] = field(default_factory=set)  # users and event types

    @classmethod
    def read(
        cls, organization: Organization, types: Collection[str], members: Sequence[Member], now: datetime
    ) -> Quiet:
        silent = Channel.objects.filter(Q(snoozed_until__gt=now) | Q(quiet_from__isnull=False))
        zones = of_members(silent, organization, members).select_related("user").only(
            "user__time_zone", "user_id", "kind", "snoozed_until", "quiet_from", "quiet_until"
        )  # fmt: skip
        until = {
            (channel.user_id, channel.kind): end
            for channel in zones
            if (end := quiet_until(channel, channel.user.time_zone, now))
        }
        if not until:
            return cls()
        passing = of_members(Urgent.objects.filter(event_type__in=types), organization, members)
        return cls(until, set(passing.values_list("user_id", "event_type")))

    def of(self, user: UUID, channel: str, event_type: str) -> datetime | None:
        """Until when news of a type waits; None if it goes at once."""
        end = self.until.get((user, channel)) if self.until else None
        return None if end and (user, event_type) in self.urgent and can_be_urgent(event_type) else end
