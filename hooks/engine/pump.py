"""The pump: one django-q2 task that routes, leases lanes, sends and records, in short turns, for about 20 s.

The main thread alone speaks to the database; sends run on threads made here, after the fork, and leave their
answers for it. There is no barrier: a seat that becomes free is filled at once. What is asked of the database is
asked for many lanes and deliveries at once, and no more often than every 20 to 50 ms.
"""

from __future__ import annotations

import logging
import queue
import random
import time
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from hooks.engine import lanes, record, stop, taking, watchdog
from hooks.engine.account_mails import AccountMails
from hooks.engine.held import Answered, Ended, LeasedLane, Run
from hooks.engine.host_limits import Paces
from hooks.engine.leases import Lease
from hooks.engine.relay import Transports
from hooks.formats import LIMITED_HOSTS
from hooks.messages import Answer, Notification, Verdict
from hooks.queue import wakeup
from hooks.remarks import Remark, RemarkCode
from hooks.routing import router
from hooks.transports import SENDERS
from notifications_project.runtime import absence

logger = logging.getLogger(__name__)

BUDGET = 20.0  # seconds, at most, in which it starts work; what is under way then may end
_GRACE = 5.0  # seconds in which it then waits for a moment without work: its end delays nothing that comes
THREADS = 64
_TURN = 0.02  # the longest wait for an answer within a turn; new events and lanes are looked for as often
_SHORTEST_TURN = 0.003
_IDLE_TURN = 0.05
_LINGER = 0.5  # how long it looks for more when there is nothing left
STAYS_FOR = 6.0  # seconds that it stays for what comes due: a first retry is not left to whoever looks next
_CLAIM = 4  # lanes at a time, as more would leave nothing to the other worker; but more if there is little in each
_MOST_CLAIMED = 32
_LITTLE = 10  # deliveries in a lane
_ENOUGH = 160  # deliveries at hand
_WAIT = 1.0  # seconds up to which a lane is held while its rate limit lets nothing begin
_STALE = 1.0  # seconds after which what was taken is looked at again before it is sent
_WRITE_AFTER = 0.05  # seconds that an answer waits for others to be written down with
_WRITE_AT = 200  # answers
_SLOW = 1.0  # seconds per answer from which a lane is not begun again after the budget
_SUSPECT_SHARE = THREADS // 2  # threads that new and failing lanes together may use
_INTERPRETERS = 2.0  # how much of the one interpreter runs may want at once: so much that it is never idle
_LIGHT = 0.1  # the share of it up to which a run may begin whatever else runs


class Pump:
    """See `run`."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        # Those that began together do not end together: there is always one that looks.
        self.budget = BUDGET * random.uniform(0.8, 1)  # noqa: S311  (guards nothing)
        self.waited_until = self.begun + self.budget  # for attempts that were begun before
        self.held: dict[int, LeasedLane] = {}
        self.answers: deque[Answered] = deque()  # threads add to it, and wake nobody for each answer
        self.ended: queue.SimpleQueue[Ended] = queue.SimpleQueue()
        self.unwritten: list[record.Result] = []
        self.unwritten_since = 0.0
        self.unsure = False  # whether what is unwritten was written before the database went away
        self.runs: dict[int, Run] = {}  # those under way, by number
        self.last_run = 0
        self.latencies: dict[int, float | None] = {}  # by lane, as it answered this pump before
        self.claims = _CLAIM
        self.looked_at = 0.0
        self.collected_at = 0.0
        self.closing = False
        self.suspects_running = 0
        self.worked_at = self.begun
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix="send")
        self.transports = Transports()
        self.paces = Paces()
        self.account_mails = AccountMails(self.pool, self.transports, lambda: not self.closing and not stop.asked())

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
        except (OperationalError, InterfaceError) as error:
            absence.DATABASE.begin(error)
            if time.monotonic() - self.begun > BUDGET + 2 * settings.DELIVERY_TIMEOUT:
                raise
            self.unsure = True
            connection.close()
            stop.wait(1)
            return True
        absence.DATABASE.end()
        if not busy and not self.runs:
            stop.wait(_IDLE_TURN)
        return busy

    def _turn(self) -> bool:
        """Do one round; return True if there was something to do."""
        if stop.asked():
            # Nothing more is begun; what is under way may end, for as long as the supervisor's patience lasts.
            self.closing = True
            collected = self._collect()
            self._settle(at_once=True)
            return self.account_mails.settle() or collected
        late = self._late()
        self.closing = late and self._closes()
        found = self._look(late)
        started = self._start(late)
        if not late and not self.closing:
            started += self.account_mails.start()
        collected = self._collect()
        self._settle()
        return bool(self.account_mails.settle() or found or started or collected)

    def _late(self) -> bool:
        return time.monotonic() > self.begun + self.budget

    def _closes(self) -> bool:
        """After the budget, slow and failing lanes end; the others go on while an earlier attempt is waited for.

        And then until nothing is at hand, or for a few seconds: given back in mid-work, they would have to wait until
        another takes them.
        """
        now = time.monotonic()
        if self.account_mails.running or any(run.begun < self.begun + self.budget for run in self.runs.values()):
            self.waited_until = now
            return False
        at_rest = not self.runs and not any(held.waiting for held in self.held.values())
        return self.closing or at_rest or now > self.waited_until + _GRACE

    def _over(self, busy: bool) -> bool:
        now = time.monotonic()
        if busy:
            self.worked_at = now
        if self.runs or self.unwritten or self.account_mails.running or (self.held and not self.closing):
            return False
        if self.closing:
            return True
        return now - self.worked_at > _LINGER and not lanes.due_within(STAYS_FOR, self.transports.open())

    # --- lanes ---------------------------------------------------------------------------------------------

    def _look(self, late: bool) -> bool:
        """Route new events and lease lanes; whether there was anything to do."""
        now = time.monotonic()
        if self.closing or now - self.looked_at < _TURN:
            return False
        self.looked_at = now
        routed = router.route()
        claimed = self._claim_enough(late)
        self._refresh()
        return bool(routed or claimed)

    def _claim_enough(self, late: bool) -> int:
        """Lease lanes; if there is little in each, more and more of them at once."""
        claimed = 0
        while self._wants_more():
            leased, taken = self._claim(self.claims, late)
            claimed += leased
            if taken >= _LITTLE * leased:
                self.claims = max(_CLAIM, self.claims // 2) if leased else self.claims
                break
            if leased < self.claims:
                break
            self.claims = min(2 * self.claims, _MOST_CLAIMED)
            self._start(late)  # these need not wait for the next
        return claimed

    def _wants_more(self) -> bool:
        """Return True if threads have nothing to send, and the interpreter could run them."""
        free = THREADS - len(self.runs)
        open_lanes = [held for held in self.held.values() if held.waiting or held.running]
        if free <= 0 or len(open_lanes) >= THREADS:
            return False
        if sum(len(held.waiting) for held in open_lanes) < _ENOUGH:
            return True
        startable = [(held.startable(), held.share) for held in open_lanes]
        loading = self._load() + sum(runs * share for runs, share in startable)
        return sum(runs for runs, _ in startable) < free and loading < 2 * _INTERPRETERS

    def _load(self) -> float:
        """Return the share of the interpreter that the runs want just now."""
        now = time.monotonic()
        return sum(run.share for run in self.runs.values() if run.loads_until > now)

    def _claim(self, most: int, late: bool) -> tuple[int, int]:
        """Lease up to so many lanes and take from them: how many lanes, and how many deliveries."""
        # Only lanes that answer well, once the others fill their share: more of them would just wait here.
        suspects = sum(held.suspect for held in self.held.values())
        proven = suspects >= _SUSPECT_SHARE
        limit = most if proven else min(most, max(_CLAIM, _SUSPECT_SHARE - suspects))
        owners = Counter(held.lease.organization for held in self.held.values())
        free = self.transports.free()
        leases = lanes.claim(limit, [name for name in free if name not in LIMITED_HOSTS], proven, owners, sound=late)
        if len(leases) >= limit:
            wakeup.invite_another()
        for name, room in self.paces.room((held.lease for held in self.held.values()), free):
            leases += lanes.claim(min(limit, room), [name], proven, owners, sound=late)
        for transport in self.transports.to_probe():
            leases += lanes.claim_probe(transport)
        if not leases:
            return 0, 0
        new = [LeasedLane(lease, latency=self.latencies.get(lease.lane)) for lease in leases]
        self.held |= {held.lease.lane: held for held in new}
        return len(leases), self._take([(held, held.take) for held in new])

    def _take(self, wanted: Sequence[tuple[LeasedLane, int]]) -> int:
        """Have what is due in these lanes wait here; how much that is."""
        found = taking.take([(held.lease, most) for held, most in wanted])
        for held, _ in wanted:
            held.taken_at = time.monotonic()
            held.stopped = held.stopped or held.lease.lane not in found
            due = found.get(held.lease.lane, [])
            held.waiting = deque(each for each in due if each.delivery not in held.under_way)
        return sum(len(held.waiting) for held, _ in wanted)

    def _refresh(self) -> None:
        """Take again what has been waiting here for a while: its hook may have been edited, paused or deleted."""
        since = time.monotonic() - _STALE
        stale = [held for held in self.held.values() if held.waiting and not held.stopped and held.taken_at < since]
        if stale:
            self._take([(held, len(held.waiting) + len(held.under_way)) for held in stale])

    def _start(self, late: bool) -> int:
        """Fill free seats, one run a lane in turn, so that no lane takes them all."""
        load, started = self._load(), 0
        progress = True
        while progress and len(self.runs) < THREADS:
            progress = False
            for held in self.held.values():
                if len(self.runs) >= THREADS:
                    break
                share = held.share
                if (share <= _LIGHT or load + share <= _INTERPRETERS) and self._may_begin(held, late):
                    self._begin(held, share)
                    load += share
                    started += 1
                    progress = True
        return started

    def _may_begin(self, held: LeasedLane, late: bool) -> bool:
        lease = held.lease
        if self.closing or not held.startable():
            return False
        if not lease.may_start() or (late and (lease.failures or (held.latency or 0) > _SLOW)):
            held.stopped = True
            return False
        if not lease.allowed():
            if lease.seconds_to_next() > _WAIT and not held.running:
                lease.rest(lease.seconds_to_next(), barred=True)
                held.stopped = True
            return False
        if held.suspect and self.suspects_running >= _SUSPECT_SHARE:
            return False
        if not self.paces.allowed(lease):
            held.stopped = held.stopped or self.paces.is_held(lease)
            return False
        return True

    def _begin(self, held: LeasedLane, share: float) -> None:
        length = min(held.run_length(), held.lease.allowed(), self.paces.allowed(held.lease))
        run = [held.waiting.popleft() for _ in range(length)]
        held.lease.spend(length)
        self.paces.spend(held.lease, length)
        held.under_way |= {notification.delivery for notification in run}
        held.running += 1
        self.suspects_running += held.suspect
        self.last_run += 1
        now = time.monotonic()
        self.runs[self.last_run] = Run(held, now, share, now + 0.1 + 10 * length * (held.latency or 0))
        self.pool.submit(self._send, held, self.last_run, run)

    def _send(self, held: LeasedLane, number: int, run: Sequence[Notification]) -> None:
        """On a thread: send a run; its transport ends it early when an answer or the lease says so."""
        done, begun, quickest = 0, time.monotonic(), None
        answers = SENDERS[held.lease.transport](run, lambda: self._may_go_on(held.lease))
        try:
            for notification, answer in zip(run, answers, strict=False):
                self.answers.append(Answered(held, notification, answer))
                done, now = done + 1, time.monotonic()
                quickest = now - begun if quickest is None else min(quickest, now - begun)
                begun = now
        except Exception as error:
            # A defect of ours, or a rotten row: it counts as a try, so that it neither blocks the others nor loops.
            logger.exception("delivery %s cannot be sent", run[done].webhook_id)
            took = int((time.monotonic() - begun) * 1000)
            broken = Answer("error", Remark(RemarkCode.NOT_SENT, error=type(error).__name__), begun, took)
            self.answers.append(Answered(held, run[done], broken))
            done += 1
        finally:
            self.ended.put(Ended(number, run[done:], quickest))
            answers.close()

    def _may_go_on(self, lease: Lease) -> bool:
        return lease.may_start() and not self.closing and not stop.asked()

    # --- answers -------------------------------------------------------------------------------------------

    def _collect(self) -> bool:
        """Take in what the threads have brought, waiting a moment for the first run to end."""
        ended: list[Ended] = []
        with suppress(queue.Empty):
            if self.runs:
                ended.append(self.ended.get(timeout=_TURN))
                # Others end meanwhile: a turn has its price, and a thousand in a second would be paid for nothing.
                time.sleep(max(0.0, self.collected_at + _SHORTEST_TURN - time.monotonic()))
            while True:
                ended.append(self.ended.get_nowait())
        self.collected_at = time.monotonic()
        # A run's answers were there before its end was told.
        answered = len(self.answers)
        for _ in range(answered):
            self._judge(self.answers.popleft())
        for news in ended:
            self._end(news)
        self.suspects_running = sum(held.running for held in self.held.values() if held.suspect)
        return bool(answered or ended)

    def _judge(self, news: Answered) -> None:
        held = news.held
        try:
            result = record.judge(held.lease, news.notification, news.answer)
        except Exception:
            logger.exception("the answer to delivery %s cannot be judged", news.notification.webhook_id)
            plain = Answer("error", Remark(RemarkCode.NOT_JUDGED), news.answer.started, news.answer.duration_ms)
            result = record.judge(held.lease, news.notification, plain)
        if not self.unwritten:
            self.unwritten_since = time.monotonic()
        self.unwritten.append(result)
        if news.answer.transport_down or held.lease.not_before is not None or result.outcome.verdict == Verdict.GONE:
            held.stopped = True

    def _end(self, news: Ended) -> None:
        held = self.runs.pop(news.run).held
        held.running -= 1
        held.waiting.extendleft(reversed(news.unsent))
        held.lease.spend(-len(news.unsent))
        held.under_way -= {notification.delivery for notification in news.unsent}
        if news.quickest is not None:
            held.learn(news.quickest)
            self.latencies[held.lease.lane] = held.latency

    def _settle(self, *, at_once: bool = False) -> None:
        """Write down what came back, and release the lanes that have nothing more to do here."""
        due = len(self.unwritten) >= _WRITE_AT or time.monotonic() - self.unwritten_since >= _WRITE_AFTER
        if self.unwritten and (due or at_once or not self.runs):
            self._write()
        done = [held for held in self.held.values() if self._is_done(held)]
        lanes.release([held.lease for held in done])
        for held in done:
            del self.held[held.lease.lane]

    def _is_done(self, held: LeasedLane) -> bool:
        """Nothing of it is under way or unwritten, and nothing more is begun."""
        return not held.running and not held.under_way and (not held.waiting or held.stopped or self.closing)

    def _write(self) -> None:
        record.write(self.unwritten, again=self.unsure)
        self.unsure = False
        for result in self.unwritten:
            if held := self.held.get(result.lease.lane):
                held.under_way.discard(result.notification.delivery)
            if result.answer.transport_down or result.lease.probe:
                self.transports.forget()
        self.unwritten.clear()

    def _give_back(self) -> None:
        """Release what is at rest. A lane with an attempt still under way stays leased until the lease ends."""
        self._collect()
        self._settle(at_once=True)
