"""The pump: one django-q2 task that routes, leases lanes, sends and records, in short turns, for about 20 s.

The main thread alone speaks to the database; sends run on threads made here, after the fork, and hand their
answers over a queue. There is no barrier: a seat that becomes free is filled at once.
"""

from __future__ import annotations

import logging
import queue
import time
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from hooks import matching
from hooks.engine import lanes, record, stop, wakeup, watchdog
from hooks.engine.lanes import Lease
from hooks.messages import Answer, Notification
from hooks.transports import SENDERS

logger = logging.getLogger(__name__)

BUDGET = 20.0  # seconds in which it starts work; what is under way then may end
THREADS = 64
_TURN = 0.02  # the longest wait for an answer within a turn
_IDLE_TURN = 0.05
_LINGER = 0.5  # how long it looks for more when there is nothing left
STAYS_FOR = 6.0  # seconds that it stays for what comes due: a first retry is not left to whoever looks next
_CLAIM = 4  # lanes at a time: more would leave nothing to the other worker
_TAKE = 40  # deliveries of a lane at a time; then the lane goes behind the others
_WAIT = 1.0  # seconds up to which a lane is held while its rate limit lets nothing begin
_STALE = 1.0  # seconds after which what was taken is looked at again before it is sent
_RUN = 20  # deliveries that one thread sends in a row on a lane that answers fast
_FAST = 0.02  # seconds per answer under which a lane counts as fast
_SLOW = 1.0  # seconds per answer from which a lane is not begun again after the budget
_UNREADABLE = 300.0  # seconds that a lane rests if what is due in it cannot be read
_SUSPECT_SHARE = THREADS // 2  # threads that new and failing lanes together may use


@dataclass(slots=True)
class _Held:
    """A leased lane: what is taken from it, and how it has answered."""

    lease: Lease
    waiting: deque[Notification] = field(default_factory=deque)
    running: int = 0
    latency: float | None = None
    stopped: bool = False  # nothing more is begun in this lease
    taken_at: float = field(default_factory=time.monotonic)
    under_way: set[UUID] = field(default_factory=set)  # begun, and not yet written down
    answered: set[UUID] = field(default_factory=set)

    @property
    def suspect(self) -> bool:
        return self.lease.seats == 1

    def run_length(self) -> int:
        return _RUN if self.latency is not None and self.latency < _FAST and not self.lease.failures else 1


@dataclass(frozen=True, slots=True)
class _Answered:
    held: _Held
    notification: Notification
    answer: Answer


@dataclass(frozen=True, slots=True)
class _Ended:
    """A run is over; what it had not begun comes back."""

    held: _Held
    run: int
    unsent: Sequence[Notification]


class Pump:
    """See `run`."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.held: dict[int, _Held] = {}
        self.answers: queue.SimpleQueue[_Answered | _Ended] = queue.SimpleQueue()
        self.unwritten: list[record.Result] = []
        self.runs: dict[int, float] = {}  # number of each run under way -> when it was begun
        self.last_run = 0
        self.closing = False
        self.suspects_running = 0
        self.worked_at = self.begun
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix="send")

    def run(self) -> None:
        """Work until there is nothing to do or the time is over, then look once more and leave."""
        with wakeup.Heartbeat() as heartbeat:
            try:
                while not self._over(self._safe_turn(heartbeat)):
                    pass
            finally:
                self.closing = True  # threads that are still at it begin nothing more: nobody would write it down
                self.pool.shutdown(wait=False, cancel_futures=True)
                self._give_back()

    def _safe_turn(self, heartbeat: wakeup.Heartbeat) -> bool:
        """A turn that a restart of the database does not end: what came back is kept and written later."""
        try:
            busy = self._turn()
            heartbeat.beat()
            if self._late() and not heartbeat.leaving:
                # It goes on while an attempt is waited for, but another begins: new work must not wait for that one.
                heartbeat.leave()
                if watchdog.work_is_due():
                    wakeup.wake()
        except (OperationalError, InterfaceError):
            if time.monotonic() - self.begun > BUDGET + 2 * settings.DELIVERY_TIMEOUT:
                raise
            logger.exception("the database does not answer; %d results are kept", len(self.unwritten))
            connection.close()
            stop.wait(1)
            return True
        if not busy and not self.runs:
            stop.wait(_IDLE_TURN)
        return busy

    def _turn(self) -> bool:
        """One round; True if there was something to do."""
        if stop.asked():
            # Nothing more is begun; what is under way may end, for as long as the supervisor's patience lasts.
            self.closing = True
            collected = self._collect()
            self._release_done()
            return collected
        late = self._late()
        # After the budget slow and failing lanes end, the others go on only while an earlier attempt is waited for.
        self.closing = late and not any(begun < self.begun + BUDGET for begun in self.runs.values())
        routed = 0 if self.closing else matching.route()
        claimed = 0 if self.closing else self._claim(late)
        started = self._start(late)
        collected = self._collect()
        if claimed >= _CLAIM:
            wakeup.invite_another()
        return bool(routed or claimed or started or collected)

    def _late(self) -> bool:
        return time.monotonic() > self.begun + BUDGET

    def _over(self, busy: bool) -> bool:
        now = time.monotonic()
        if busy:
            self.worked_at = now
        if self.runs or self.unwritten or (self.held and not self.closing):
            return False
        if self.closing:
            return True
        return now - self.worked_at > _LINGER and not lanes.due_within(STAYS_FOR, wakeup.open_transports())

    # --- lanes ---------------------------------------------------------------------------------------------

    def _claim(self, late: bool) -> int:
        if len(self.runs) >= THREADS or len(self.held) >= THREADS:
            return 0
        # While suspects fill their share, only lanes that answer well are claimed: the others would just wait here.
        proven = self.suspects_running >= _SUSPECT_SHARE
        owners = Counter(held.lease.organization for held in self.held.values())
        free, to_probe = wakeup.transports()
        leases = lanes.claim(_CLAIM, free, proven, owners, sound=late)
        for transport in to_probe:
            leases += lanes.claim_probe(transport)
        for lease in leases:
            held = self.held[lease.lane] = _Held(lease)
            held.waiting.extend(self._take(held, 1 if lease.circuit_open or lease.probe else _TAKE))
        return len(leases)

    @staticmethod
    def _take(held: _Held, most: int) -> list[Notification]:
        try:
            return lanes.take(held.lease, most)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            # Above all an operator's mistake with ENCRYPTION_KEYS: the lane waits, nothing is lost or overwritten.
            logger.exception("lane %s waits: what is due in it cannot be read", held.lease.lane)
            held.lease.rest(_UNREADABLE, barred=True)
            held.stopped = True
            return []

    def _start(self, late: bool) -> int:
        """Fill free seats, one run a lane in turn, so that no lane takes them all."""
        started = 0
        for held in self.held.values():
            self._refresh(held)
        progress = True
        while progress and len(self.runs) < THREADS:
            progress = False
            for held in self.held.values():
                if len(self.runs) < THREADS and self._may_begin(held, late):
                    self._begin(held)
                    started += 1
                    progress = True
        self._release_done()
        return started

    def _refresh(self, held: _Held) -> None:
        """Take again what has been waiting here for a while: its hook may have been edited, paused or deleted."""
        if held.waiting and not held.stopped and time.monotonic() - held.taken_at > _STALE:
            most = len(held.waiting) + len(held.under_way)
            again = self._take(held, most)
            held.waiting = deque(each for each in again if each.delivery not in held.under_way)
            held.taken_at = time.monotonic()

    def _may_begin(self, held: _Held, late: bool) -> bool:
        lease = held.lease
        if self.closing or held.stopped or not held.waiting or held.running >= lease.seats:
            return False
        if not lease.may_start() or (late and (lease.failures or (held.latency or 0) > _SLOW)):
            held.stopped = True
            return False
        if not lease.allowed():
            if lease.seconds_to_next() > _WAIT and not held.running:
                lease.rest(lease.seconds_to_next(), barred=True)
                held.stopped = True
            return False
        return not held.suspect or self.suspects_running < _SUSPECT_SHARE

    def _begin(self, held: _Held) -> None:
        length = min(held.run_length(), len(held.waiting), held.lease.allowed())
        run = [held.waiting.popleft() for _ in range(length)]
        held.lease.spend(length)
        held.under_way |= {notification.delivery for notification in run}
        held.running += 1
        self.last_run += 1
        self.runs[self.last_run] = time.monotonic()
        self.suspects_running += held.suspect
        self.pool.submit(self._send, held, self.last_run, run)

    def _send(self, held: _Held, number: int, run: Sequence[Notification]) -> None:
        """On a thread: send a run; its transport ends it early when an answer or the lease says so."""
        done, begun = 0, time.monotonic()
        answers = SENDERS[held.lease.transport](run, lambda: self._may_go_on(held.lease))
        try:
            for notification, answer in zip(run, answers, strict=False):
                done, begun = done + 1, time.monotonic()
                self.answers.put(_Answered(held, notification, answer))
        except Exception as error:
            # A defect of ours, or a rotten row: it counts as a try, so that it neither blocks the others nor loops.
            logger.exception("delivery %s cannot be sent", run[done].webhook_id)
            took = int((time.monotonic() - begun) * 1000)
            broken = Answer("error", f"It could not be sent ({type(error).__name__})", begun, took)
            self.answers.put(_Answered(held, run[done], broken))
            done += 1
        finally:
            self.answers.put(_Ended(held, number, run[done:]))
            answers.close()

    def _may_go_on(self, lease: Lease) -> bool:
        return lease.may_start() and not self.closing and not stop.asked()

    def _release_done(self) -> None:
        for lane, held in list(self.held.items()):
            unfinished = held.waiting and not held.stopped and not self.closing
            if held.running or unfinished:
                continue
            self._write()
            lanes.release(held.lease)
            del self.held[lane]

    def _give_back(self) -> None:
        """Release what is at rest. A lane with an attempt still under way stays leased until the lease ends."""
        self._collect()
        for held in self.held.values():
            if not held.running:
                lanes.release(held.lease)

    # --- answers -------------------------------------------------------------------------------------------

    def _collect(self) -> bool:
        """Take in what the threads have brought, waiting a moment for the first, and write it down."""
        wait = bool(self.runs)
        got = False
        while True:
            try:
                news = self.answers.get(block=wait, timeout=_TURN)
            except queue.Empty:
                break
            wait, got = False, True
            if isinstance(news, _Answered):
                self._judge(news.held, news.notification, news.answer)
            else:
                news.held.running -= 1
                del self.runs[news.run]
                news.held.waiting.extendleft(reversed(news.unsent))
                news.held.lease.spend(-len(news.unsent))
                news.held.under_way -= {notification.delivery for notification in news.unsent}
        self.suspects_running = sum(held.running for held in self.held.values() if held.suspect)
        self._write()
        return got

    def _judge(self, held: _Held, notification: Notification, answer: Answer) -> None:
        result = record.judge(held.lease, notification, answer)
        self.unwritten.append(result)
        held.answered.add(notification.delivery)
        took = answer.duration_ms / 1000
        held.latency = took if held.latency is None else 0.7 * held.latency + 0.3 * took
        if answer.transport_down or held.lease.not_before is not None or result.outcome.verdict == "gone":
            held.stopped = True

    def _write(self) -> None:
        record.write(self.unwritten)
        self.unwritten.clear()
        for held in self.held.values():
            held.under_way -= held.answered
            held.answered.clear()
