"""Leasing and releasing lanes, which only the engine does. Every statement is written for two workers at once.

* Releasing locks the lane first and reads what is due in the next statement: in one statement, READ COMMITTED
  would read what was before the lock, and the lane would sleep with work in it.
* Only the holder of the lease's token may reschedule a lane. If the lane was reset meanwhile (`was_reset`), what the
  holder learnt is dropped.

What everybody may do to a lane is in `hooks.queue.lanes`.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from operator import itemgetter
from uuid import UUID

from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Window
from django.db.models.functions import Now, RowNumber

from hooks import clock
from hooks.engine.leases import Lease, get_lease_seconds
from hooks.locking import lock_idle_lanes, lock_lanes
from hooks.models import Circuit, Delivery, Lane
from hooks.queue.lanes import AT_ONCE
from notifications_project import bulk

_LOOK = 100  # due lanes that one claim chooses from
_RELEASED = [
    "work_due_at", "not_before", "next_at", "leased_until", "token", "seats", "failures", "circuit_open",
    "last_failed", "allowance", "allowance_at",
]  # fmt: skip


def claim(
    limit: int,
    transports: Collection[str],
    held_lanes: Counter[UUID] | None = None,
    *,
    only_fast: bool = False,
    only_without_failures: bool = False,
) -> list[Lease]:
    """Lease up to `limit` lanes whose work is due: longest waiting first, the organizations taking turns.

    `only_fast`: only lanes that answer well, and so have more than their first seat; `only_without_failures`: none
    whose last attempt failed. `held_lanes`: how many lanes of each organization the caller has already; one that has
    fewer comes first. Returns fewer leases than there are lanes if others lease them at the same time.
    """
    claimable = _filter_claimable(only_fast=only_fast, only_without_failures=only_without_failures)
    # Seen without a lock, so that looking costs other writers nothing.
    seen = [lane for transport in transports for lane in _choose_from(claimable.filter(transport=transport))]
    wanted = _order_in_turns(sorted(seen, key=itemgetter(2)), held_lanes or Counter())
    leases: list[Lease] = []
    # Lanes that another worker took meanwhile are passed over and the next ones tried: both saw the same lanes.
    for start in range(0, min(len(wanted), 3 * limit), limit):
        leases += _lease(wanted[start : start + limit], limit - len(leases), claimable.filter(transport__in=transports))
        if len(leases) >= limit:
            break
    return leases


def _choose_from(due: QuerySet[Lane]) -> list[tuple[int, UUID, datetime]]:
    """Return lanes to choose from, the longest waiting first: id, organization, due since."""
    columns = ("pk", "organization_id", "next_at")
    seen = list(due.order_by("next_at").values_list(*columns)[:_LOOK])
    if len(seen) == _LOOK and len({organization for _, organization, _ in seen}) < _LOOK:
        # There are more: however many lanes one organization has, the first ones of every other are among these.
        turn = Window(RowNumber(), partition_by=F("organization"), order_by=F("next_at").asc())
        seen = list(due.annotate(turn=turn).order_by("turn", "next_at").values_list(*columns)[:_LOOK])
    return seen


def _lease(wanted: Collection[int], limit: int, claimable: QuerySet[Lane]) -> list[Lease]:
    """Lease up to `limit` of the `wanted` lanes: those that nobody else has leased, or is leasing, meanwhile."""
    begun, token = time.monotonic(), uuid.uuid4()
    with transaction.atomic():
        rows = lock_idle_lanes(claimable.filter(pk__in=wanted).annotate(now=clock.get_now_column()), limit)
        if not rows:
            return []
        now = rows[-1].now
        until = now + timedelta(seconds=get_lease_seconds())
        leased = Lane.objects.filter(pk__in=[row.pk for row in rows])
        leased.update(token=token, leased_until=until, was_reset=False)
    return [_build_lease(row, token, begun, now) for row in rows]


def _order_in_turns(lanes: Iterable[tuple[int, UUID, datetime]], held_lanes: Counter[UUID]) -> list[int]:
    """Return the lanes, one of each organization after the other; within an organization the order stays."""
    rank = Counter(held_lanes)
    places = []
    for place, (lane, organization, _) in enumerate(lanes):
        places.append((rank[organization], place, lane))
        rank[organization] += 1
    return [lane for _, _, lane in sorted(places)]


def claim_probe(transport: str) -> list[Lease]:
    """Lease one lane of a transport that was away, for one attempt; empty if another pump has it, or nothing is due.

    Until it has answered, or its lease is over, nobody else tries the transport.
    """
    if not is_work_due_within(0, [transport]) or not take_probe(transport):
        return []
    leases = claim(1, [transport])
    for lease in leases:
        lease.is_probe = True
    return leases


def take_probe(transport: str) -> bool:
    """Return True if the caller is the one pump that may try a transport that was away."""
    now = clock.now()
    away = Circuit.objects.filter(pk=transport, failures__gt=0, not_before__lte=now)
    return bool(away.update(not_before=now + timedelta(seconds=get_lease_seconds())))


def is_work_due_within(seconds: float, transports: Collection[str]) -> bool:
    """Return True if a lane that nobody holds has something to do soon."""
    now = clock.now()
    soon = now + timedelta(seconds=seconds)
    return Lane.objects.filter(_match_free(now), next_at__lte=soon, transport__in=transports).exists()


def _match_free(now: datetime | Now) -> Q:
    """Match lanes that nobody has leased, or whose lease is over."""
    return Q(leased_until__isnull=True) | Q(leased_until__lt=now)


def _filter_claimable(*, only_fast: bool, only_without_failures: bool) -> QuerySet[Lane]:
    """Filter the lanes that nobody has leased and whose work is due; the rest as for `claim`."""
    now = clock.get_now_expression()
    due = Lane.objects.filter(_match_free(now), next_at__lte=now)
    if only_fast or only_without_failures:
        due = due.filter(failures=0)
    return due.filter(seats__gt=1) if only_fast else due


def _build_lease(lane: Lane, token: UUID, begun: float, now: datetime) -> Lease:
    """Return the lease of a lane that was claimed at `now` by the database's clock, and `begun` by this machine's."""
    # Not before it, even if the clock was set back.
    since = max(0.0, (now - lane.allowance_at).total_seconds()) if lane.allowance_at else float("inf")
    rested = min(float(lane.burst), lane.allowance + lane.rate * since) if lane.rate else 0.0
    return Lease(
        lane=lane.pk,
        organization=lane.organization_id,
        transport=lane.transport,
        token=token,
        begun=begun,
        ends=begun + get_lease_seconds(),
        claimed_at=now,
        seats=1 if lane.ordered else lane.seats,
        failures=lane.failures,
        circuit_open=lane.circuit_open,
        last_failed=lane.last_failed,
        ordered=lane.ordered,
        rate=lane.rate,
        burst=lane.burst,
        allowance=rested,
        allowance_at=begun,
        backs_off_until=lane.not_before if lane.not_before and lane.not_before > now else None,
    )


def release(leases: Collection[Lease]) -> set[int]:
    """Give lanes back with what this worker learnt about them; return those that it still had.

    A lane whose lease has gone to another is left as it is.
    """
    if not leases:
        return set()
    waiting = Delivery.objects.pending().filter(lane=OuterRef("pk"), due_at__isnull=False)
    first = Subquery(waiting.order_by("due_at").values("due_at")[:1])
    with transaction.atomic():
        holders = dict(
            lock_lanes(Lane.objects.filter(pk__in=[each.lane for each in leases]).values_list("pk", "token"))
        )
        own = {lease.lane: lease for lease in leases if holders.get(lease.lane) == lease.token}
        # In a statement of its own, to see what was committed while the locks were waited for.
        rows = list(Lane.objects.filter(pk__in=own).annotate(first=first, now=clock.get_now_column()))
        for lane in rows:
            _update_released(lane, own[lane.pk], lane.first, lane.now)
        bulk.update(Lane, _RELEASED, rows)
    return set(own)


def _update_released(lane: Lane, lease: Lease, due: datetime | None, now: datetime) -> None:
    """Set the state of a lane after a lease. `due`: when the first of its waiting deliveries is due, if any is."""
    if not lane.was_reset:
        # By the database's clock as it is now: it may have been set meanwhile.
        rests_until = now + (lease.not_before - lease.estimate_now()) if lease.not_before else None
        lane.not_before = max(filter(None, (rests_until, lease.backs_off_until)), default=None)
        lane.seats, lane.failures, lane.circuit_open = lease.seats, lease.failures, lease.circuit_open
        lane.last_failed = lease.last_failed
    heeded = lane.not_before if due != AT_ONCE or lease.holds_requested else None
    if due is not None:
        due = max(due, now)  # behind the lanes that waited meanwhile: round-robin
    lane.work_due_at = due
    lane.next_at = max(due, heeded) if due and heeded else due
    if lease.rate is not None:
        lease.count_allowed()
        lane.allowance, lane.allowance_at = lease.allowance, now
    lane.token = lane.leased_until = None
