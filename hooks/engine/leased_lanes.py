"""A lane while a pump has leased it: what it took from the lane, how the lane answers, and how much it may use."""

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
    """A lane that this pump has leased, and what it holds of it in memory.

    `latency`: the fastest response time seen, in seconds. Slower ones include waiting for the interpreter.
    """

    lease: Lease
    waiting: deque[Notification] = field(default_factory=deque)
    running: int = 0  # runs that threads send now
    latency: float | None = None
    is_stopped: bool = False  # nothing more is begun in this lease
    taken_at: float = field(default_factory=time.monotonic)
    under_way: set[UUID] = field(default_factory=set)  # deliveries that were begun, and are not yet written down

    @property
    def is_unproven(self) -> bool:
        """Return True if the lane is new or fails: it has its first seat only."""
        return self.lease.seats == 1

    @property
    def most_to_take(self) -> int:
        """Return how many deliveries to take of the lane."""
        if self.lease.circuit_open or self.lease.is_probe:
            return 1
        if self.lease.transport in LIMITED_HOSTS:
            return _TAKE_LIMITED
        return _FIRST_TAKE if self.is_unproven else _TAKE

    @property
    def interpreter_share(self) -> float:
        """Return the share of the interpreter that one of its runs uses.

        All of it where the receiver answers at once.
        """
        return 0.0 if self.latency is None else min(1.0, _INTERPRETER / max(self.latency, _INTERPRETER))

    def count_startable(self) -> int:
        """Return how many runs could begin now."""
        return 0 if self.is_stopped else max(0, min(self.lease.seats - self.running, len(self.waiting)))

    def is_done(self, *, closing: bool) -> bool:
        """Return True if nothing of it is under way or unwritten, and nothing more is begun."""
        return not self.running and not self.under_way and (not self.waiting or self.is_stopped or closing)

    def choose_run_length(self) -> int:
        """Return how many deliveries one thread should send in a row."""
        if self.latency is None or self.lease.failures:
            return 1
        if self.latency < _FAST:
            return min(_RUN, len(self.waiting))
        each = -(-len(self.waiting) // max(1, self.lease.seats - self.running))  # no seat stays free for another's run
        return max(1, min(int(_RUN_SECONDS / self.latency), each))

    def begin_run(self, length: int) -> list[Notification]:
        """Return the first `length` waiting deliveries, which are under way from now on."""
        run = [self.waiting.popleft() for _ in range(length)]
        self.lease.spend(length)
        self.under_way |= {notification.delivery for notification in run}
        self.running += 1
        return run

    def end_run(self, unsent: Sequence[Notification], quickest: float | None) -> None:
        """Take back what a run did not begin, and learn from its quickest answer, if there was one."""
        self.running -= 1
        self.waiting.extendleft(reversed(unsent))
        self.lease.spend(-len(unsent))
        self.under_way -= {notification.delivery for notification in unsent}
        if quickest is not None:
            self.learn_latency(quickest)

    def learn_latency(self, quickest: float) -> None:
        """Learn from the quickest answer of a run, in seconds: slower ones may just have waited for the interpreter."""
        if self.latency is None or quickest < self.latency:
            self.latency = quickest
        else:
            self.latency += _SLOWER * (quickest - self.latency)


@dataclass(slots=True)
class Run:
    """Deliveries of one lane that one thread sends. It loads the interpreter no longer than it may well take."""

    lane: LeasedLane
    begun: float
    share: float
    loads_until: float


@dataclass(frozen=True, slots=True)
class Answered:
    """A delivery that a thread has sent, with the answer that came back."""

    lane: LeasedLane
    notification: Notification
    answer: Answer


@dataclass(frozen=True, slots=True)
class Ended:
    """A run is over; what it had not begun comes back. `quickest`: seconds of its quickest answer, if there was one."""

    number: int
    lane: LeasedLane
    unsent: Sequence[Notification]
    quickest: float | None
