"""Claim lanes, send, judge the outcome, schedule the next try, record. The delivery table is the queue.

1. `events.intake` stores an event; after its commit `wakeup.wake` starts a pump, unless one is at work. A wake-up holds
   no work, so that losing one costs time and nothing else.
2. A pump (`pump.Pump`, a django-q2 task) works in turns of some 20 ms for some 20 s: it routes new events
   (`hooks.routing.router`), leases lanes into its `lane_table.LaneTable` (`lanes.claim`: `FOR UPDATE SKIP LOCKED`, or
   SQLite's immediate transaction) and takes what is due in them (`taking.take`), all in a few statements for many
   lanes: asked for one by one, a lane would cost a dozen queries, more than all that is sent in it. Four lanes at a
   time, as more would leave nothing to the other worker; ever more at once while there is little in each.
3. Threads send and never touch the database. Where a receiver answers at once, a thread gets a run of up to 40
   deliveries (handing over costs more than sending), and no more runs begin than keep the one interpreter busy: more
   threads would only wait for each other. A slow receiver gets a thread for each delivery, up to 64
   (`send_pool.SendPool`, `leased_lanes.LeasedLane`).
4. The main thread judges (`judging.judge_answer`, by the one table of `hooks.queue.outcomes`) at once and writes 50 ms
   or 200 answers later (`result_buffer.ResultBuffer`), a batch in one transaction (`record.write`), then releases the
   lanes that are done (`lanes.release`). There is no barrier: a free seat is filled in the next turn. A crash repeats
   at most what was in flight in those 50 ms.
5. A lane is the unit of fairness: it begins with one seat, earns more by good answers that come as quickly as the
   others, and loses them by bad ones; lanes with one seat share half of the threads at most. After its 40 it goes
   behind the others. Organizations take turns, however many lanes one has.
6. A lane's `not_before` (circuit, Retry-After) is apart from its `work_due_at`: new events never defeat a back-off.
   Five failures of different deliveries in a row open the circuit: one probe at growing intervals.
7. Leases carry a token and end. No attempt begins so late that it could outlive the lease; a worker that was killed or
   frozen loses the lane and can record, but not reschedule.
8. A pump ends after 16 to 20 s, when nothing is at hand (or 5 s later at the latest): what it gave back in mid-work
   would wait for another, and two that began together do not end together. One that leaves says so, then looks once
   more, so that no wake-up is lost between the two.
9. `sweep` repairs each minute; `watchdog`, outside the cluster, wakes pumps for retries and finds hangs.

Locks are taken in the order of `hooks.locking`.
"""

from __future__ import annotations

from datetime import timedelta

from hooks import clock
from hooks.engine import watchdog
from hooks.models import PumpHeartbeat

_SOON = timedelta(seconds=5)


def has_running_workers() -> bool:
    """Return False if work has been due for some seconds and no pump has come: then no worker is running."""
    return PumpHeartbeat.objects.filter(
        seen_at__gt=clock.get_now_expression() - 2 * _SOON
    ).exists() or not watchdog.is_work_due(_SOON)


__all__ = ["has_running_workers"]
