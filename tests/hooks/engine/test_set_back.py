"""A clock that is set back, simulated by moving all stored times an hour ahead."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db.models import F
from django.utils import timezone
from django_q.models import Schedule

from events.models import Event
from hooks import clock
from hooks.engine import lanes, leases, set_back, taking
from hooks.models import Circuit, Delivery, Hook, Lane, PumpHeartbeat
from hooks.queue import wakeup
from hooks.routing import router

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_default_mail")]
HOUR = timedelta(hours=1)
SOON = timedelta(seconds=10)


@pytest.fixture
def lane(webhook: Callable[..., Hook], record: Callable[..., Event]) -> Lane:
    """Return a lane with one delivery that is due now."""
    webhook(events=["server.stopped"])
    record("server.stopped")
    router.route()
    return Lane.objects.get(transport="http")


def due_at(lane: Lane) -> datetime:
    due = Delivery.objects.get(lane=lane).due_at
    assert due is not None
    return due


def set_the_clock_back(lane: Lane) -> datetime:
    """Set the clock back by an hour while a pump is active; return the time."""
    now = clock.now()
    PumpHeartbeat.objects.create(pk=uuid.uuid4(), seen_at=now + HOUR)
    for name in ("work_due_at", "not_before", "next_at", "leased_until"):
        Lane.objects.filter(pk=lane.pk, **{f"{name}__isnull": False}).update(**{name: F(name) + HOUR})
    Delivery.objects.filter(lane=lane).update(due_at=F("due_at") + HOUR)
    return now


def test_what_was_due_is_due_again(lane: Lane) -> None:
    set_the_clock_back(lane)
    assert lanes.claim(4, ["http"]) == []
    assert set_back.repair()
    (lease,) = lanes.claim(4, ["http"])
    assert len(taking.take([(lease, 10)])[lease.lane]) == 1


def test_what_was_to_be_later_keeps_its_distance(lane: Lane) -> None:
    Delivery.objects.filter(lane=lane).update(due_at=clock.now() + 3 * HOUR)
    Lane.objects.filter(pk=lane.pk).update(not_before=clock.now() + 2 * HOUR)
    now = set_the_clock_back(lane)
    set_back.repair()
    lane.refresh_from_db()
    assert lane.not_before is not None
    assert abs(lane.not_before - now - 2 * HOUR) < SOON
    assert abs(due_at(lane) - now - 3 * HOUR) < SOON


def test_it_is_repaired_once_however_many_see_it(lane: Lane) -> None:
    Delivery.objects.filter(lane=lane).update(due_at=clock.now() + 3 * HOUR)
    now = set_the_clock_back(lane)
    assert set_back.repair()
    assert not set_back.repair()
    assert abs(due_at(lane) - now - 3 * HOUR) < SOON


def test_a_lease_is_cut_to_a_whole_one_and_never_further(lane: Lane) -> None:
    lanes.claim(4, ["http"])
    now = set_the_clock_back(lane)
    set_back.repair()
    lane.refresh_from_db()
    assert lane.leased_until is not None
    whole = timedelta(seconds=leases.get_lease_seconds())
    assert now + whole <= lane.leased_until <= clock.now() + whole


def test_a_pump_at_work_does_not_hide_it(lane: Lane) -> None:
    with wakeup.Heartbeat() as heartbeat:
        PumpHeartbeat.objects.filter(pk=heartbeat.id).update(seen_at=clock.now() + HOUR)
        heartbeat.beaten_at = 0
        heartbeat.beat()
        assert set_back.repair()
        assert wakeup.count_active_pumps() == 1


def test_what_was_killed_before_does_not_count_as_a_pump_at_work(lane: Lane) -> None:
    set_the_clock_back(lane)
    assert wakeup.count_active_pumps() == 0


def test_a_transport_that_was_away_is_tried_as_soon_as_it_would_have_been(lane: Lane) -> None:
    Circuit.objects.create(pk="smtp", not_before=clock.now() + HOUR + SOON / 2)
    now = set_the_clock_back(lane)
    set_back.repair()
    assert Circuit.objects.filter(pk="smtp", not_before__lte=now + SOON).exists()


def test_a_lease_taken_before_backs_off_by_the_new_clock(lane: Lane) -> None:
    (lease,) = lanes.claim(4, ["http"])
    lease.claimed_at += HOUR
    lease.back_off(30)
    lanes.release([lease])
    lane.refresh_from_db()
    assert lane.not_before is not None
    assert timedelta(seconds=20) < lane.not_before - clock.now() <= timedelta(seconds=30)


def test_the_sweep_is_scheduled_again(db: None) -> None:
    Schedule.objects.update(next_run=timezone.now() + HOUR)
    set_back.repair()
    assert Schedule.objects.get().next_run <= timezone.now()


def test_nothing_is_touched_while_the_clock_goes_on(lane: Lane) -> None:
    due = due_at(lane)
    with wakeup.Heartbeat():
        assert not set_back.repair()
    assert due_at(lane) == due
