"""kill -9 of workers, in the middle of the work and at rest."""

from __future__ import annotations

import os
import signal

import pytest

from tests.faults.console import Console
from tests.faults.sizes import size
from tests.project.processes import until

pytestmark = pytest.mark.django_db(transaction=True)


def test_killing_a_busy_worker_loses_nothing(console: Console) -> None:
    """kill -9 of a busy worker"""
    console.add_hooks("one", "two", "three", "four")
    console.record(size(50))
    worker = console.worker()
    console.busy(size(20))
    os.kill(worker.busiest(), signal.SIGKILL)
    console.all_arrive()


def test_killing_everything_three_times_loses_nothing(console: Console) -> None:
    """kill -9 of the whole group, three times"""
    for name in ("one", "two", "three"):
        console.add_hooks(name)  # a new lane, which no killed worker has leased
        console.record(size(40))
        worker = console.worker()
        console.busy(size(10))
        worker.destroy()
    console.worker()
    console.all_arrive()


def test_killing_the_idle_workers_does_not_stop_deliveries_for_good(console: Console) -> None:
    """kill -9 of the idle workers

    django-q2 then hangs for good, without dying; the watchdog replaces the cluster.
    """
    console.add_hooks("one", "two")
    worker = console.worker()
    until(lambda: len(worker.workers()) == 2, 30, "the start of two workers")
    for pid in worker.workers():
        os.kill(pid, signal.SIGKILL)
    console.record(size(5))
    console.all_arrive(within=120)
