"""A worker that stands still for longer than its lease and then continues."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import Max

from hooks import clock
from hooks.models import Endpoint, Lane
from notifications_project.accounts.models import Organization
from tests.faults.console import Console
from tests.faults.sizes import LEASE, size
from tests.project.processes import until

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_worker_frozen_for_longer_than_its_lease_does_no_harm(console: Console) -> None:
    """a worker frozen for longer than its lease (SIGSTOP, SIGCONT)"""
    console.add_hooks(*(f"hook-{number}" for number in range(8)), ordered=True)  # one request at a time in each
    console.record(size(60))
    worker = console.worker()
    console.busy(size(20))
    console.frozen = worker.busiest()
    until(lambda: _freeze(console.frozen), 10, "a moment in which the worker writes nothing")
    try:
        ends = Lane.objects.aggregate(last=Max("leased_until"))["last"]
        assert ends is not None
        until(lambda: clock.now() > ends, LEASE + 5, "the end of its leases")
        console.record(1)  # wakes another worker, which goes on while the frozen one would still be at work
        until(lambda: Lane.objects.filter(leased_until__gt=ends).exists(), 30, "another worker's going on")
    finally:
        os.kill(console.frozen, signal.SIGCONT)
    console.all_arrive()


def _freeze(process: int | None) -> bool:
    """Stop a process, unless it is in a transaction: its locks would stay, and no other could take over."""
    assert process is not None
    os.kill(process, signal.SIGSTOP)
    try:
        with _impatient(), transaction.atomic():
            for model in (Organization, Endpoint, Lane):
                list(model.objects.select_for_update(nowait=True).values_list("pk"))
    except OperationalError:
        os.kill(process, signal.SIGCONT)
        return False
    return True


@contextmanager
def _impatient() -> Iterator[None]:
    """Shorten SQLite's wait for its lock, which is set when a connection opens."""
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 50")
        try:
            yield
        finally:
            cursor.execute("PRAGMA busy_timeout = 20000")
