"""A lane while a pump holds it: what is taken from it, how it answers, and how much it may use."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from hooks.engine.leases import Lease
from hooks.formats import LIMITED_HOSTS
from hooks.messages import Answer, Notification

_TAKE = 40  # deliveries of a lane at a time; then the lane goes behind the others
_FIRST_TAKE = 10  # of a lane that has yet to show that it answers
_TAKE_LIMITED = 5  # of a lane whose host limits all together: what waits here for it keeps others out
_RUN = 40  # deliveries that one thread sends in a row, at most
_RUN_SECONDS = 0.16  # of a slower one as many as take so long: a thread need not wait for the next turn
_FAST = 0.005  # seconds per answer: what takes longer than it should then only waits for the interpreter
_SLOWER = 0.05
_INTERPRETER = 0.0004  # seconds that an attempt needs the interpreter, of which there is one for all threads


@dataclass(slots=True)
class LeasedLane:
    """`latency`: seconds per answer where it was quickest, as the others waited for the interpreter as well."""

    lease: Lease
    waiting: deque[Notification] = field(default_factory=deque)
    running: int = 0
    latency: float | None = None
    stopped: bool = False  # nothing more is begun in this lease
    taken_at: float = field(default_factory=time.monotonic)
    under_way: set[UUID] = field(default_factory=set)  # begun, and not yet written down

    @property
    def suspect(self) -> bool:
        return self.lease.seats == 1

    @property
    def take(self) -> int:
        """Return how many deliveries to take of the lane."""
        if self.lease.circuit_open or self.lease.probe:
            return 1
        if self.lease.transport in LIMITED_HOSTS:
            return _TAKE_LIMITED
        return _FIRST_TAKE if self.suspect else _TAKE

    @property
    def share(self) -> float:
        """Return the share of the interpreter that one of its runs uses.

        All of it where the receiver answers at once.
        """
        return 0.0 if self.latency is None else min(1.0, _INTERPRETER / max(self.latency, _INTERPRETER))

    def startable(self) -> int:
        """Return how many runs could begin now."""
        return 0 if self.stopped else max(0, min(self.lease.seats - self.running, len(self.waiting)))

    def run_length(self) -> int:
        if self.latency is None or self.lease.failures:
            return 1
        if self.latency < _FAST:
            return min(_RUN, len(self.waiting))
        each = -(-len(self.waiting) // max(1, self.lease.seats - self.running))  # no seat stays free for another's run
        return max(1, min(int(_RUN_SECONDS / self.latency), each))

    def learn(self, quickest: float) -> None:
        """The quickest answer of a run, in seconds. A slower one may just have waited for the interpreter."""
        if self.latency is None or quickest < self.latency:
            self.latency = quickest
        else:
            self.latency += _SLOWER * (quickest - self.latency)


@dataclass(slots=True)
class Run:
    """Deliveries of one lane that one thread sends. It loads the interpreter no longer than it may well take."""

    held: LeasedLane
    begun: float
    share: float
    loads_until: float


@dataclass(frozen=True, slots=True)
class Answered:
    held: LeasedLane
    notification: Notification
    answer: Answer


@dataclass(frozen=True, slots=True)
class Ended:
    """A run is over; what it had not begun comes back. `quickest`: seconds of its quickest answer, if there was one."""

    run: int
    unsent: Sequence[Notification]
    quickest: float | None
