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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Case, F, QuerySet, TextField, Value, When
from django.db.models.functions import Lower

from events import catalogue
from events.models import Event
from hooks.engine import clock, lanes
from hooks.models import Delivery, Endpoint, Hook, Lane
from notifications_project import bulk, ids
from notifications_project.accounts.models import Membership, Organization
from notifications_project.accounts.roles import Role

CHUNK = 500  # events routed in one transaction
_MOST_DELIVERIES = 5_000  # after which a chunk is cut, so that no transaction grows without bound
_TURN = 0.05  # seconds after which the next organizations wait for the next call: seats are to be filled meanwhile
_REST = 60.0  # seconds in which an organization is not tried again after its events could not be routed
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
    "tries",
    "outcome",
]

_OWN = "hook."  # begins the types of the events that are about hooks

Reason = dict[str, Any]
logger = logging.getLogger(__name__)


class _Round:
    """Whose turn it is, in this process: the organizations with unrouted events, by id, round and round.

    Finding the next is one look into the index, however many events wait.
    """

    def __init__(self) -> None:
        self.last: UUID | None = None
        self.resting: dict[UUID, float] = {}

    def next(self) -> UUID | None:
        now = time.monotonic()
        self.resting = {owner: until for owner, until in self.resting.items() if until > now}
        unrouted = Event.objects.filter(routed_at__isnull=True).exclude(organization__in=self.resting)
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
    waiting = Event.objects.filter(organization=organization, routed_at__isnull=True)
    # What an event says is read of those only of which it matters: it may be long.
    about = Case(When(type__startswith=_OWN, then=F("representation")), default=Value(""), output_field=TextField())
    events = list(waiting.defer("representation").annotate(about=about).order_by("pk")[:CHUNK])
    rules = Rules(organization)
    rules.hold_what_is_disabled()
    owed: list[_Owed] = []
    done = 0
    for event in events:
        owed += rules.owed(event)
        done += 1
        if len(owed) >= _MOST_DELIVERIES:
            break
    now = clock.now()
    touched = _store(organization, owed, now)
    Event.objects.filter(pk__in=[event.pk for event in events[:done]]).update(routed_at=now)
    lanes.touch(touched)
    return done


@dataclass(slots=True)
class _Owed:
    """One delivery to be made: to a webhook's endpoint, or to an e-mail address."""

    event: UUID
    endpoint: _To | None
    address: str
    reasons: list[Reason]
    hook: UUID | None
    held: bool

    def add(self, reason: Reason, hook: UUID | None, held: bool) -> None:
        if reason not in self.reasons:  # a member whose address was typed as well
            self.reasons.append(reason)
        self.hook = self.hook or hook
        self.held = self.held and held


class _To(NamedTuple):
    """Of an endpoint, what its deliveries need."""

    pk: UUID
    lane_id: int
    address: str
    disabled_at: datetime | None


class _Member(NamedTuple):
    user_id: UUID
    role: str
    email: str


class Rules:
    """The rules of one organization, read once for many events, in a bounded number of queries."""

    def __init__(self, organization: Organization) -> None:
        hooks = Hook.objects.existing().filter(organization=organization, enabled=True).order_by("created_at", "pk")
        self.hooks = list(hooks.prefetch_related("resources", "notify_users"))
        chosen = Endpoint.objects.filter(hook__in=[hook.pk for hook in self.hooks])
        self.endpoints = {endpoint.pk: endpoint for endpoint in _read(chosen)}
        memberships = Membership.objects.filter(organization=organization, user__is_active=True)
        members = memberships.order_by("joined_at", "pk").values_list("user_id", "role", "user__email")
        self.members = [_Member(*member) for member in members]
        self.by_type: dict[str, list[Hook]] = defaultdict(list)
        for hook in self.hooks:
            for name in catalogue.expand(hook.events) if hook.events else catalogue.EVENT_TYPES:
                self.by_type[name].append(hook)
        self.reasons: dict[UUID, Reason] = {
            hook.pk: {"rule": "hook", "id": hook.public_id, "name": hook.name} for hook in self.hooks
        }
        self.resources = {hook.pk: {resource.pk for resource in hook.resources.all()} for hook in self.hooks}
        self.recipients = {hook.pk: list(self._recipients(hook)) for hook in self.hooks if hook.kind == "email"}

    def hold_what_is_disabled(self) -> None:
        """Lock the endpoints that are disabled, and see whether they still are.

        A delivery that is held would wait for ever if its endpoint were enabled between that look and the commit.
        """
        disabled = [endpoint.pk for endpoint in self.endpoints.values() if endpoint.disabled_at]
        if disabled:
            rows = Endpoint.objects.select_for_update(no_key=True).filter(pk__in=disabled).order_by("pk")
            self.endpoints |= {endpoint.pk: endpoint for endpoint in _read(rows)}

    def owed(self, event: Event) -> list[_Owed]:
        """What an event owes; nothing for a test, which goes to the endpoint that is tested and to no other."""
        if event.is_test:
            return []
        webhooks: list[_Owed] = []
        mails: dict[str, _Owed] = {}

        def mail(address: str, reason: Reason, hook: UUID | None, held: bool) -> None:
            lower = address.lower()
            if lower in mails:
                mails[lower].add(reason, hook, held)
            else:
                mails[lower] = _Owed(event.pk, None, address, [reason], hook, held)

        for hook in self._asking(event):
            reason = self.reasons[hook.pk]
            if hook.endpoint_id is not None:
                to = self.endpoints[hook.endpoint_id]
                held = hook.paused or to.disabled_at is not None
                webhooks.append(_Owed(event.pk, to, "", [reason], hook.pk, held))
                continue
            for address in self.recipients[hook.pk]:
                mail(address, reason, hook.pk, hook.paused)
        for address, reason in self._by_default(event):
            mail(address, reason, None, False)
        return webhooks + list(mails.values())

    def _asking(self, event: Event) -> Iterable[Hook]:
        concerned = _concerned_hook(event)
        for hook in self.by_type.get(event.type, []):
            chosen = self.resources[hook.pk]
            if (not hook.restricted or event.resource_id in chosen) and hook.public_id != concerned:
                yield hook

    def _recipients(self, hook: Hook) -> Iterable[str]:
        users = {user.pk for user in hook.notify_users.all()}
        for membership in self.members:
            if hook.notify_members or membership.role in hook.notify_roles or membership.user_id in users:
                yield membership.email
        yield from hook.notify_addresses

    def _by_default(self, event: Event) -> Iterator[tuple[str, Reason]]:
        """Members who get an e-mail without a hook: the catalogue's default, and the system's own news."""
        event_type = catalogue.EVENT_TYPES.get(event.type)
        if event_type is None:
            return
        if event_type.subject == catalogue.Subject.HOOK:
            told = {role: {"rule": "role", "name": role.value} for role in (Role.ADMIN, Role.MANAGER)}
            for member in self.members:
                if member.role in told:
                    yield member.email, told[Role(member.role)]
        elif event_type.email_default == catalogue.EmailDefault.ON:
            reason = {"rule": "default", "name": event_type.name}
            for member in self.members:
                yield member.email, reason


def _concerned_hook(event: Event) -> str | None:
    """The hook that a `hook.*` event is about: it is not told of its own trouble."""
    if not event.type.startswith(_OWN):
        return None
    about = json.loads(event.about).get("hook")  # type: ignore[attr-defined]  # annotated
    return about.get("id") if isinstance(about, dict) else None


def _store(organization: Organization, owed: Sequence[_Owed], now: datetime) -> set[int]:
    """Insert the deliveries in bulk; the lanes in which work is now due."""
    mails = _mail_endpoints(organization, {each.address.lower(): each.address for each in owed if not each.endpoint})
    # Most are owed for the same reasons as others: one list for all of those is written as JSON only once.
    alike: dict[tuple[int, ...], list[Reason]] = {}
    owner, pending = organization.pk, str(Delivery.State.PENDING)
    rows, touched = [], set()
    for each in owed:
        endpoint = each.endpoint or mails[each.address.lower()]
        held = each.held or endpoint.disabled_at is not None
        if not held:
            touched.add(endpoint.lane_id)
        reasons = alike.setdefault(tuple(map(id, each.reasons)), each.reasons)
        due_at = None if held else now
        rows.append(
            (ids.uuid7(), owner, each.event, endpoint.pk, endpoint.lane_id, each.hook, reasons, pending, due_at, 0, "")
        )
    bulk.insert(Delivery, _DELIVERY, rows, ignore_conflicts=True)
    return touched


def _mail_endpoints(organization: Organization, addresses: dict[str, str]) -> dict[str, _To]:
    """The endpoint of each address, by its lower-case form; missing ones are made."""
    if not addresses:
        return {}
    lane = mail_lane(organization)
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


def _having(organization: Organization, addresses: Iterable[str]) -> dict[str, _To]:
    """The endpoints of these addresses that there are, by address in lower case."""
    mails = Endpoint.objects.filter(organization=organization, kind=Endpoint.Kind.EMAIL)
    known, lowers = mails.annotate(lower=Lower("address")), list(addresses)
    step = 500 if connection.features.max_query_params else 5_000
    return {
        endpoint.address.lower(): endpoint
        for start in range(0, len(lowers), step)
        for endpoint in _read(known.filter(lower__in=lowers[start : start + step]))
    }


def _read(endpoints: QuerySet[Endpoint]) -> Iterator[_To]:
    return (_To(*row) for row in endpoints.values_list(*_To._fields))


def mail_lane(organization: Organization) -> Lane:
    """The one lane of an organization's mail."""
    lane, _ = Lane.objects.get_or_create(organization=organization, transport="smtp")
    return lane


def mail_endpoint(organization: Organization, address: str) -> Endpoint:
    """The endpoint of one e-mail address of an organization."""
    found = _mail_endpoints(organization, {address.lower(): address})[address.lower()]
    return Endpoint.objects.get(pk=found.pk)
