"""The threads of a pump: they send runs of deliveries and leave the answers for the main thread.

The threads are made after the fork, never touch the database, and wake nobody for each answer. The main thread calls
everything here but `_send`.
"""

from __future__ import annotations

import logging
import queue
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from hooks.engine.host_limits import HostPaces
from hooks.engine.leased_lanes import Answered, Ended, LeasedLane, Run
from hooks.messages import Answer, Notification
from hooks.remarks import Remark, RemarkCode
from hooks.transports import SENDERS

logger = logging.getLogger(__name__)

THREADS = 64
UNPROVEN_SHARE = THREADS // 2  # threads that new and failing lanes together may use
INTERPRETERS = 2.0  # how much of the one interpreter runs may want at once: so much that it is never idle
_LIGHT = 0.1  # the share of it up to which a run may begin whatever else runs
_SLOW = 1.0  # seconds per answer from which a lane is not begun again after the budget
_RATE_WAIT = 1.0  # seconds up to which a lane is held while its rate limit lets nothing begin
_ANSWER_WAIT = 0.02  # the longest wait for an answer within a turn
_SHORTEST_TURN = 0.003


class SendPool:
    """Runs that threads are sending. `may_go_on`: whether another delivery may begin, as threads ask before each."""

    def __init__(self, paces: HostPaces, may_go_on: Callable[[], bool]) -> None:
        self.executor = ThreadPoolExecutor(THREADS, thread_name_prefix="send")
        self._paces, self._may_go_on = paces, may_go_on
        self._runs: dict[int, Run] = {}  # those under way, by number
        self._last_run = 0
        self._unproven_running = 0  # runs of unproven lanes
        self._answers: deque[Answered] = deque()  # threads add to it
        self._ended: queue.SimpleQueue[Ended] = queue.SimpleQueue()
        self._collected_at = 0.0

    def is_idle(self) -> bool:
        return not self._runs

    def has_runs_from_before(self, moment: float) -> bool:
        """Return True if a run is under way that began before a moment (monotonic)."""
        return any(run.begun < moment for run in self._runs.values())

    def count_free_threads(self) -> int:
        return THREADS - len(self._runs)

    def get_load(self) -> float:
        """Return the share of the interpreter that the runs want just now."""
        now = time.monotonic()
        return sum(run.share for run in self._runs.values() if run.loads_until > now)

    def start_runs(self, lanes: Iterable[LeasedLane], *, budget_spent: bool) -> int:
        """Fill free threads, one run a lane in turn, so that no lane takes them all; return how many began.

        With the budget spent, slow and failing lanes are not begun again.
        """
        lanes = list(lanes)
        load, started = self.get_load(), 0
        self._unproven_running = sum(run.lane.is_unproven for run in self._runs.values())
        progress = True
        while progress and self.count_free_threads() > 0:
            progress = False
            for lane in lanes:
                if self.count_free_threads() <= 0:
                    break
                share = lane.interpreter_share
                if (share <= _LIGHT or load + share <= INTERPRETERS) and self._may_begin(lane, budget_spent):
                    self._begin(lane, share)
                    load += share
                    started += 1
                    progress = True
        return started

    def collect(self) -> tuple[list[Answered], list[Ended]]:
        """Return what the threads have brought, having waited a moment for the first run to end."""
        ended: list[Ended] = []
        with suppress(queue.Empty):
            if self._runs:
                ended.append(self._ended.get(timeout=_ANSWER_WAIT))
                # Others end meanwhile: a turn has its price, and a thousand in a second would be paid for nothing.
                time.sleep(max(0.0, self._collected_at + _SHORTEST_TURN - time.monotonic()))
            while True:
                ended.append(self._ended.get_nowait())
        self._collected_at = time.monotonic()
        for run in ended:
            del self._runs[run.number]
        # Read after the ends: a run's answers were there before its end was told.
        return [self._answers.popleft() for _ in range(len(self._answers))], ended

    def shut_down(self) -> None:
        """Begin nothing more, and wait for nobody."""
        self.executor.shutdown(wait=False, cancel_futures=True)

    def _may_begin(self, lane: LeasedLane, budget_spent: bool) -> bool:
        """Return True if a run of the lane may begin now; stop the lane if none may for the rest of its lease."""
        lease = lane.lease
        if not lane.count_startable():
            return False
        if not lease.may_start() or (budget_spent and (lease.failures or (lane.latency or 0) > _SLOW)):
            lane.is_stopped = True
            return False
        if not lease.count_allowed():
            if lease.get_seconds_to_next() > _RATE_WAIT and not lane.running:
                lease.back_off(lease.get_seconds_to_next(), also_requested=True)
                lane.is_stopped = True
            return False
        if lane.is_unproven and self._unproven_running >= UNPROVEN_SHARE:
            return False
        if not self._paces.count_allowed(lease):
            lane.is_stopped = lane.is_stopped or self._paces.is_held(lease)
            return False
        return True

    def _begin(self, lane: LeasedLane, share: float) -> None:
        """Hand a run of the lane to a thread, as long as the lane and its limits let it be."""
        length = min(lane.choose_run_length(), lane.lease.count_allowed(), self._paces.count_allowed(lane.lease))
        run = lane.begin_run(length)
        self._paces.spend(lane.lease, length)
        self._unproven_running += lane.is_unproven
        self._last_run += 1
        now = time.monotonic()
        self._runs[self._last_run] = Run(lane, now, share, now + 0.1 + 10 * length * (lane.latency or 0))
        self.executor.submit(self._send, lane, self._last_run, run)

    def _send(self, lane: LeasedLane, number: int, run: Sequence[Notification]) -> None:
        """On a thread: send a run; its transport ends it early when an answer or the lease says so."""
        done, begun, quickest = 0, time.monotonic(), None
        answers = SENDERS[lane.lease.transport](run, lambda: lane.lease.may_start() and self._may_go_on())
        try:
            for notification, answer in zip(run, answers, strict=False):
                self._answers.append(Answered(lane, notification, answer))
                done, now = done + 1, time.monotonic()
                quickest = now - begun if quickest is None else min(quickest, now - begun)
                begun = now
        except Exception as error:
            # A defect of ours, or a rotten row: it counts as a try, so that it neither blocks the others nor loops.
            logger.exception("delivery %s cannot be sent", run[done].webhook_id)
            took = int((time.monotonic() - begun) * 1000)
            broken = Answer("error", Remark(RemarkCode.NOT_SENT, error=type(error).__name__), begun, took)
            self._answers.append(Answered(lane, run[done], broken))
            done += 1
        finally:
            self._ended.put(Ended(number, lane, run[done:], quickest))
            answers.close()
