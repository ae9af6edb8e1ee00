"""Quiet times: snoozes and daily quiet hours, during which notifications for a channel wait."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q

from events import catalogue
from hooks.audience.choices import filter_by_members
from hooks.audience.recipients import Member
from hooks.models import Channel, Urgent
from notifications_project.accounts.models import Organization

# The sweep each minute makes a digest of waiting deliveries when their quiet time is over. If none is made, they are
# sent one by one after this time.
DIGEST_GRACE = timedelta(minutes=10)


def find_quiet_end(channel: Channel, zone: str, now: datetime) -> datetime | None:
    """Return when the channel may be used again; None if it may now. `zone` is the user's time zone, "Europe/Paris"."""
    free = max(now, channel.snoozed_until or now)
    if channel.quiet_from and channel.quiet_until:
        free = _end_of_hours(channel.quiet_from, channel.quiet_until, free.astimezone(ZoneInfo(zone))) or free
    return free if free > now else None


def _end_of_hours(begin: time, end: time, local: datetime) -> datetime | None:
    """Return the end of the daily hours around `local`; None if it is outside. The hours may pass midnight."""
    at = local.time()
    if begin < end:
        inside, day = begin <= at < end, local.date()
    else:
        inside, day = at >= begin or at < end, local.date() + timedelta(days=at >= begin)
    # Combined in local time: on a day when the clocks change, the hours still end when the wall clock says so.
    return datetime.combine(day, end, local.tzinfo) if inside else None


def can_be_urgent(event_type: str) -> bool:
    """Tell whether a type may pass quiet times if its user wants that: only bad news may."""
    known = catalogue.EVENT_TYPES.get(event_type)
    return known is not None and known.outcome == catalogue.Outcome.BAD


@dataclass(slots=True)
class Quiet:
    """The channels of an organization's members that are quiet now, read once for many events."""

    until: dict[tuple[UUID, str], datetime] = field(default_factory=dict)  # by user and channel
    urgent: set[tuple[UUID, str]] = field(default_factory=set)  # users and event types

    @classmethod
    def read(
        cls, organization: Organization, types: Collection[str], members: Sequence[Member], now: datetime
    ) -> Quiet:
        silent = Channel.objects.filter(Q(snoozed_until__gt=now) | Q(quiet_from__isnull=False))
        zones = filter_by_members(silent, organization, members).select_related("user").only(
            "user__time_zone", "user_id", "kind", "snoozed_until", "quiet_from", "quiet_until"
        )  # fmt: skip
        until = {
            (channel.user_id, channel.kind): end
            for channel in zones
            if (end := find_quiet_end(channel, channel.user.time_zone, now))
        }
        if not until:
            return cls()
        passing = filter_by_members(Urgent.objects.filter(event_type__in=types), organization, members)
        return cls(until, set(passing.values_list("user_id", "event_type")))

    def find_end(self, user: UUID, channel: str, event_type: str) -> datetime | None:
        """Return until when a user's news of a type waits on a channel; None if it is sent at once."""
        end = self.until.get((user, channel)) if self.until else None
        return None if end and (user, event_type) in self.urgent and can_be_urgent(event_type) else end
