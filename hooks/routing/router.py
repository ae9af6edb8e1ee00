"""Matching (routing): event -> the deliveries that it owes, each with its reasons.

One router at a time serves an organization: it holds the organization's row while it routes a chunk, so that
order is kept and rules do not change in between. Running twice adds nothing: a delivery is unique on
(event, endpoint), and a person is e-mailed once about one event, however many rules say so.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet

from events.models import Event
from hooks import clock
from hooks.audience.quiet_times import DIGEST_GRACE
from hooks.endpoints.lookup import get_or_create_mail_endpoints, lock_endpoint_refs, request_confirmations
from hooks.locking import lock_idle_organization
from hooks.messages import Reason
from hooks.models import Delivery
from hooks.models.work import derive_delivery_id
from hooks.queue import lanes
from hooks.routing.rules import OrganizationRules, PlannedDelivery
from hooks.routing.subjects import annotate_subject
from notifications_project import bulk
from notifications_project.accounts.models import Organization
from notifications_project.isolation import isolate

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


logger = logging.getLogger(__name__)


class _Round:
    """The turns of organizations with unrouted events, by id, round and round, in this process.

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

    def find_waiting(self) -> QuerySet[Event]:
        """The events that are to be routed now."""
        now = time.monotonic()
        aside = [event for event, (until, _) in self.unroutable.items() if until > now]
        unrouted = Event.objects.filter(routed_at__isnull=True)
        return unrouted.exclude(pk__in=aside) if aside else unrouted

    def find_next(self) -> UUID | None:
        now = time.monotonic()
        self.resting = {owner: until for owner, until in self.resting.items() if until > now}
        unrouted = self.find_waiting().exclude(organization__in=self.resting)
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
    while (owner := _round.find_next()) and owner not in served:
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
    organization = lock_idle_organization(owner)
    if organization is None:
        return 0  # another router is at it
    waiting = _round.find_waiting().filter(organization=organization)
    events = list(annotate_subject(waiting).order_by("pk")[:CHUNK])
    rules = OrganizationRules.read(organization, {event.type for event in events})
    rules.lock_disabled_endpoints()
    owed: list[PlannedDelivery] = []
    done: list[UUID] = []
    for event in events:
        what = f"event {event.public_id} cannot be routed; it waits, and others go before it"
        with isolate(what, partial(_round.set_aside, event.pk)):
            owed += rules.plan_deliveries(event)
            done.append(event.pk)
        if len(owed) >= _MOST_DELIVERIES:
            break
    now = clock.now()
    request_confirmations(organization, rules.silence.unasked)
    touched = _store(organization, owed, now)
    Event.objects.filter(pk__in=done).update(routed_at=now)
    lanes.touch(touched)
    return len(done)


def _store(organization: Organization, owed: Sequence[PlannedDelivery], now: datetime) -> set[int]:
    """Insert the deliveries in bulk; the lanes in which work is now due."""
    mails = get_or_create_mail_endpoints(
        organization, {each.address.lower(): each.address for each in owed if not each.endpoint}
    )
    if stopped := [to.pk for to in mails.values() if to.disabled_at]:
        mails |= {to.address.lower(): to for to in lock_endpoint_refs(stopped).values()}
    # Most are owed for the same reasons as others: one list for all of those is written as JSON only once.
    alike: dict[tuple[tuple[tuple[str, object], ...], ...], list[Reason]] = {}
    owner, pending = organization.pk, str(Delivery.State.PENDING)
    rows, touched = [], set()
    for each in owed:
        endpoint = each.endpoint or mails[each.address.lower()]
        held = each.held or endpoint.disabled_at is not None
        if not held and not each.quiet_until:
            touched.add(endpoint.lane_id)
        reasons = alike.setdefault(tuple(tuple(reason.items()) for reason in each.reasons), each.reasons)
        quiet = None if held else each.quiet_until
        due_at = None if held else quiet + DIGEST_GRACE if quiet else now
        to = (endpoint.pk, endpoint.lane_id, each.hook, reasons)
        identity = each.endpoint.pk if each.endpoint else endpoint.address.lower()
        rows.append((derive_delivery_id(each.event, identity), owner, each.event, *to, pending, due_at, quiet, 0, ""))
    bulk.insert(Delivery, _DELIVERY, rows, ignore_conflicts=True)
    return touched
