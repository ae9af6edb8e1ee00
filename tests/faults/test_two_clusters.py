"""Two clusters on one database, neither knowing of the other."""

from __future__ import annotations

import pytest

from tests.faults.console import Console
from tests.faults.sizes import size
from tests.project.processes import until

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_clusters_at_once_lose_nothing_and_repeat_nothing(console: Console) -> None:
    """two clusters at once on one database"""
    console.add_hooks(*(f"hook-{number}" for number in range(60)))
    first, second = console.worker(), console.worker()
    until(lambda: first.workers() and second.workers(), 60, "the start of both")
    console.receiver.takes = 0.1
    console.record(size(6))
    console.all_arrive()
    console.nothing_was_repeated_in_vain()
