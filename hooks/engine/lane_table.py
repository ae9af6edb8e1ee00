"""The lanes that one pump has leased: leasing them, taking what is due in them, and giving them back."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence

from hooks.engine import lanes, taking
from hooks.engine.host_limits import HostPaces
from hooks.engine.judging import Result
from hooks.engine.leased_lanes import Ended, LeasedLane
from hooks.engine.leases import Lease
from hooks.engine.send_pool import UNPROVEN_SHARE
from hooks.engine.transport_circuits import KnownTransports
from hooks.formats import LIMITED_HOSTS
from hooks.queue import wakeup

CLAIM = 4  # lanes at a time, as more would leave nothing to the other worker; but more if there is little in each
_STALE = 1.0  # seconds after which what was taken is looked at again before it is sent


class LaneTable:
    """Leased lanes by their ids. Iterating gives them in the order in which they were leased."""

    def __init__(self, transports: KnownTransports, paces: HostPaces) -> None:
        self._transports, self._paces = transports, paces
        self._lanes: dict[int, LeasedLane] = {}
        self._latencies: dict[int, float | None] = {}  # by lane, as it answered this pump before

    def __iter__(self) -> Iterator[LeasedLane]:
        return iter(self._lanes.values())

    def is_empty(self) -> bool:
        return not self._lanes

    def has_waiting(self) -> bool:
        """Return True if a delivery that was taken is still to be sent."""
        return any(lane.waiting for lane in self)

    def list_open(self) -> list[LeasedLane]:
        """Return the lanes in which something waits or is being sent."""
        return [lane for lane in self if lane.waiting or lane.running]

    def lease(self, most: int, *, budget_spent: bool) -> tuple[int, int]:
        """Lease up to `most` lanes and take from them; return how many lanes, and how many deliveries."""
        leases = self._claim(most, budget_spent)
        if not leases:
            return 0, 0
        new = [LeasedLane(lease, latency=self._latencies.get(lease.lane)) for lease in leases]
        self._lanes |= {lane.lease.lane: lane for lane in new}
        return len(leases), self._take([(lane, lane.most_to_take) for lane in new])

    def refresh(self) -> None:
        """Take again what has been waiting here for a while: its hook may have been edited, paused or deleted."""
        since = time.monotonic() - _STALE
        stale = [lane for lane in self if lane.waiting and not lane.is_stopped and lane.taken_at < since]
        if stale:
            self._take([(lane, len(lane.waiting) + len(lane.under_way)) for lane in stale])

    def end_run(self, ended: Ended) -> None:
        """Take back what a run did not begin, and remember how quickly its lane answers."""
        ended.lane.end_run(ended.unsent, ended.quickest)
        if ended.quickest is not None:
            self._latencies[ended.lane.lease.lane] = ended.lane.latency

    def note_written(self, results: Iterable[Result]) -> None:
        """Note that these results are in the database: nothing of them is under way any more."""
        for result in results:
            if lane := self._lanes.get(result.lease.lane):
                lane.under_way.discard(result.notification.delivery)

    def release_done(self, *, closing: bool) -> None:
        """Give back the lanes that have nothing more to do here; `closing`: nothing more is begun in any."""
        done = [lane for lane in self if lane.is_done(closing=closing)]
        lanes.release([lane.lease for lane in done])
        for lane in done:
            del self._lanes[lane.lease.lane]

    def _claim(self, most: int, budget_spent: bool) -> list[Lease]:
        """Claim lanes of all transports that may be tried: freely, at the pace of their service, or by a probe."""
        # Only lanes that answer well, once the others fill their share: more of them would just wait here.
        unproven = sum(lane.is_unproven for lane in self)
        only_fast = unproven >= UNPROVEN_SHARE
        limit = most if only_fast else min(most, max(CLAIM, UNPROVEN_SHARE - unproven))
        held = Counter(lane.lease.organization for lane in self)

        def claim(limit: int, transports: Sequence[str]) -> list[Lease]:
            return lanes.claim(limit, transports, held, only_fast=only_fast, only_without_failures=budget_spent)

        free = self._transports.list_free()
        leases = claim(limit, [name for name in free if name not in LIMITED_HOSTS])
        if len(leases) >= limit:
            wakeup.invite_another_worker()
        for name, room in self._paces.find_room((lane.lease for lane in self), free):
            leases += claim(min(limit, room), [name])
        for transport in self._transports.list_to_probe():
            leases += lanes.claim_probe(transport)
        return leases

    def _take(self, wanted: Sequence[tuple[LeasedLane, int]]) -> int:
        """Have up to so many due deliveries of each lane wait here; return how many that is in all."""
        taken = taking.take([(lane.lease, most) for lane, most in wanted])
        for lane, _ in wanted:
            lane.taken_at = time.monotonic()
            lane.is_stopped = lane.is_stopped or lane.lease.lane not in taken
            due = taken.get(lane.lease.lane, [])
            lane.waiting = deque(each for each in due if each.delivery not in lane.under_way)
        return sum(len(lane.waiting) for lane, _ in wanted)
