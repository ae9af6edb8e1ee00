"""Two identical requests at once: real threads, real connections."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from events.intake import Conflict, NewEvent, record
from events.models import Event, Resource
from notifications_project.accounts.models import Organization

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*tasks: Callable[[], Any]) -> list[Any]:
    """Run tasks that start together, each on a connection of its own; return their results or exceptions."""
    barrier = Barrier(len(tasks))

    def run(task: Callable[[], Any]) -> Any:
        barrier.wait(10)
        try:
            return task()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(tasks)) as pool:
        return [future.result(60) for future in [pool.submit(run, task) for task in tasks]]


@pytest.mark.parametrize("round", range(5))
def test_the_same_event_sent_several_times_at_once_is_stored_once(acme: Organization, round: int) -> None:
    event = NewEvent("job.fail", idempotency_key="k", resource={"kind": "addon", "name": "Database"})
    results = at_once(*[lambda: record(acme, [event])] * 6)
    assert len({stored.pk for [stored] in results}) == 1
    assert Event.objects.count() == Resource.objects.count() == 1


@pytest.mark.parametrize("round", range(3))
def test_of_two_different_events_with_one_key_one_is_a_conflict(acme: Organization, round: int) -> None:
    results = at_once(
        lambda: record(acme, [NewEvent("job.fail", idempotency_key="k")]),
        lambda: record(acme, [NewEvent("job.backon", idempotency_key="k")]),
    )
    assert sorted(isinstance(result, Conflict) for result in results) == [False, True]
    assert Event.objects.count() == 1


@pytest.mark.parametrize("named", ["resource", "key"])
@pytest.mark.parametrize("round", range(3))
def test_lists_in_opposite_order_neither_wait_for_each_other_nor_store_twice(
    acme: Organization, named: str, round: int
) -> None:
    """Run lists with and without resources: they meet where resources are made, or where events are inserted."""
    events = [
        NewEvent(
            "job.fail",
            idempotency_key=f"k{number}",
            resource={"kind": "addon", "name": f"Database {number}"} if named == "resource" else None,
        )
        for number in range(400)
    ]
    forth, back = at_once(lambda: record(acme, events), lambda: record(acme, events[::-1]))
    assert [event.pk for event in forth] == [event.pk for event in back][::-1]
    assert Event.objects.count() == 400
    assert Resource.objects.count() == (400 if named == "resource" else 0)
