"""Lanes: touching, leasing, taking from and releasing them. Every statement is written for two workers at once.

* Touching always writes, in id order, and never moves `not_before`: a new event does not defeat a back-off.
* Releasing locks the lane first and reads what is due in the next statement: in one statement, READ COMMITTED
  would read what was before the lock, and the lane would sleep with work in it (facts/engine.md, section 10).
* Only the holder of the lease's token may reschedule a lane.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Min, Q, QuerySet, When
from django.db.models.functions import Coalesce, Greatest, Least

from hooks.engine import clock
from hooks.messages import Notification
from hooks.models import Circuit, Delivery, Endpoint, Lane

_LOOK = 100  # due lanes that one claim chooses from
_ROUNDING = 1e-6
_RELEASED = [
    "work_due_at", "not_before", "next_at", "leased_until", "token", "seats", "failures", "circuit_open",
    "allowance", "allowance_at",
]  # fmt: skip
# The `due_at` of what goes before everything else in its lane: tests, and what a person asked to try now.
AT_ONCE = datetime(2000, 1, 1, tzinfo=UTC)


def lease_seconds() -> float:
    """Long enough for an attempt begun in its first half to end within it."""
    return 2 * settings.DELIVERY_TIMEOUT + 10


@dataclass(slots=True)
class Lease:
    """A lane held by this process until `ends`; `begun` and `ends` are monotonic, `claimed_at` is the database's."""

    lane: int
    organization: UUID
    transport: str
    token: UUID
    begun: float
    ends: float
    claimed_at: datetime
    seats: int
    failures: int
    circuit_open: bool
    ordered: bool = False
    rate: float | None = None  # deliveries a second; None: as fast as it goes
    burst: int = 1
    allowance: float = 0.0  # of the token bucket, when it was claimed or last spent from
    allowance_at: float = 0.0  # that moment, monotonic
    backs_off_until: datetime | None = None  # known when it was claimed: only what is asked for at once may go
    not_before: datetime | None = None  # learnt in this lease
    barred: bool = False  # until then not even what is asked for at once may go
    probe: bool = False  # of a transport that was away: one attempt, which speaks for all
    last_failed: UUID | None = None
    quickest_ms: int | None = None  # of the good answers in this lease

    def now(self) -> datetime:
        """The database's time, reckoned from when the lane was claimed."""
        return self.claimed_at + timedelta(seconds=time.monotonic() - self.begun)

    def rest(self, seconds: float, *, barred: bool = False) -> None:
        """Have the lane back off for so long once it is released, or longer if it was to already.

        `barred`: what a person asks for at once has to wait as well; it would be claimed again and again in vain.
        """
        until = self.now() + timedelta(seconds=seconds)
        self.not_before = max(self.not_before or until, until)
        self.barred = self.barred or barred

    def allowed(self) -> int:
        """How many deliveries the rate limit lets begin now."""
        if self.rate is None:
            return 1_000_000
        now = time.monotonic()
        self.allowance = min(float(self.burst), self.allowance + self.rate * (now - self.allowance_at))
        self.allowance_at = now
        return int(self.allowance + _ROUNDING)

    def spend(self, deliveries: int) -> None:
        """Take so many from the allowance; what was not begun is given back with a negative number."""
        if self.rate is not None:
            self.allowance -= deliveries

    def seconds_to_next(self) -> float:
        """How long until the rate limit lets one begin."""
        return 0.0 if self.rate is None else max(0.0, (1 - self.allowance) / self.rate)

    def may_start(self) -> bool:
        """No attempt starts later than the end of the lease minus the attempt's deadline."""
        return time.monotonic() < self.ends - settings.DELIVERY_TIMEOUT


def touch(lanes: Collection[int]) -> None:
    """Work is due in these lanes now."""
    if not lanes:
        return
    with transaction.atomic():
        _lock(lanes)
        now = clock.now()
        due = Least(Coalesce(F("work_due_at"), now), now)
        later = Greatest(Least(Coalesce(F("work_due_at"), now), now), Coalesce(F("not_before"), now))
        # Never later than it was to be: something may have been asked for at once.
        sooner = Least(Coalesce(F("next_at"), later), later)
        Lane.objects.filter(pk__in=lanes).update(work_due_at=due, next_at=sooner)


def reset(lane: int) -> None:
    """Forget a lane's back-off: its circuit is closed, it may be tried at once.

    Who holds the lane now keeps it; but what it learns is about what was before, and is forgotten at the release.
    """
    with transaction.atomic():
        token = _lock([lane]).get(lane)
        Lane.objects.filter(pk=lane).update(
            not_before=None,
            failures=0,
            circuit_open=False,
            seats=1,
            next_at=F("work_due_at"),
            token=token and _forgotten(token),
        )


def probe_now(lane: int) -> None:
    """Let what is due `AT_ONCE` go although the lane backs off: somebody asked for it. The rest backs off as before."""
    with transaction.atomic():
        _lock([lane])
        now = clock.now()
        Lane.objects.filter(pk=lane).update(work_due_at=now, next_at=now)


def claim(
    limit: int,
    transports: Collection[str],
    proven: bool = False,
    held: Counter[UUID] | None = None,
    sound: bool = False,
) -> list[Lease]:
    """Lease up to `limit` lanes whose work is due: longest waiting first, the organizations taking turns.

    `proven`: only lanes that answer well; `sound`: none that failed last. `held`: how many lanes of each
    organization the caller has already; one that has fewer comes first.
    """
    seen = _claimable(clock.now(), transports, proven, sound).order_by("next_at")
    # Seen without a lock, so that looking costs other writers nothing; more than are wanted, as others look too.
    wanted = _in_turns(seen.values_list("pk", "organization_id")[:_LOOK], held or Counter())[: 3 * limit]
    if not wanted:
        return []
    begun = time.monotonic()
    with transaction.atomic():
        now = clock.now()
        due = _claimable(now, transports, proven, sound).select_for_update(skip_locked=True, no_key=True)
        turn = Case(*[When(pk=lane, then=place) for place, lane in enumerate(wanted)])
        rows = list(due.filter(pk__in=wanted).order_by(turn)[:limit])
        for lane in rows:
            lane.token, lane.leased_until = _new_token(), now + timedelta(seconds=lease_seconds())
        Lane.objects.bulk_update(rows, ["token", "leased_until"])
    return [_lease(row, begun, now) for row in rows]


def _in_turns(lanes: Iterable[tuple[int, UUID]], held: Counter[UUID]) -> list[int]:
    """The lanes, one of each organization after the other; within an organization the order stays."""
    rank = Counter(held)
    places = []
    for place, (lane, organization) in enumerate(lanes):
        places.append((rank[organization], place, lane))
        rank[organization] += 1
    return [lane for _, _, lane in sorted(places)]


def claim_probe(transport: str) -> list[Lease]:
    """One lane of a transport that was away, for one attempt; empty if another has it, or nothing is due.

    Until it has answered, or its lease is over, nobody else tries the transport.
    """
    if not due_within(0, [transport]):
        return []
    now = clock.now()
    away = Circuit.objects.filter(pk=transport, failures__gt=0, not_before__lte=now)
    if not away.update(not_before=now + timedelta(seconds=lease_seconds())):
        return []
    leases = claim(1, [transport])
    for lease in leases:
        lease.probe = True
    return leases


def due_within(seconds: float, transports: Collection[str]) -> bool:
    """Whether a lane that nobody holds has something to do soon."""
    now = clock.now()
    return _claimable(now + timedelta(seconds=seconds), transports, free_at=now).exists()


def _lease(lane: Lane, begun: float, now: datetime) -> Lease:
    assert lane.token is not None
    # Not before it, even if the clock was set back.
    since = max(0.0, (now - lane.allowance_at).total_seconds()) if lane.allowance_at else float("inf")
    rested = min(float(lane.burst), lane.allowance + lane.rate * since) if lane.rate else 0.0
    return Lease(
        lane=lane.pk,
        organization=lane.organization_id,
        transport=lane.transport,
        token=lane.token,
        begun=begun,
        ends=begun + lease_seconds(),
        claimed_at=now,
        seats=1 if lane.ordered else lane.seats,
        failures=lane.failures,
        circuit_open=lane.circuit_open,
        ordered=lane.ordered,
        rate=lane.rate,
        burst=lane.burst,
        allowance=rested,
        allowance_at=begun,
        backs_off_until=lane.not_before if lane.not_before and lane.not_before > now else None,
    )


def _claimable(
    due_at: datetime,
    transports: Collection[str],
    proven: bool = False,
    sound: bool = False,
    free_at: datetime | None = None,
) -> QuerySet[Lane]:
    free = Q(leased_until__isnull=True) | Q(leased_until__lt=free_at or due_at)
    due = Lane.objects.filter(free, next_at__lte=due_at, transport__in=transports)
    if proven or sound:
        due = due.filter(failures=0)
    return due.filter(seats__gt=1) if proven else due


def take(lease: Lease, most: int) -> list[Notification]:
    """What is due in a leased lane, in order, ready to be sent; nothing is written."""
    latest = AT_ONCE if lease.backs_off_until else clock.now()
    due = Delivery.objects.filter(lane=lease.lane, state=Delivery.State.PENDING, due_at__lte=latest)
    rows = list(
        due.select_related("event__resource", "organization")
        .order_by("due_at", "pk")
        .only(
            "tries", "reasons", "endpoint_id", "event__type", "event__representation", "event__occurred_at",
            "event__is_test", "event__resource__name", "organization__name", "organization__kind",
        )[:most]
    )  # fmt: skip
    endpoints = Endpoint.objects.in_bulk({row.endpoint_id for row in rows})
    return [_notification(row, endpoints[row.endpoint_id]) for row in rows]


def release(lease: Lease) -> bool:
    """Give the lane back with what this worker learnt about it. False if the lease had gone to another."""
    with transaction.atomic():
        lane = Lane.objects.select_for_update(no_key=True).get(pk=lease.lane)
        if lane.token not in {lease.token, _forgotten(lease.token)}:
            return False
        now = clock.now()
        if lane.token == lease.token:
            # By the database's clock as it is now: it may have been set meanwhile.
            rests_until = now + (lease.not_before - lease.now()) if lease.not_before else None
            lane.not_before = max(filter(None, (rests_until, lease.backs_off_until)), default=None)
            lane.seats, lane.failures, lane.circuit_open = lease.seats, lease.failures, lease.circuit_open
        waiting = Delivery.objects.filter(lane=lane, state=Delivery.State.PENDING, due_at__isnull=False)
        due: datetime | None = waiting.aggregate(first=Min("due_at"))["first"]
        heeded = lane.not_before if due != AT_ONCE or lease.barred else None
        if due is not None:
            due = max(due, now)  # behind the lanes that waited meanwhile: round-robin
        lane.work_due_at = due
        lane.next_at = max(due, heeded) if due and heeded else due
        if lease.rate is not None:
            lease.allowed()
            lane.allowance, lane.allowance_at = lease.allowance, now
        lane.token = lane.leased_until = None
        lane.save(update_fields=_RELEASED)
    return True


def _new_token() -> UUID:
    """A token of a lease. Its last bit is 0: it becomes 1 when the lane is reset meanwhile."""
    return uuid.UUID(int=uuid.uuid4().int & ~1)


def _forgotten(token: UUID) -> UUID:
    return uuid.UUID(int=token.int | 1)


def _lock(lanes: Collection[int]) -> dict[int, UUID | None]:
    """Lock these lanes, in id order: so that two transactions cannot wait for each other. Their tokens."""
    rows = Lane.objects.select_for_update(no_key=True).filter(pk__in=lanes).order_by("pk")
    return dict(rows.values_list("pk", "token"))


def _notification(row: Delivery, endpoint: Endpoint) -> Notification:
    now = time.time()
    keys = endpoint.secrets.get("signing", []) if endpoint.secrets else []
    return Notification(
        delivery=row.pk,
        endpoint=endpoint.pk,
        webhook_id=row.public_id,
        tries=row.tries,
        event_type=row.event.type,
        representation=row.event.representation,
        occurred_at=row.event.occurred_at,
        is_test=row.event.is_test,
        organization=row.organization.name,
        organization_id=row.organization.public_id,
        resource=row.event.resource.name if row.event.resource else None,
        address=endpoint.address,
        format=endpoint.format,
        options=endpoint.options,
        signing_keys=tuple(entry["key"] for entry in keys if not entry["until"] or entry["until"] > now),
        reasons=tuple(row.reasons),
    )
