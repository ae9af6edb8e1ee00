"""Two clusters on one database, neither knowing of the other."""

from __future__ import annotations

import pytest

from tests.faults.console import Console
from tests.faults.sizes import size

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_clusters_share_the_work_and_repeat_nothing(console: Console) -> None:
    """two clusters at once on one database"""
    names = [f"hook-{number}" for number in range(12)]
    console.add_hooks(*names)
    console.receiver.takes = 0.05
    first, second = console.worker(), console.worker()
    console.record(size(30))
    console.all_arrive()
    assert console.repeated() == 0
    senders = {arrival.process for arrival in console.receiver.arrivals}
    assert senders & set(first.workers()) or senders & set(second.workers())
