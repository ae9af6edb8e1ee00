"""Two clusters on one database, without knowledge of each other."""

from __future__ import annotations

import pytest

from tests.faults.console import Console
from tests.faults.sizes import size
from tests.project.processes import until

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_clusters_at_once_share_the_work_lose_nothing_and_repeat_nothing(console: Console) -> None:
    """two clusters at once on one database"""
    console.add_hooks(*(f"hook-{number}" for number in range(60)))
    first, second = console.worker(WORKERS="1"), console.worker(WORKERS="1")
    until(lambda: first.workers() and second.workers(), 60, "the start of both")
    senders = {first.workers()[0], second.workers()[0]}
    # More than one pump can send before another pump comes to help: 64 threads, two answers each
    # a second.
    console.receiver.takes = 0.5
    console.record(size(20))
    until(lambda: {arrival.process for arrival in console.receiver.arrivals} >= senders, 30, "work for both")
    console.receiver.takes = 0
    console.all_arrive()
    console.nothing_was_repeated_in_vain()
