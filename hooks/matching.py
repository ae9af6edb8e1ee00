"""Matching (routing): event -> the deliveries that it owes, each with its reasons.

One router at a time serves an organization: it holds the organization's row while it routes a chunk, so that
order is kept and rules do not change in between. Running twice adds nothing: a delivery is unique on
(event, endpoint), and a person is e-mailed once about one event, however many rules say so.
"""

from __future__ import annotations

import json
import logging
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Case, F, QuerySet, TextField, Value, When
from django.db.models.functions import Lower

from events import catalogue
from events.catalogue import EmailDefault
from events.models import Event
from hooks.choices import Breadth, Choices, Decision, kinds
from hooks.engine import clock, lanes
from hooks.models import Channel, Delivery, Endpoint, Hook, Lane
from hooks.models.work import id_of
from hooks.quiet import AT_MOST, Quiet
from hooks.reach import Reach, To, read
from hooks.recipients import Member, Silence, members_of, named_by
from notifications_project import bulk
from notifications_project.accounts.models import Organization
from notifications_project.accounts.roles import Role
from notifications_project.isolation import isolated

CHUNK = 500  # events routed in one transaction
_MOST_DELIVERIES = 5_000  # after which a chunk is cut, so that no transaction grows without bound
_TURN = 0.05  # seconds after which the next organizations wait for the next call: seats are to be filled meanwhile
_REST = 60.0  # seconds in which an organization is not tried again after its events could not be routed
_LONGEST_REST = 3600.0  # of an event that could not be routed again and again
_MOST_SET_ASIDE = 500
_DELIVERY = [
    "id",
    "organization",
    "event",
    "endpoint",
    "lane",
    "hook",
    "reasons",
    "state",
    "due_at",
    "quiet_until",
    "tries",
    "outcome",
]

_OWN = "hook."  # begins the types of the events that are about hooks

Reason = dict[str, Any]
_BY_ROLE: dict[str, Reason] = {role.value: {"rule": "role", "name": role.value} for role in Role}
logger = logging.getLogger(__name__)


class _Round:
    """Whose turn it is, in this process: the organizations with unrouted events, by id, round and round.

    Finding the next is one look into the index, however many events wait.
    """

    def __init__(self) -> None:
        self.last: UUID | None = None
        self.resting: dict[UUID, float] = {}
        self.unroutable: dict[UUID, tuple[float, float]] = {}  # events: until when they rest, and for how long

    def set_aside(self, event: UUID) -> None:
        """Have an event that cannot be routed rest, twice as long each time: its fault is no other event's."""
        _, before = self.unroutable.pop(event, (0.0, _REST / 2))
        pause = min(2 * before, _LONGEST_REST)
        self.unroutable[event] = (time.monotonic() + pause, pause)
        if len(self.unroutable) > _MOST_SET_ASIDE:  # more than that is no matter of single rows
            self.unroutable.pop(next(iter(self.unroutable)))

    def waiting(self) -> QuerySet[Event]:
        """The events that are to be routed now."""
        now = time.monotonic()
        aside = [event for event, (until, _) in self.unroutable.items() if until > now]
        unrouted = Event.objects.filter(routed_at__isnull=True)
        return unrouted.exclude(pk__in=aside) if aside else unrouted

    def next(self) -> UUID | None:
        now = time.monotonic()
        self.resting = {owner: until for owner, until in self.resting.items() if until > now}
        unrouted = self.waiting().exclude(organization__in=self.resting)
        owners = unrouted.order_by("organization_id").values_list("organization_id", flat=True)
        following = owners.filter(organization__gt=self.last).first() if self.last else None
        self.last = following or owners.first()
        return self.last


_round = _Round()


def route() -> int:
    """Route what waits for a moment, one chunk an organization; the number of events routed.

    An organization whose events cannot be routed (by a defect, a rotten row) rests, and stops nobody else.
    """
    began, routed = time.monotonic(), 0
    served: set[UUID] = set()
    while (owner := _round.next()) and owner not in served:
        served.add(owner)
        try:
            routed += _route_organization(owner)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("the events of organization %s cannot be routed; they wait", owner)
            _round.resting[owner] = time.monotonic() + _REST
        if time.monotonic() - began > _TURN:
            break
    return routed


@transaction.atomic
def _route_organization(owner: UUID) -> int:
    locked = Organization.objects.select_for_update(skip_locked=True, no_key=True).filter(pk=owner)
    organization = locked.first()
    if organization is None:
        return 0  # another router is at it
    waiting = _round.waiting().filter(organization=organization)
    events = list(with_about(waiting).order_by("pk")[:CHUNK])
    rules = Rules(organization, {event.type for event in events})
    rules.hold_what_is_disabled()
    owed: list[Owed] = []
    done: list[UUID] = []
    for event in events:
        what = f"event {event.public_id} cannot be routed; it waits, and others go before it"
        with isolated(what, partial(_round.set_aside, event.pk)):
            owed += rules.owed(event)
            done.append(event.pk)
        if len(owed) >= _MOST_DELIVERIES:
            break
    now = clock.now()
    have_asked(organization, rules.silence.unasked)
    touched = _store(organization, owed, now)
    Event.objects.filter(pk__in=done).update(routed_at=now)
    lanes.touch(touched)
    return len(done)


def with_about(events: QuerySet[Event]) -> QuerySet[Event]:
    """As `Rules` needs them. What an event says is read of those only of which it matters: it may be long."""
    about = Case(When(type__startswith=_OWN, then=F("representation")), default=Value(""), output_field=TextField())
    return events.defer("representation").annotate(about=about)


@dataclass(slots=True)
class Owed:
    """One delivery to be made: to a webhook's endpoint, or to an e-mail address."""

    event: UUID
    endpoint: To | None
    address: str
    reasons: list[Reason]
    hook: UUID | None = None
    held: bool = False
    quiet_until: datetime | None = None

    def add(self, reason: Reason, hook: UUID | None, held: bool) -> None:
        if reason not in self.reasons:  # a member whose address was typed as well
            self.reasons.append(reason)
        self.hook = self.hook or hook
        self.held = self.held and held


class Rules:
    """The rules of one organization about some event types, read once, in a bounded number of queries.

    `members`: those whom it is to decide about, instead of all. Members whose address a hook names must be among them.
    """

    def __init__(
        self, organization: Organization, types: Collection[str], members: Sequence[Member] | None = None
    ) -> None:
        hooks = Hook.objects.existing().filter(organization=organization, enabled=True).order_by("created_at", "pk")
        self.hooks = list(hooks.prefetch_related("resources", "notify_users"))
        chosen = Endpoint.objects.filter(hook__in=[hook.pk for hook in self.hooks])
        self.endpoints = {endpoint.pk: endpoint for endpoint in read(chosen)}
        self.members = members_of(organization) if members is None else members
        self.by_address = {member.email.lower(): member for member in self.members}
        self.silence = Silence.of(organization, self.hooks, self.members)
        self.by_type: dict[str, list[Hook]] = defaultdict(list)
        for hook in self.hooks:
            for name in catalogue.expand(hook.events):
                self.by_type[name].append(hook)
        self.reasons: dict[UUID, Reason] = {
            hook.pk: {"rule": "hook", "id": hook.public_id, "name": hook.name} for hook in self.hooks
        }
        self.resources = {hook.pk: {resource.pk for resource in hook.resources.all()} for hook in self.hooks}
        self.recipients = {
            hook.pk: list(self.silence.told(hook, named_by(hook, self.members)))
            for hook in self.hooks
            if hook.kind == Hook.Kind.EMAIL
        }
        self.choices = Choices.read(organization, types, self.members)
        self.reach = Reach.read(organization, self.choices, self.members)
        self.quiet = Quiet.read(organization, types, self.members, clock.now())
        self.defaults: dict[str, Reason] = {}
        self.settings: dict[Breadth, Reason] = {
            breadth: {"rule": "setting", "name": breadth.value} for breadth in Breadth if breadth != Breadth.DEFAULT
        }

    def hold_what_is_disabled(self) -> None:
        """Lock the endpoints that are disabled, and see whether they still are.

        A delivery that is held would wait for ever if its endpoint were enabled between that look and the commit.
        """
        disabled = [endpoint.pk for endpoint in self.endpoints.values() if endpoint.disabled_at]
        if disabled := [*disabled, *self.reach.disabled()]:
            rows = Endpoint.objects.select_for_update(no_key=True).filter(pk__in=disabled).order_by("pk")
            fresh = {endpoint.pk: endpoint for endpoint in read(rows)}
            self.endpoints |= {pk: to for pk, to in fresh.items() if pk in self.endpoints}
            self.reach.replace(fresh)

    def owed(self, event: Event) -> list[Owed]:
        """What an event owes; nothing for a test, which goes to the endpoint that is tested and to no other."""
        if event.is_test:
            return []
        webhooks = [
            Owed(event.pk, to, "", [self.reasons[hook.pk]], hook.pk, hook.paused or to.disabled_at is not None)
            for hook in self.asking(event)
            if hook.endpoint_id is not None and (to := self.endpoints[hook.endpoint_id])
        ]
        return webhooks + self._mails(event) + self._to_channels(event)

    def _mails(self, event: Event) -> list[Owed]:
        """One for each person, however many rules say so; none for members who turned it off."""
        mails: dict[str, Owed] = {}
        unwanted = {concerned_address(event)}

        def mail(address: str, reason: Reason, hook: Hook | None = None) -> None:
            if (lower := address.lower()) in unwanted:
                return
            if lower not in mails:
                mails[lower] = Owed(event.pk, None, address, [], held=True)
            mails[lower].add(reason, hook.pk if hook else None, hook is not None and hook.paused)

        own: list[tuple[Member, Reason]] = []
        for member in self._who_may_be_mailed(event.type):
            decision = self.choices.of(member, event.type, Channel.Kind.EMAIL, event.resource_id)
            if decision.on:
                own.append((member, self._because(event, member, decision)))
            elif decision.chosen:
                unwanted.add(member.email.lower())
        for hook in self.asking(event):
            for address in self.recipients.get(hook.pk, ()):
                mail(address, self.reasons[hook.pk], hook)
        for member, reason in own:
            mail(member.email, reason)
        if self.quiet.until:
            for lower, owed in mails.items():
                if whose := self.by_address.get(lower):
                    owed.quiet_until = self.quiet.of(whose.user_id, Channel.Kind.EMAIL, event.type)
        return list(mails.values())

    def _who_may_be_mailed(self, event_type: str) -> Iterable[Member]:
        """The members of whom a choice or the default says anything about mails of a type."""
        known = catalogue.EVENT_TYPES.get(event_type)
        if known and (known.email_default == EmailDefault.ON or known.subject == catalogue.Subject.HOOK):
            return self.members
        return self._who_chose(event_type, Channel.Kind.EMAIL)

    def _who_chose(self, event_type: str, channel: str) -> Iterator[Member]:
        users = set(self.choices.who_chose(event_type, channel))
        return (member for member in self.members if member.user_id in users) if users else iter(())

    def _to_channels(self, event: Event) -> list[Owed]:
        """To members' own channels, where they turned it on."""
        owed = []
        concerned = concerned_channel(event)
        for channel in (kind for kind in kinds() if kind not in {Channel.Kind.EMAIL, concerned}):
            for member in self._who_chose(event.type, channel):
                decision = self.choices.of(member, event.type, channel, event.resource_id)
                if not decision.on:
                    continue
                quiet_until = self.quiet.of(member.user_id, channel, event.type)
                for to in self.reach.to.get((member.user_id, channel), ()):
                    reasons, held = [self._because(event, member, decision)], to.disabled_at is not None
                    owed.append(Owed(event.pk, to, "", reasons, held=held, quiet_until=quiet_until))
        return owed

    def _because(self, event: Event, member: Member, decision: Decision) -> Reason:
        if decision.chosen:
            return self.settings[decision.by]
        if catalogue.EVENT_TYPES[event.type].subject == catalogue.Subject.HOOK:
            return _BY_ROLE[member.role]
        return self.defaults.setdefault(event.type, {"rule": "default", "name": event.type})

    def asking(self, event: Event) -> Iterator[Hook]:
        """The hooks that ask for an event."""
        concerned = concerned_hook(event)
        for hook in self.by_type.get(event.type, []):
            if self.covers(hook, event) and hook.public_id != concerned:
                yield hook

    def covers(self, hook: Hook, event: Event) -> bool:
        """Whether what the event is about is among what the hook is restricted to, if it is."""
        return not hook.restricted or event.resource_id in self.resources[hook.pk]


def concerned_hook(event: Event) -> str | None:
    """The hook that a `hook.*` event is about: it is not told of its own trouble."""
    return _text_of(_about(event).get("hook"), "id")


def concerned_channel(event: Event) -> str | None:
    """The kind of the channel that a `hook.*` event of a personal space is about: it is not told of its own trouble."""
    return _text_of(_about(event).get("channel"), "kind")


def concerned_address(event: Event) -> str | None:
    """The address that a `hook.*` event is about, in lower case: it is not e-mailed that it cannot be e-mailed."""
    about = _about(event).get("refused")
    return about.lower() if isinstance(about, str) else None


def _text_of(about: Any, name: str) -> str | None:
    """What an event says may be anything: programs could send such events once."""
    found = about.get(name) if isinstance(about, dict) else None
    return found if isinstance(found, str) else None


def _about(event: Event) -> dict[str, Any]:
    return json.loads(event.about) if event.type.startswith(_OWN) else {}  # type: ignore[attr-defined]  # annotated


def _store(organization: Organization, owed: Sequence[Owed], now: datetime) -> set[int]:
    """Insert the deliveries in bulk; the lanes in which work is now due."""
    mails = _mail_endpoints(organization, {each.address.lower(): each.address for each in owed if not each.endpoint})
    if stopped := [to.pk for to in mails.values() if to.disabled_at]:
        # As in `hold_what_is_disabled`: what is held would wait for ever if its endpoint were enabled meanwhile.
        locked = Endpoint.objects.select_for_update(no_key=True).filter(pk__in=stopped).order_by("pk")
        mails |= {to.address.lower(): to for to in read(locked)}
    # Most are owed for the same reasons as others: one list for all of those is written as JSON only once.
    alike: dict[tuple[int, ...], list[Reason]] = {}
    owner, pending = organization.pk, str(Delivery.State.PENDING)
    rows, touched = [], set()
    for each in owed:
        endpoint = each.endpoint or mails[each.address.lower()]
        held = each.held or endpoint.disabled_at is not None
        if not held and not each.quiet_until:
            touched.add(endpoint.lane_id)
        reasons = alike.setdefault(tuple(map(id, each.reasons)), each.reasons)
        quiet = None if held else each.quiet_until
        due_at = None if held else quiet + AT_MOST if quiet else now
        to = (endpoint.pk, endpoint.lane_id, each.hook, reasons)
        identity = each.endpoint.pk if each.endpoint else endpoint.address.lower()
        rows.append((id_of(each.event, identity), owner, each.event, *to, pending, due_at, quiet, 0, ""))
    bulk.insert(Delivery, _DELIVERY, rows, ignore_conflicts=True)
    return touched


def _mail_endpoints(organization: Organization, addresses: dict[str, str]) -> dict[str, To]:
    """The endpoint of each address, by its lower-case form; missing ones are made."""
    if not addresses:
        return {}
    lane = transport_lane(organization, "smtp")
    found = _having(organization, addresses)
    missing = [
        Endpoint(
            organization=organization,
            kind=Endpoint.Kind.EMAIL,
            # A database may know the lower case of ASCII letters only: what it would not find again is stored so.
            address=address if address.isascii() else lower,
            format="mail",
            lane=lane,
            secrets={},
        )
        for lower, address in addresses.items()
        if lower not in found
    ]
    if missing:
        Endpoint.objects.bulk_create(missing, batch_size=500, ignore_conflicts=True)
        found |= _having(organization, [each.address.lower() for each in missing])
    return found


def _having(organization: Organization, addresses: Iterable[str]) -> dict[str, To]:
    """The endpoints of these addresses that there are, by address in lower case."""
    mails = Endpoint.objects.filter(organization=organization, kind=Endpoint.Kind.EMAIL)
    known, lowers = mails.annotate(lower=Lower("address")), list(addresses)
    step = 500 if connection.features.max_query_params else 5_000
    return {
        endpoint.address.lower(): endpoint
        for start in range(0, len(lowers), step)
        for endpoint in read(known.filter(lower__in=lowers[start : start + step]))
    }


def transport_lane(organization: Organization, transport: str) -> Lane:
    """The one lane of an organization's mail (`smtp`) or push (`apns`)."""
    lane, _ = Lane.objects.get_or_create(organization=organization, transport=transport)
    return lane


def have_asked(organization: Organization, addresses: dict[str, str]) -> int:
    """Have addresses (as typed, by lower case) asked whether they want mail, unless they were; how many will be."""
    found = [endpoint.pk for endpoint in _mail_endpoints(organization, addresses).values()]
    unasked = Endpoint.objects.filter(ask_at__isnull=True, asked_at__isnull=True, confirmed_at__isnull=True)
    return unasked.filter(pk__in=found, disabled_at__isnull=True).update(ask_at=clock.now()) if found else 0


def mail_endpoint(organization: Organization, address: str) -> Endpoint:
    """The endpoint of one e-mail address of an organization."""
    found = _mail_endpoints(organization, {address.lower(): address})[address.lower()]
    return Endpoint.objects.get(pk=found.pk)
