"""Explanations of people: every member for one event, told or not told, with the reason.

Where what happened differs from what the rules would decide now, both are said. Why somebody was not told is said by
the rules as they are now.

Members' own channels are their own business: others learn that a member was told by one, and by which kind, and never
where it leads or what it answered. Of a channel that was not told they learn nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.utils.translation import gettext

from events.models import Event
from hooks.explanations import verdicts, why_not
from hooks.explanations.facts import Facts, Kind, Person
from hooks.explanations.verdicts import ToldState, Verdict
from hooks.messages import RuleKind
from hooks.models import Delivery, Endpoint
from hooks.presentation import delivery_sentences
from hooks.routing.rules import PlannedDelivery
from notifications_project.accounts.models import Membership

PAGE = 50
# Of several devices, the luckiest speaks.
_ORDER = [ToldState.TOLD, ToldState.WAITING, ToldState.FAILED, ToldState.CANCELLED]


@dataclass(frozen=True)
class Explained:
    """A person with an explanation of each channel, e-mail first."""

    person: Person
    verdicts: list[Verdict]

    @property
    def told(self) -> bool:
        return any(verdict.told for verdict in self.verdicts)


def find_members(
    event: Event, *, search: str = "", told: bool | None = None, after: int | None = None, size: int = PAGE
) -> tuple[list[Membership], int | None]:
    """Return a page of the members of the event's organization, oldest first, and what to give as `after` for the next.

    `told`: those who were told by any channel, or who wait to be; or the others.
    """
    found = Membership.objects.filter(organization=event.organization_id).select_related("user")
    if search:
        found = found.filter(Q(user__name__icontains=search) | Q(user__email__icontains=search))
    if told is not None:
        deliveries = Delivery.objects.filter(verdicts.TELLS, event=event)
        mails = deliveries.filter(endpoint__kind=Endpoint.Kind.EMAIL).annotate(lower=Lower("endpoint__address"))
        own = _filter_own_channels(deliveries).values("endpoint__organization")
        have = Q(lower__in=mails.values("lower")) | Q(user__in=own)
        found = found.annotate(lower=Lower("user__email")).filter(have if told else ~have)
    if after is not None:
        found = found.filter(pk__gt=after)
    rows = list(found.order_by("pk")[: size + 1])
    return rows[:size], rows[size - 1].pk if len(rows) > size else None


def _filter_own_channels(deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Return deliveries to members' own channels: their endpoints belong to their personal spaces."""
    return deliveries.filter(hook__isnull=True).exclude(endpoint__kind=Endpoint.Kind.EMAIL)


def explain_members(facts: Facts) -> list[Explained]:
    return [Explained(person, _explain_person(facts, person)) for person in facts.people]


def explain_addresses(facts: Facts) -> list[Explained]:
    """Explain the typed addresses of no member that were told, or that a hook that asks for the event names."""
    return [Explained(each, [_judge(facts, each, Kind.EMAIL)]) for each in facts.list_named_outsiders()]


def _explain_person(facts: Facts, person: Person) -> list[Verdict]:
    shown = []
    for kind in Kind.values:
        key = person.make_key(kind)
        if facts.is_open(person, kind) or key in facts.then or key in facts.owed:
            shown.append(_judge(facts, person, kind))
    return shown


def _judge(facts: Facts, person: Person, kind: str) -> Verdict:
    """Return the verdict on a person by one channel."""
    key = person.make_key(kind)
    deliveries, owed = facts.then.get(key, []), facts.owed.get(key)
    if deliveries:
        happened = min(deliveries, key=lambda each: _ORDER.index(verdicts.find_state(each)))
        return _explain_delivery(facts, person, kind, happened, owed)
    if owed is None:
        return Verdict(ToldState.NOT_TOLD, why_not.explain_person(facts, person, kind), "", kind)
    why = verdicts.explain_reasons(facts.event, owed.reasons)
    if facts.event.routed_at is None:
        waits = _explain_wait(facts, person, kind, owed.quiet_until, held=owed.held)
        return Verdict(ToldState.DUE, " ".join(filter(None, [why, waits])), "", kind)
    joined = person.membership and person.membership.joined_at > facts.event.routed_at
    before = gettext("They joined later.") if joined else gettext("Nothing asked for it when it was recorded.")
    return Verdict(ToldState.NOT_TOLD, before, verdicts.would_be_told(why), kind)


def _explain_delivery(
    facts: Facts, person: Person, kind: str, delivery: Delivery, owed: PlannedDelivery | None
) -> Verdict:
    why = verdicts.explain_reasons(facts.event, delivery.reasons)
    if facts.event.is_test:
        why = f"{why_not.explain_test()} {why}"
    told = " ".join(filter(None, [why, _explain_result(facts, person, kind, delivery)]))
    since = _explain_change(facts, person, kind, delivery, owed)
    seen = delivery if facts.is_open(person, kind) else None
    return Verdict(verdicts.find_state(delivery), told, since, kind, seen)


def _explain_change(facts: Facts, person: Person, kind: str, delivery: Delivery, owed: PlannedDelivery | None) -> str:
    """Return what the rules say now, if that is something else than what happened."""
    if facts.event.is_test:
        return ""
    if owed is None:
        if delivery.reasons and delivery.reasons[0].get("rule") == RuleKind.DIGEST:
            return ""  # nobody else is ever told of it
        why = why_not.explain_person(facts, person, kind) if facts.is_open(person, kind) else ""
        return verdicts.would_not_be_told(why)
    is_cancelled = verdicts.find_state(delivery) == ToldState.CANCELLED
    if is_cancelled or not verdicts.have_same_rules(delivery.reasons, owed.reasons):
        return verdicts.would_be_told(verdicts.explain_reasons(facts.event, owed.reasons))
    return ""


def _explain_result(facts: Facts, person: Person, kind: str, delivery: Delivery) -> str:
    """Return a sentence on what became of the delivery; empty if it simply arrived."""
    state = verdicts.find_state(delivery)
    if state == ToldState.WAITING:
        waits = _explain_wait(facts, person, kind, delivery.quiet_until, held=delivery.due_at is None)
        described = delivery_sentences.describe_state(delivery, facts.now, facts.workers)
        return waits or verdicts.make_sentence(described)
    if delivery.is_told_in_digest:
        return gettext("It waited until a quiet time ended, and was told in a digest.")
    if state == ToldState.TOLD:
        return ""
    if facts.is_open(person, kind):
        return verdicts.make_sentence(delivery_sentences.describe_state(delivery))
    # What others read of a member's own channel: an answer may tell where it leads, an outcome what became of a device.
    return gettext("It failed.") if state == ToldState.FAILED else gettext("It was cancelled.")


def _explain_wait(facts: Facts, person: Person, kind: str, until: datetime | None, *, held: bool) -> str:
    """Return why the delivery does not go at once; empty if it does."""
    if until and until > facts.now:
        channel = facts.channels.get((person.membership.user_id, kind)) if person.membership else None
        snoozed = bool(channel and channel.snoozed_until and channel.snoozed_until >= until)
        return gettext("It waits. %(why)s") % {"why": verdicts.describe_quiet(kind, until, snoozed)}
    if kind == Kind.EMAIL and person.address.lower() in facts.disabled:
        return gettext(
            "It waits: the mail server refused the address. Nothing is sent to it until somebody asks for a retry."
        )
    if not held:
        return ""
    if kind == Kind.EMAIL:
        return gettext("It waits: every hook that asks is paused.")
    return gettext("It waits: the channel is disabled.")
