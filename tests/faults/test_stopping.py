"""SIGTERM in the middle of the work: requests finish, leases are returned, and the rest waits for the next worker."""

from __future__ import annotations

import signal
import time

import pytest

from hooks.models import Delivery, Lane
from tests.faults.console import Console
from tests.faults.sizes import DELIVERY_TIMEOUT, size
from tests.project.processes import until, within

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_worker_that_is_told_to_stop_finishes_what_is_in_flight(console: Console) -> None:
    """SIGTERM in the middle of the work"""
    console.add_hooks("one", "two", "three", "four")
    console.receiver.takes = 0.5
    console.record(size(20))
    worker = console.worker()
    console.busy(8)
    began = time.monotonic()
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(timeout=60) == 0
    assert time.monotonic() - began < within(DELIVERY_TIMEOUT + 2)
    assert worker.family() == {}
    # No request was cut off: every delivery that arrived is recorded, and no lane is leased.
    assert Delivery.objects.filter(state="delivered").count() == len(console.receiver.taken) < len(console.owed)
    assert not Lane.objects.filter(leased_until__isnull=False).exists()
    console.receiver.takes = 0.03
    console.worker()
    console.all_arrive()
    console.nothing_was_repeated_in_vain()


def test_an_attempt_that_hangs_does_not_hold_up_the_stop(console: Console) -> None:
    """SIGTERM while a receiver hangs"""
    from tests.faults.receiver import hang

    console.add_hooks("hanging", "healthy")
    console.receiver.behaviours["hanging"] = hang
    console.record(size(5))
    worker = console.worker()
    until(lambda: any(arrival.hook == "hanging" for arrival in console.receiver.arrivals), 60, "the hanging attempt")
    began = time.monotonic()
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(timeout=60) == 0
    assert time.monotonic() - began < within(DELIVERY_TIMEOUT + 3)
    assert not Lane.objects.filter(leased_until__isnull=False).exists()
    console.receiver.behaviours.clear()
    console.worker()
    console.all_arrive()
