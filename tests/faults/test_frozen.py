"""A worker that stands still for longer than its lease, and then goes on as if nothing had been."""

from __future__ import annotations

import os
import signal

import pytest
from django.db.models import Max

from hooks.engine import clock
from hooks.models import Lane
from tests.faults.console import Console
from tests.faults.sizes import LEASE, size
from tests.project.processes import until

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_worker_frozen_for_longer_than_its_lease_does_no_harm(console: Console) -> None:
    """a worker frozen for longer than its lease (SIGSTOP, SIGCONT)"""
    names = [f"hook-{number}" for number in range(8)]
    console.add_hooks(*names)
    console.record(size(60))
    worker = console.worker()
    console.busy(size(20))
    frozen = worker.busiest()
    os.kill(frozen, signal.SIGSTOP)
    try:
        ends = Lane.objects.aggregate(last=Max("leased_until"))["last"]
        assert ends is not None
        until(lambda: clock.now() > ends, LEASE + 5, "the end of its leases")
        until(lambda: not console.lost() or _taken_over(ends), 30, "another worker's going on")
    finally:
        os.kill(frozen, signal.SIGCONT)
    console.all_arrive()


def _taken_over(ends: object) -> bool:
    """Whether another worker has leased a lane since (unless the frozen one holds the database itself)."""
    return Lane.objects.filter(leased_until__gt=ends).exists()
