"""The queue in the database, by which wake-ups travel without Redis."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_q.conf import Conf

from hooks.engine import broker
from tests.project.processes import within

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def queue() -> broker.Queue:
    return broker.Queue("wake-ups")


def test_what_is_queued_is_taken_once_and_acknowledged(queue: broker.Queue) -> None:
    queue.enqueue("wake")
    [(key, task)] = queue.dequeue() or []
    assert task == "wake"
    assert not broker.Queue("wake-ups").dequeue()
    queue.acknowledge(key)
    assert queue.lock_size() == 0


def test_looking_in_vain_is_one_query_and_telling_the_status_none(queue: broker.Queue) -> None:
    queue.dequeue()
    with CaptureQueriesContext(connection) as asked:
        assert not queue.dequeue()
        queue.set_stat("key", "value", 3)
    assert len(asked) == 1


@pytest.mark.postgresql_only
def test_who_waits_is_woken_at_once(queue: broker.Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "_LISTEN", 60.0)
    seconds = _until_taken(queue)
    assert seconds < within(5)


@pytest.mark.postgresql_only
def test_a_connection_that_the_server_ends_is_replaced_and_listens_again(
    queue: broker.Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "_DATABASE_AWAY", 0.0)
    queue.dequeue()
    before = connection.connection
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        ours = cursor.fetchone()[0]
    in_another_thread(lambda: _end(ours))
    assert queue.dequeue() is None
    monkeypatch.setattr(broker, "_LISTEN", 60.0)
    assert _until_taken(queue) < within(5)
    assert connection.connection is not before


@pytest.mark.sqlite_only
def test_without_announcements_it_looks_after_a_moment(queue: broker.Queue) -> None:
    assert _until_taken(queue) < Conf.POLL + within(2)


def _until_taken(queue: broker.Queue) -> float:
    """Return the seconds from queueing a task until this thread, which waits for it, takes it."""
    queued: list[float] = []

    def enqueue() -> None:
        time.sleep(0.3)  # lets the other thread begin to wait
        queued.append(time.monotonic())
        broker.Queue("wake-ups").enqueue("wake")
        connection.close()

    other = threading.Thread(target=enqueue)
    other.start()
    taken = None
    while not taken:
        taken = queue.dequeue()
    seconds = time.monotonic() - queued[0]
    other.join()
    return seconds


def _end(backend: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [backend])
    connection.close()


def in_another_thread(work: object) -> None:
    assert callable(work)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
