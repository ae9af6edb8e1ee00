"""Beginning and end of pumps: new work never waits for an old attempt, and no worker is woken in vain."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django_q.models import OrmQ

from events.models import Event
from hooks import clock, tasks
from hooks.engine import pump as pumping
from hooks.engine import watchdog
from hooks.models import Hook, PumpHeartbeat
from hooks.queue import wakeup
from tests.conftest import Receiver
from tests.hooks.races import in_thread
from tests.project.processes import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail")]
Make = Callable[..., Hook]
Record = Callable[..., Event]
HANGS = 5


@pytest.fixture
def hanging(
    webhook: Make, record: Record, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], bool]]:
    """Start a pump whose time is over while an attempt hangs; return a function that tells whether it is active."""
    settings.DELIVERY_TIMEOUT = HANGS
    monkeypatch.setattr(pumping, "BUDGET", 0.5)
    listener = socket.create_server(("127.0.0.1", 0))
    webhook(name="Hangs", url=f"http://127.0.0.1:{listener.getsockname()[1]}/", events=["addon.created"])
    record("addon.created")
    thread = in_thread(tasks.pump)
    connection, _ = listener.accept()
    time.sleep(1)
    yield thread.is_alive
    thread.join()
    connection.close()
    listener.close()


def test_what_comes_while_an_old_attempt_hangs_is_delivered_meanwhile(
    hanging: Callable[[], bool], webhook: Make, record: Record, receiver: Receiver
) -> None:
    webhook(events=["git.push"])
    record("git.push")
    until(lambda: receiver.requests, HANGS, "the delivery")
    assert hanging()


def test_while_an_old_attempt_hangs_others_are_woken(
    hanging: Callable[[], bool], webhook: Make, record: Record
) -> None:
    OrmQ.objects.all().delete()
    record("git.push")
    assert OrmQ.objects.exists()
    assert hanging()


def test_without_workers_one_wake_up_is_enough_for_all_events(record: Record) -> None:
    OrmQ.objects.all().delete()
    for _ in range(20):
        record("git.push")
    assert OrmQ.objects.count() == 1


def test_a_heartbeat_from_before_the_clock_was_set_back_is_of_no_pump_at_work(record: Record) -> None:
    OrmQ.objects.all().delete()
    PumpHeartbeat.objects.create(seen_at=clock.now() + timedelta(minutes=30))
    assert wakeup.count_active_pumps() == 0
    record("git.push")
    assert OrmQ.objects.count() == 1
    Event.objects.update(recorded_at=clock.now() - timedelta(minutes=5))
    assert watchdog.is_standing_still()
