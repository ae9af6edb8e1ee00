"""The messages that would have reached a user in the last days, by real events and the settings of now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Case, Count, F, Q, QuerySet, Value, When

from events import catalogue
from events.models import Event
from hooks.models import Channel
from hooks.preferences.effective import EffectiveSettings, Rule, get_organization_id
from hooks.preferences.notification_settings import EVERYTHING, Scope
from notifications_project import ids
from notifications_project.bulk import split_into_chunks

DAYS = 7
MOST = 5_000  # events that are looked at to count; where there were more, the numbers are said to be larger
_MOST_SPECIAL = 400  # resources with rules of their own that a statement names
_AT_ONCE = 400  # parts of one UNION: SQLite takes 500


@dataclass(frozen=True)
class Told:
    """The number of messages that each channel would have carried. `more`: at least so many."""

    by_channel: Counter[str] = field(default_factory=Counter)
    happened: bool = False
    more: bool = False


@dataclass(frozen=True, slots=True)
class Would:
    """An event, and the kinds of channels that would have told of it."""

    event: Event
    channels: list[str]


def count(standing: EffectiveSettings, scope: Scope, now: datetime) -> Told:
    """Count by channel, in one query: events of one type together, those of resources with own rules apart."""
    rules = _Rules(standing)
    happened = _find_recent(scope, now).filter(organization__in=_list_owners(standing, scope))
    # PostgreSQL looks through these days, and not through the whole table; SQLite takes the index by organization.
    newest = ["-pk"] if connection.vendor == "postgresql" else []
    looked_at = happened.order_by(*newest).values("pk")[: MOST + 1]
    found = Event.objects.filter(pk__in=looked_at).order_by().annotate(about=rules.build_subject_column())
    told: Counter[str] = Counter()
    number = 0
    for row in found.values("organization_id", "type", "about").annotate(number=Count("pk")):
        number += row["number"] if catalogue.is_offered(row["type"]) else 0
        for channel in rules.find_channels(row["organization_id"], row["type"], row["about"]):
            told[channel] += row["number"]
    return Told(told, happened=number > 0, more=number > MOST)


def page(
    standing: EffectiveSettings, scope: Scope, now: datetime, before: UUID | None = None, size: int = 50
) -> tuple[list[Would], UUID | None]:
    """Return the events themselves, newest first, and what to give as `before` for the next page.

    The newest of each organization are found by its index, all of them in one query, so that the rest is not sorted.
    PostgreSQL takes that index for a range and this order; for one value it may look through all of them.
    """
    rules = _Rules(standing)
    happened = _find_recent(scope, now)
    if before:
        happened = happened.filter(pk__lt=before)
    wanted = [
        happened.filter(asked, organization__gte=owner, organization__lte=owner)
        for owner in _list_owners(standing, scope)
        if (asked := rules.build_filter(owner)) is not None
    ]
    pks: list[UUID] = []
    order = ["-pk"] if scope.resource else ["organization_id", "-pk"]
    for some in split_into_chunks(wanted, _AT_ONCE):
        newest = (each.order_by(*order).values("pk")[: size + 1] for each in some)
        first, *others = (Event.objects.filter(pk__in=each).values_list("pk", flat=True) for each in newest)
        pks += first.union(*others, all=True)
    pks = sorted(pks, reverse=True)[: size + 1]
    loaded = Event.objects.filter(pk__in=pks[:size]).select_related("resource", "organization")
    events = loaded.defer("representation").order_by("-pk")
    would = [
        Would(event, list(rules.find_channels(event.organization_id, event.type, event.resource_id)))
        for event in events
    ]
    return would, pks[size - 1] if len(pks) > size else None


class _Rules:
    """The rules of the user's organizations, each worked out when it is first asked for."""

    def __init__(self, standing: EffectiveSettings) -> None:
        self.standing = standing
        usable = [kind.value for kind in Channel.Kind if kind.value not in standing.missing]
        # The kinds of channels that may be on for a type: but for e-mail, what nobody chose is off.
        self.kinds = {
            name: [kind for kind in usable if kind == Channel.Kind.EMAIL or (name, kind) in standing.chosen]
            for name in (each.name for each in catalogue.OFFERED)
        }
        self.known: dict[tuple[UUID, str, str], Rule] = {}

    def find_rule(self, organization: UUID, event_type: str, channel: str) -> Rule:
        key = (organization, event_type, channel)
        if key not in self.known:
            self.known[key] = self.standing.find_rule(*key)
        return self.known[key]

    def find_channels(self, organization: UUID, event_type: str, resource: UUID | None) -> Iterator[str]:
        for channel in self.kinds.get(event_type, ()):
            if self.find_rule(organization, event_type, channel).is_on(resource):
                yield channel

    def build_subject_column(self) -> F | Case:
        """Return a column with the resource of an event if there may be a rule for it, else with nothing."""
        special = set(self.standing.resources)
        special.update(*(hook.resources for hooks in self.standing.hooks.values() for hook in hooks))
        if len(special) > _MOST_SPECIAL:
            return F("resource_id")
        return Case(When(resource_id__in=special, then=F("resource_id")), default=Value(None))

    def build_filter(self, organization: UUID) -> Q | None:
        """Return a filter of an organization's events that any channel tells of; None if there are none."""
        always: list[str] = []
        asked = Q()
        for event_type, kinds in self.kinds.items():
            rules = [self.find_rule(organization, event_type, channel) for channel in kinds]
            named = {resource for rule in rules for resource in rule.exceptions}
            on = {each for each in named if any(rule.is_on(each) for rule in rules)}
            if any(rule.base for rule in rules):
                if off := named - on:
                    beside = Q(resource__isnull=True) | ~Q(resource__in=off)
                    asked |= Q(type=event_type) & beside
                else:
                    always.append(event_type)
            elif on:
                asked |= Q(type=event_type, resource__in=on)
        if always:
            asked |= Q(type__in=always)
        return asked or None


def _list_owners(standing: EffectiveSettings, scope: Scope) -> Sequence[UUID]:
    return list(standing.memberships) if scope == EVERYTHING else [get_organization_id(scope)]


def _find_recent(scope: Scope, now: datetime) -> QuerySet[Event]:
    """Return the events of these days. Event ids sort by time, so that an index finds them."""
    recent = Event.objects.filter(pk__gte=ids.make_smallest_uuid7(now - timedelta(days=DAYS)), is_test=False)
    return recent.filter(resource=scope.resource) if scope.resource else recent
