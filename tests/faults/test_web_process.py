"""kill -9 of the web process, between storing an event and waking the workers, and after its answer."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
from django_q.models import OrmQ

from events.models import Event
from tests.faults.console import Console
from tests.faults.sizes import size
from tests.project.processes import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def silent_broker() -> Iterator[str]:
    """Run a server that never answers, and give its REDIS_URL: a process that wakes workers hangs."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def test_what_was_stored_is_delivered_although_nobody_was_woken(console: Console, silent_broker: str) -> None:
    """kill -9 of the web process between storing and waking"""
    console.add_hooks("one", "two")
    console.worker()
    web = console.web(REDIS_URL=silent_broker)
    token = console.token()

    def post() -> None:
        with contextlib.suppress(OSError):  # the answer never comes
            web.post(console.events_path, {"type": "git.push"}, token)

    events = size(3)
    for _ in range(events):
        threading.Thread(target=post, daemon=True).start()
    until(Event.objects.exists, 60, "the storing of an event")
    web.kill()
    assert not OrmQ.objects.exists(), "somebody was woken"
    console.acknowledged(event.public_id for event in Event.objects.all())  # stored, so it must arrive
    console.all_arrive()


def test_what_was_acknowledged_is_delivered_although_the_wake_up_was_lost(console: Console) -> None:
    """kill -9 of the web process after its answer; its wake-up is lost, too"""
    console.add_hooks("one", "two")
    web = console.web()
    console.post(web, size(5))
    web.kill()
    OrmQ.objects.all().delete()
    console.worker()
    console.all_arrive()
