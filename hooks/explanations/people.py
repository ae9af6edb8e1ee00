"""Explanations of people: every member for one event, told or not told, with the reason.

What happened is what its deliveries say: their reasons are what was decided when the event was routed. What would
happen now is what matching itself answers (`Rules.owed`), asked about the members of one page. Where the two differ
both are said. Why somebody was not told is said by the rules as they are now.

Members' own channels are their own business: others learn that a member was told by one, and by which kind, and never
where it leads or what it answered. Of a channel that was not told they learn nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db.models import Model, Q, QuerySet
from django.db.models.functions import Lower
from django.utils import timezone

from events import catalogue
from events.models import Event
from hooks.audience.choices import is_decided_by_hooks, list_kinds
from hooks.audience.recipients import Member, SkipReason, find_members_among, find_named_addresses
from hooks.explanations import verdicts
from hooks.explanations.verdicts import ToldState, Verdict
from hooks.messages import RuleKind
from hooks.models import Channel, Delivery, Endpoint, Hook
from hooks.presentation import delivery_lists, delivery_sentences
from hooks.routing import subjects
from hooks.routing.rules import OrganizationRules, PlannedDelivery
from notifications_project.accounts.models import Membership, Organization
from notifications_project.bulk import find_rows

Kind = Channel.Kind
PAGE = 50
_CHUNK = 500
M = TypeVar("M", bound=Model)
TEST = "a test goes only to what is tested"
_ORDER = [
    ToldState.TOLD,
    ToldState.WAITING,
    ToldState.FAILED,
    ToldState.CANCELLED,
]  # of several devices, the luckiest speaks
# What others read of a member's own channel: an answer may tell where it leads, an outcome what became of a device.
_CLOSED = {ToldState.FAILED: "It failed", ToldState.CANCELLED: "Cancelled"}
_Key = tuple[UUID | str, str]  # a user and a channel; for e-mail, the address in lower case


@dataclass(frozen=True)
class Person:
    """A member, or an address that belongs to none (`membership` is None)."""

    address: str
    membership: Membership | None = None

    @property
    def member(self) -> Member | None:
        found = self.membership
        return Member(found.user_id, found.role, found.user.email) if found else None

    def key(self, kind: str) -> _Key:
        assert self.membership or kind == Kind.EMAIL
        return (self.address.lower() if kind == Kind.EMAIL else self.membership.user_id), kind  # type: ignore[union-attr]


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
    """A page of the members of the event's organization, oldest first; what to give as `after` for the next.

    `told`: those who were told by any channel, or who wait to be; or the others.
    """
    found = Membership.objects.filter(organization=event.organization_id).select_related("user")
    if search:
        found = found.filter(Q(user__name__icontains=search) | Q(user__email__icontains=search))
    if told is not None:
        deliveries = Delivery.objects.filter(verdicts.TELLS, event=event)
        mails = deliveries.filter(endpoint__kind=Endpoint.Kind.EMAIL).annotate(lower=Lower("endpoint__address"))
        own = _own_channels(deliveries).values("endpoint__organization")
        have = Q(lower__in=mails.values("lower")) | Q(user__in=own)
        found = found.annotate(lower=Lower("user__email")).filter(have if told else ~have)
    if after is not None:
        found = found.filter(pk__gt=after)
    rows = list(found.order_by("pk")[: size + 1])
    return rows[:size], rows[size - 1].pk if len(rows) > size else None


def _own_channels(deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Return deliveries to members' own channels: their endpoints belong to their personal spaces."""
    return deliveries.filter(hook__isnull=True).exclude(endpoint__kind=Endpoint.Kind.EMAIL)


class Explanation:
    """The past and the present of an event: what happened and what would now, for some members and hooks' addresses.

    Give an event `matching.with_about`, with its organization and resource. `viewer` sees all of their own channels.
    """

    def __init__(
        self,
        event: Event,
        memberships: Sequence[Membership],
        viewer: UUID | None = None,
        workers: Callable[[], bool] = lambda: True,
    ) -> None:
        self.event, self.viewer, self.workers = event, viewer, workers
        self.organization: Organization = event.organization
        self.now = timezone.now()
        self.people = [Person(each.user.email, each) for each in memberships]
        existing = Hook.objects.existing().filter(organization=self.organization).order_by("created_at", "pk")
        mailing = list(existing.filter(kind=Hook.Kind.EMAIL).prefetch_related("resources", "notify_users"))
        typed = {address.lower(): address for hook in mailing for address in hook.notify_addresses}
        members = find_members_among(self.organization, typed)
        self.outsiders = [Person(typed[lower]) for lower in typed if lower not in members]
        concerned = {member.user_id: member for member in members.values()}
        for person in self.people:
            if person.member and person.membership.user.is_active:  # type: ignore[union-attr]
                concerned.setdefault(person.member.user_id, person.member)
        self.rules = OrganizationRules(self.organization, {event.type}, list(concerned.values()))
        self.asking = {hook.pk for hook in self.rules.find_asking_hooks(event)} if not event.is_test else set()
        self._read_now()
        self._read_then(typed)

    # --- What there is ---------------------------------------------------------------------------------------
    def _read_now(self) -> None:
        """Return what the rules would decide now, by person and channel; webhooks by hook."""
        owed = self.rules.plan_deliveries(self.event)
        to = {each.endpoint.pk: each for each in owed if each.endpoint}
        self.webhooks = {each.hook: each for each in owed if each.endpoint and each.hook}
        self.owed: dict[_Key, PlannedDelivery] = {
            (each.address.lower(), str(Kind.EMAIL)): each for each in owed if each.address
        }
        for (user, kind), endpoints in self.rules.reach.to.items():
            for endpoint in endpoints:
                if endpoint.pk in to:
                    self.owed.setdefault((user, kind), to[endpoint.pk])

    def _read_then(self, typed: Collection[str]) -> None:
        """The deliveries to these people, by person and channel; what is known of their channels and addresses."""
        users = [each.user_id for person in self.people if (each := person.membership)]
        lowers = [*{person.address.lower() for person in self.people}, *typed]
        # By their endpoints: an event may have ten thousand deliveries, of which these are few.
        mails = Endpoint.objects.mails().filter(organization=self.organization).without_secrets()
        addresses = list(find_rows(mails, "lower", lowers))
        own = Endpoint.objects.filter(organization__in=users).exclude(kind=Endpoint.Kind.EMAIL)
        endpoints = {each.pk: each for each in [*addresses, *own.select_related("channel").without_secrets()]}
        self.stopped = {endpoint.address.lower() for endpoint in addresses if endpoint.disabled_at}
        self.then: dict[_Key, list[Delivery]] = defaultdict(list)
        deliveries = delivery_lists.load_back_off(self.event.deliveries.all())
        for delivery in find_rows(deliveries, "endpoint", list(endpoints)):
            endpoint = delivery.endpoint = endpoints[delivery.endpoint_id]
            if endpoint.kind == Endpoint.Kind.EMAIL:
                self.then[endpoint.address.lower(), Kind.EMAIL].append(delivery)
            elif delivery.hook_id is None:
                self.then[endpoint.organization_id, get_kind(endpoint)].append(delivery)
        channels = Channel.objects.filter(user__in=users)
        self.channels = {(channel.user_id, channel.kind): channel for channel in channels}

    # --- What is said ----------------------------------------------------------------------------------------
    def members(self) -> list[Explained]:
        return [Explained(person, self._of(person)) for person in self.people]

    def addresses(self) -> list[Explained]:
        """The typed addresses of no member that were told, or that a hook that asks for the event names."""
        named = {
            address.lower()
            for hook in self.rules.hooks
            if hook.pk in self.asking and hook.kind == Hook.Kind.EMAIL
            for address in hook.notify_addresses
        }
        return [
            Explained(person, [self._verdict(person, Kind.EMAIL)])
            for person in self.outsiders
            if person.address.lower() in named or self.then.get(person.key(Kind.EMAIL))
        ]

    def _of(self, person: Person) -> list[Verdict]:
        shown = []
        for kind in Kind.values:
            key = person.key(kind)
            if kind == Kind.EMAIL or self._is_viewer(person) or key in self.then or key in self.owed:
                shown.append(self._verdict(person, kind))
        return shown

    def _is_viewer(self, person: Person) -> bool:
        return person.membership is not None and person.membership.user_id == self.viewer

    def _is_open(self, person: Person, kind: str) -> bool:
        """Return True if the viewer may read more than that the person was told.

        The result, or how the channel is set up.
        """
        return kind == Kind.EMAIL or self._is_viewer(person)

    def _verdict(self, person: Person, kind: str) -> Verdict:
        key = person.key(kind)
        deliveries, owed = self.then.get(key, []), self.owed.get(key)
        if deliveries:
            happened = min(deliveries, key=lambda each: _ORDER.index(verdicts.get_state(each)))
            return self._happened(person, kind, happened, owed)
        if owed is None:
            return Verdict(ToldState.NOT_TOLD, verdicts.make_sentence(self._why_not(person, kind)), "", kind)
        why = verdicts.explain_reasons(self.event, owed.reasons)
        if self.event.routed_at is None:
            waits = self._waits(person, kind, owed.quiet_until, owed.held)
            return Verdict(ToldState.DUE, " ".join(map(verdicts.make_sentence, filter(None, [why, waits]))), "", kind)
        joined = person.membership and person.membership.joined_at > self.event.routed_at
        before = "They joined later." if joined else "Nothing asked for it when it was recorded."
        return Verdict(ToldState.NOT_TOLD, before, f"Since then: would be told, because {why}.", kind)

    def _happened(self, person: Person, kind: str, delivery: Delivery, owed: PlannedDelivery | None) -> Verdict:
        state = verdicts.get_state(delivery)
        why = verdicts.explain_reasons(self.event, delivery.reasons)
        now = verdicts.explain_reasons(self.event, owed.reasons) if owed else ""
        since = ""
        if self.event.is_test:
            why = f"{TEST}: {why}"
        elif owed is None and delivery.reasons and delivery.reasons[0].get("rule") == RuleKind.DIGEST:
            since = ""  # nobody else is ever told of it
        elif owed is None:
            said = f": {self._why_not(person, kind)}" if self._is_open(person, kind) else ""
            since = f"Since then: would not be told{said}."
        elif state == ToldState.CANCELLED:
            since = f"Since then: would be told, because {now}."
        elif not verdicts.has_same_rules(delivery.reasons, owed.reasons):
            since = f"Since then: would be told because {now}."
        more = ""
        if state == ToldState.WAITING:
            more = self._waits(person, kind, delivery.quiet_until, delivery.due_at is None)
            more = more or delivery_sentences.describe_state(delivery, self.now, self.workers)
        elif delivery.is_told_in_digest:
            more = "it waited for a quiet time, and was told in a digest"
        elif state != ToldState.TOLD:
            more = delivery_sentences.describe_state(delivery) if self._is_open(person, kind) else _CLOSED[state]
        told = " ".join(map(verdicts.make_sentence, filter(None, [why, more])))
        seen = delivery if self._is_open(person, kind) else None
        return Verdict(state, told, since, kind, seen)

    def _waits(self, person: Person, kind: str, until: datetime | None, held: bool) -> str:
        """Return why the delivery does not go at once; empty if it does."""
        if until and until > self.now:
            channel = self.channels.get((person.membership.user_id, kind)) if person.membership else None
            snoozed = bool(channel and channel.snoozed_until and channel.snoozed_until >= until)
            return f"waits: {verdicts.describe_quiet(kind, until, snoozed)}"
        if kind == Kind.EMAIL and person.address.lower() in self.stopped:
            return "waits: the mail server refused the address; nothing is sent there until somebody tries it again"
        if held:
            return f"waits: {'every hook that asks is paused' if kind == Kind.EMAIL else 'the channel was stopped'}"
        return ""

    # --- Why not ---------------------------------------------------------------------------------------------
    def _why_not(self, person: Person, kind: str) -> str:
        """Return why the rules, as they are now, do not tell this person by this channel."""
        if self.event.is_test:
            return TEST
        if self.event.type not in catalogue.EVENT_TYPES:
            return f"{self.event.type} is not in the catalogue, and nothing asks for an unknown type"
        member = person.member
        if member is None:
            return self._hooks_why_not(person)
        assert person.membership
        if not person.membership.user.is_active:
            return "the account is deactivated"
        if kind == Kind.EMAIL and subjects.find_subject_address(self.event) == person.address.lower():
            return "it is about this very address, which the mail server refuses"
        decision = self.rules.choices.decide(member, self.event.type, kind, self.event.resource_id)
        if decision.chosen and not decision.on:
            return f"turned off by the member for {verdicts.describe_scope(self.event, decision.by)}"
        return self._hooks_why_not(person) if kind == Kind.EMAIL else self._channel_why_not(member, kind, decision.on)

    def _channel_why_not(self, member: Member, kind: str, on: bool) -> str:
        if kind not in list_kinds():
            return "pushes to iPhones and iPads are not configured here" if not settings.PUSH_CONFIGURED else "off"
        if (member.user_id, kind) not in self.channels:
            return f"{verdicts.describe_kind(kind)} is {'turned on, but not' if on else 'not'} set up"
        if on:
            return "no device is registered any more"
        return "not turned on for this"

    def _hooks_why_not(self, person: Person) -> str:
        """Return why no e-mail hook that names an address tells it; the default says nothing either."""
        naming = [hook for hook in self._mailing() if self._names(hook, person)]
        for hook in naming:
            if hook.pk in self.asking:
                why = self.rules.silence.find_reason(hook, person.address)
                if why == SkipReason.UNSUBSCRIBED:
                    return f"unsubscribed from the hook “{hook.name}”"
                if why == SkipReason.UNCONFIRMED:
                    return "the address has not confirmed yet that it wants to be told"
                if why == SkipReason.DEACTIVATED:
                    return "the address is of a user who was deactivated"
        for hook in naming:
            if not self.rules.is_covered(hook, self.event):
                return f"the hook “{hook.name}” {verdicts.explain_restriction(hook)}"
        if person.membership is None:
            return "no hook that asks for this names the address any more"
        event_type = self.event.type
        if is_decided_by_hooks(event_type, Kind.EMAIL):
            return "such e-mails follow the e-mail hooks, and none that names this member asks for it"
        if catalogue.EVENT_TYPES[event_type].subject == catalogue.Subject.HOOK:
            return "by default only admins and managers are told about hooks"
        return "such e-mails are off by default, and no hook that names this member asks for it"

    def _mailing(self) -> list[Hook]:
        """The e-mail hooks that ask for the event's type."""
        return [hook for hook in self.rules.by_type.get(self.event.type, ()) if hook.kind == Hook.Kind.EMAIL]

    def _names(self, hook: Hook, person: Person) -> bool:
        members = [person.member] if person.member else []
        return person.address.lower() in map(str.lower, find_named_addresses(hook, members))


def get_kind(endpoint: Endpoint) -> str:
    """By which channel of its user an endpoint is reached. Load its channel."""
    if endpoint.kind == Endpoint.Kind.DEVICE:
        return Kind.IOS
    if channel := getattr(endpoint, "channel", None):
        return str(channel.kind)
    return Kind.HIPCHAT if endpoint.format == "hipchat" else Kind.WEBHOOK  # it was removed
