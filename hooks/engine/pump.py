"""The pump: one django-q2 task that routes, leases lanes, sends and records, in short turns, for about 20 s.

The main thread alone speaks to the database. It leases lanes into a `LaneTable`, has a `SendPool` send what is due in
them on threads, and writes the answers from a `ResultBuffer`. There is no barrier: a seat that becomes free is filled
at once. What is asked of the database is asked for many lanes and deliveries at once, and no more often than every 20
to 50 ms.
"""

from __future__ import annotations

import random
import time

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from hooks.engine import lanes, stop, watchdog
from hooks.engine.account_mails import AccountMails
from hooks.engine.host_limits import HostPaces
from hooks.engine.lane_table import CLAIM, LaneTable
from hooks.engine.result_buffer import ResultBuffer
from hooks.engine.send_pool import INTERPRETERS, THREADS, SendPool
from hooks.engine.transport_circuits import KnownTransports
from hooks.queue import wakeup
from hooks.routing import router
from notifications_project.runtime import absence

BUDGET = 20.0  # seconds, at most, in which it starts work; what is under way then may end
_GRACE = 5.0  # seconds in which it then waits for a moment without work: its end delays nothing that comes
_LOOK_EVERY = 0.02  # seconds between two looks for new events and lanes
_IDLE_TURN = 0.05
_LINGER = 0.5  # how long it looks for more when there is nothing left
STAYS_FOR = 6.0  # seconds that it stays for what comes due: else a first retry would wait for the next look
_MOST_CLAIMED = 32  # lanes at a time, while there is little in each
_LITTLE = 10  # deliveries in a lane
_ENOUGH = 160  # deliveries at hand


class Pump:
    """A worker's turns, from the first look for work to the last. See `run`."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        # Those that began together do not end together: there is always one that looks.
        self.budget = BUDGET * random.uniform(0.8, 1)  # noqa: S311  (guards nothing)
        self.waited_until = self.begun + self.budget  # for attempts that were begun before
        self.worked_at = self.begun
        self.looked_at = 0.0
        self.claims = CLAIM  # lanes to ask for at a time
        self.closing = False  # nothing more is begun
        self.transports = KnownTransports()
        paces = HostPaces()
        self.lanes = LaneTable(self.transports, paces)
        self.sends = SendPool(paces, self._may_go_on)
        self.results = ResultBuffer(self.transports)
        self.account_mails = AccountMails(self.sends.executor, self.transports, self._may_go_on)

    def run(self) -> None:
        """Work until there is nothing to do or the time is over, then look once more and leave."""
        with wakeup.Heartbeat() as heartbeat:
            try:
                while not self._is_finished(self._do_safe_turn(heartbeat)):
                    pass
            finally:
                self.closing = True  # threads that are still at it begin nothing more: nobody would write it down
                self.sends.shut_down()
                self._give_back()

    # --- turns ---------------------------------------------------------------------------------------------

    def _do_safe_turn(self, heartbeat: wakeup.Heartbeat) -> bool:
        """Do a turn that a restart of the database does not end: what came back is kept and written later."""
        try:
            busy = self._do_turn()
            heartbeat.beat()
            if self._is_budget_spent() and not heartbeat.leaving:
                # It goes on while an attempt is waited for, but another begins: new work must not wait for that one.
                heartbeat.leave()
                if watchdog.is_work_due():
                    wakeup.wake()
        except (OperationalError, InterfaceError) as error:
            absence.DATABASE.begin(error)
            if time.monotonic() - self.begun > BUDGET + 2 * settings.DELIVERY_TIMEOUT:
                raise
            self.results.note_outage()
            connection.close()
            stop.wait(1)
            return True
        absence.DATABASE.end()
        if not busy and self.sends.is_idle():
            stop.wait(_IDLE_TURN)
        return busy

    def _do_turn(self) -> bool:
        """Do one round; return True if there was something to do."""
        if stop.is_requested():
            # Nothing more is begun; what is under way may end, for as long as the supervisor's patience lasts.
            self.closing = True
            collected = self._collect()
            self._flush(at_once=True)
            return self.account_mails.settle() or collected
        budget_spent = self._is_budget_spent()
        self.closing = budget_spent and self._should_close()
        found = self._route_and_lease(budget_spent)
        started = self._start_runs(budget_spent)
        if not budget_spent:
            started += self.account_mails.start()
        collected = self._collect()
        self._flush()
        return bool(self.account_mails.settle() or found or started or collected)

    def _is_budget_spent(self) -> bool:
        return time.monotonic() > self.begun + self.budget

    def _should_close(self) -> bool:
        """After the budget, slow and failing lanes end; the others go on while an earlier attempt is waited for.

        And then until nothing is at hand, or for a few seconds: given back in mid-work, they would have to wait until
        another takes them.
        """
        now = time.monotonic()
        if self.account_mails.running or self.sends.has_runs_from_before(self.begun + self.budget):
            self.waited_until = now
            return False
        at_rest = self.sends.is_idle() and not self.lanes.has_waiting()
        return self.closing or at_rest or now > self.waited_until + _GRACE

    def _is_finished(self, busy: bool) -> bool:
        """Return True if nothing is at hand and no more is to be waited for. `busy`: the last turn had work."""
        now = time.monotonic()
        if busy:
            self.worked_at = now
        if not self.sends.is_idle() or not self.results.is_empty() or self.account_mails.running:
            return False
        if self.closing:
            return True
        if not self.lanes.is_empty():
            return False
        return now - self.worked_at > _LINGER and not lanes.is_work_due_within(STAYS_FOR, self.transports.list_open())

    def _may_go_on(self) -> bool:
        """Return True if threads may begin another delivery or mail."""
        return not self.closing and not stop.is_requested()

    # --- what a turn does ----------------------------------------------------------------------------------

    def _route_and_lease(self, budget_spent: bool) -> bool:
        """Route new events and lease lanes; return True if there were any."""
        now = time.monotonic()
        if self.closing or now - self.looked_at < _LOOK_EVERY:
            return False
        self.looked_at = now
        routed = router.route()
        leased = self._lease_enough(budget_spent)
        self.lanes.refresh()
        return bool(routed or leased)

    def _lease_enough(self, budget_spent: bool) -> int:
        """Lease lanes, more and more of them at once while there is little in each; return how many."""
        total = 0
        while self._can_send_more():
            leased, taken = self.lanes.lease(self.claims, budget_spent=budget_spent)
            total += leased
            if taken >= _LITTLE * leased:
                self.claims = max(CLAIM, self.claims // 2) if leased else self.claims
                break
            if leased < self.claims:
                break
            self.claims = min(2 * self.claims, _MOST_CLAIMED)
            self._start_runs(budget_spent)  # these need not wait for the next
        return total

    def _can_send_more(self) -> bool:
        """Return True if threads have nothing to send, and the interpreter could run them."""
        free = self.sends.count_free_threads()
        open_lanes = self.lanes.list_open()
        if free <= 0 or len(open_lanes) >= THREADS:
            return False
        if sum(len(lane.waiting) for lane in open_lanes) < _ENOUGH:
            return True
        startable = [(lane.count_startable(), lane.interpreter_share) for lane in open_lanes]
        load = self.sends.get_load() + sum(runs * share for runs, share in startable)
        return sum(runs for runs, _ in startable) < free and load < 2 * INTERPRETERS

    def _start_runs(self, budget_spent: bool) -> int:
        return 0 if self.closing else self.sends.start_runs(self.lanes, budget_spent=budget_spent)

    def _collect(self) -> bool:
        """Judge what the threads have brought; return True if they brought something."""
        answers, ended = self.sends.collect()
        for answered in answers:
            self.results.add(answered)
        for run in ended:
            self.lanes.end_run(run)
        return bool(answers or ended)

    def _flush(self, *, at_once: bool = False) -> None:
        """Write down what came back, and release the lanes that have nothing more to do here."""
        if not self.results.is_empty() and (self.results.is_due() or at_once or self.sends.is_idle()):
            self.lanes.note_written(self.results.write())
        self.lanes.release_done(closing=self.closing)

    def _give_back(self) -> None:
        """Release what is at rest. A lane with an attempt still under way stays leased until the lease ends."""
        self._collect()
        self._flush(at_once=True)
