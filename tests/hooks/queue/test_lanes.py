"""The contract of lanes on both databases: holders, due times, and work that must never be lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from events import intake
from events.models import Event
from hooks import clock, engine
from hooks.engine import lanes, leases, sweep, taking, watchdog
from hooks.manage import rules
from hooks.models import Delivery, Hook, Lane, PumpHeartbeat
from hooks.queue import lanes as queue_lanes
from hooks.routing import router
from notifications_project.accounts.models import User
from tests.hooks.races import in_thread

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail")]
Make = Callable[..., Hook]
Record = Callable[..., Event]


@pytest.fixture
def lane(webhook: Make, record: Record) -> Lane:
    """Return a lane with one delivery that is due."""
    webhook()
    record("git.push")
    router.route()
    return Lane.objects.get(transport="http")


def claim() -> list[leases.Lease]:
    return lanes.claim(4, ["http"])


def statements(context: CaptureQueriesContext) -> list[str]:
    """Return the captured statements, without those that begin and end transactions."""
    around = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE SAVEPOINT")
    return [query["sql"] for query in context.captured_queries if not str(query["sql"]).startswith(around)]


def test_a_leased_lane_is_claimed_by_nobody_else(lane: Lane) -> None:
    assert [lease.lane for lease in claim()] == [lane.pk]
    assert claim() == []


def test_many_claimers_at_once_get_each_lane_once(webhook: Make, record: Record) -> None:
    for number in range(12):
        webhook(name=f"Hook {number}")
    record("git.push")
    router.route()
    got: list[int] = []
    threads = [in_thread(lambda: got.extend(lease.lane for lease in claim())) for _ in range(6)]
    for thread in threads:
        thread.join()
    assert len(got) == len(set(got)), "no lane twice"
    while leases := claim():
        got.extend(lease.lane for lease in leases)
    assert sorted(got) == sorted(Lane.objects.filter(transport="http").values_list("pk", flat=True))


def test_a_lease_that_ran_out_can_be_claimed_by_another(lane: Lane) -> None:
    (before,) = claim()
    Lane.objects.update(leased_until=clock.now() - timedelta(seconds=1))
    (after,) = claim()
    assert after.token != before.token


def test_a_stale_holder_does_not_reschedule(lane: Lane) -> None:
    (stale,) = claim()
    Lane.objects.update(leased_until=clock.now() - timedelta(seconds=1))
    (current,) = claim()
    stale.failures = 99
    assert not lanes.release([stale])
    lane.refresh_from_db()
    assert (lane.token, lane.failures) == (current.token, 0)
    assert lanes.release([current])


def test_nothing_is_begun_that_could_outlive_the_lease(lane: Lane, settings: LazySettings) -> None:
    (lease,) = claim()
    assert lease.may_start()
    lease.ends -= leases.get_lease_seconds() - settings.DELIVERY_TIMEOUT
    assert not lease.may_start()


def test_a_released_lane_with_work_left_is_due_again_behind_the_others(lane: Lane) -> None:
    (lease,) = claim()
    before = clock.now()
    lanes.release([lease])
    lane.refresh_from_db()
    assert lane.next_at is not None
    assert lane.next_at >= before


def test_a_released_lane_without_work_sleeps(lane: Lane) -> None:
    (lease,) = claim()
    Delivery.objects.update(state="delivered", due_at=None)
    lanes.release([lease])
    lane.refresh_from_db()
    assert (lane.work_due_at, lane.next_at) == (None, None)


def test_work_that_comes_while_the_lane_is_leased_is_seen_at_release(lane: Lane, record: Record) -> None:
    (lease,) = claim()
    Delivery.objects.update(state="delivered", due_at=None)
    record("git.push")
    router.route()
    lanes.release([lease])
    assert len(claim()) == 1


@pytest.mark.postgresql_only
def test_a_release_that_waits_for_a_touch_sees_the_work_it_brought(lane: Lane) -> None:
    """A single statement would read `min(due)` before it waits for the lock, and the lane would sleep."""
    (lease,) = claim()
    Delivery.objects.update(state="delivered", due_at=None)
    locked, released = threading.Event(), threading.Event()

    def bring_work() -> None:
        with transaction.atomic():
            queue_lanes.touch([lane.pk])
            locked.set()
            released.wait(0.5)  # the release cannot finish before this commits; this only lets it begin to wait
            Delivery.objects.update(state="pending", due_at=clock.now())

    def release() -> None:
        locked.wait()
        lanes.release([lease])
        released.set()

    for thread in [in_thread(bring_work), in_thread(release)]:
        thread.join()
    lane.refresh_from_db()
    assert lane.next_at is not None


def test_new_work_does_not_defeat_a_back_off(lane: Lane, record: Record) -> None:
    (lease,) = claim()
    lease.back_off(60)
    lanes.release([lease])
    record("git.push")
    router.route()
    assert claim() == []


def test_what_a_person_asks_for_goes_at_once_in_spite_of_a_back_off(lane: Lane) -> None:
    (lease,) = claim()
    lease.back_off(60)
    lanes.release([lease])
    Delivery.objects.update(due_at=queue_lanes.AT_ONCE)
    queue_lanes.probe_now(lane.pk)
    (lease,) = claim()
    assert len(taking.take([(lease, 10)])[lease.lane]) == 1


def test_the_sweep_wakes_a_lane_that_sleeps_with_work_in_it(lane: Lane) -> None:
    Lane.objects.update(work_due_at=None, next_at=None)
    sweep.sweep()
    assert len(claim()) == 1


def test_the_sweep_shortens_leases_from_a_clock_that_was_set_back(lane: Lane) -> None:
    claim()
    Lane.objects.update(leased_until=clock.now() + timedelta(hours=1))
    sweep.sweep()
    lane.refresh_from_db()
    assert lane.leased_until is not None
    assert lane.leased_until <= clock.now() + timedelta(seconds=leases.get_lease_seconds())


def test_a_cluster_stands_still_only_if_work_is_due_and_no_pump_is_seen(lane: Lane) -> None:
    long_ago = clock.now() - timedelta(minutes=5)
    assert not watchdog.is_standing_still(), "the work has just come"
    Lane.objects.update(next_at=long_ago)
    PumpHeartbeat.objects.create(seen_at=clock.now(), active=False)
    assert not watchdog.is_standing_still(), "a full pool is not a hang"
    PumpHeartbeat.objects.update(seen_at=long_ago)
    assert watchdog.is_standing_still()
    Lane.objects.update(next_at=None)
    assert not watchdog.is_standing_still(), "there is nothing to do"


def test_two_routers_at_once_keep_order_and_add_nothing_twice(webhook: Make, record: Record) -> None:
    hook = webhook()
    events = [record("git.push") for _ in range(50)]
    threads = [in_thread(router.route) for _ in range(4)]
    for thread in threads:
        thread.join()
    router.route()
    assert list(hook.deliveries.order_by("pk").values_list("event_id", flat=True)) == [event.pk for event in events]


def test_no_worker_is_running_if_due_work_waits_and_no_pump_comes(lane: Lane) -> None:
    assert engine.has_running_workers(), "the work has just come"
    Lane.objects.update(next_at=clock.now() - timedelta(seconds=10))
    assert not engine.has_running_workers()
    PumpHeartbeat.objects.create(seen_at=clock.now(), active=False)
    assert engine.has_running_workers()


def test_organizations_take_turns_however_many_lanes_one_has(webhook: Make, record: Record, olga: User) -> None:
    for number in range(10):
        webhook(name=f"Hook {number}")
    record("git.push")
    router.route()
    other = olga.organizations.get(name="Other")
    rules.create_webhook(
        organization=other, actor=None, spec=rules.WebhookSpec.of(name="Late", url="http://127.0.0.1:9/")
    )
    intake.record(other, [intake.NewEvent(type="git.push")])
    router.route()
    late = Lane.objects.get(organization=other, transport="http")
    assert late.pk in {lease.lane for lease in lanes.claim(4, ["http"])}


def test_an_organization_with_more_due_lanes_than_are_looked_at_does_not_hide_the_others(
    webhook: Make, record: Record, olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "_LOOK", 5)
    for number in range(10):
        webhook(name=f"Hook {number}")
    record("git.push")
    other = olga.organizations.get(name="Other")
    rules.create_webhook(
        organization=other, actor=None, spec=rules.WebhookSpec.of(name="Late", url="http://127.0.0.1:9/")
    )
    intake.record(other, [intake.NewEvent(type="git.push")])
    while router.route():
        pass  # a turn may end before the other organization has had its own
    late = Lane.objects.get(organization=other, transport="http")
    Lane.objects.filter(pk=late.pk).update(next_at=clock.now())  # behind the ten
    claimed = lanes.claim(4, ["http"])
    assert late.pk in {lease.lane for lease in claimed}
    assert len(claimed) == 4


def test_a_back_off_outlives_what_a_person_asks_for_meanwhile(lane: Lane, record: Record) -> None:
    """Only the requested delivery is sent; if it fails, the others and new ones keep waiting."""
    (lease,) = claim()
    lease.back_off(60)
    lanes.release([lease])
    record("git.push")
    router.route()
    asked = Delivery.objects.earliest("pk")
    Delivery.objects.filter(pk=asked.pk).update(due_at=queue_lanes.AT_ONCE)
    queue_lanes.probe_now(lane.pk)
    queue_lanes.touch([lane.pk])
    (lease,) = claim()
    assert [notification.delivery for notification in taking.take([(lease, 10)])[lease.lane]] == [asked.pk]
    Delivery.objects.filter(pk=asked.pk).update(state="failed", due_at=None)
    lanes.release([lease])
    assert claim() == []


def test_what_a_person_asks_for_waits_too_if_nothing_can_go(lane: Lane) -> None:
    Delivery.objects.update(due_at=queue_lanes.AT_ONCE)
    (lease,) = claim()
    lease.back_off(60, also_requested=True)
    lanes.release([lease])
    assert claim() == []


def test_what_a_holder_learns_before_a_reset_is_forgotten(lane: Lane) -> None:
    """The circuit of the old URL must not delay the new one, but the holder keeps its lease."""
    (lease,) = claim()
    for _ in range(2):
        queue_lanes.reset(lane.pk)
    assert claim() == []
    lease.failures, lease.circuit_open = 9, True
    lease.back_off(600)
    assert lanes.release([lease])
    lane.refresh_from_db()
    assert (lane.failures, lane.circuit_open, lane.not_before) == (0, False, None)
    assert len(claim()) == 1


def test_a_stale_holder_does_not_release_a_lane_that_was_reset(lane: Lane) -> None:
    (stale,) = claim()
    Lane.objects.update(leased_until=clock.now() - timedelta(seconds=1))
    (current,) = claim()
    queue_lanes.reset(lane.pk)
    assert not lanes.release([stale])
    assert lanes.release([current])


def test_a_reset_before_a_lease_takes_nothing_from_what_its_holder_learns(lane: Lane) -> None:
    queue_lanes.reset(lane.pk)
    (lease,) = claim()
    lease.failures = 3
    lanes.release([lease])
    lane.refresh_from_db()
    assert (lane.failures, lane.was_reset) == (3, False)


def test_a_reset_during_a_lease_that_ran_out_takes_nothing_from_the_next_holder(lane: Lane) -> None:
    claim()
    queue_lanes.reset(lane.pk)
    Lane.objects.update(leased_until=clock.now() - timedelta(seconds=1))
    (lease,) = claim()
    lease.failures = 3
    lanes.release([lease])
    lane.refresh_from_db()
    assert lane.failures == 3


def test_a_reset_that_a_release_waits_for_is_heeded(lane: Lane) -> None:
    (lease,) = claim()
    lease.failures = 9
    with transaction.atomic():
        queue_lanes.reset(lane.pk)
        releasing = in_thread(lambda: lanes.release([lease]))
        releasing.join(0.3)  # PostgreSQL has it wait for the lock on the row, SQLite for that on the file
    releasing.join()
    lane.refresh_from_db()
    assert (lane.failures, lane.token) == (0, None)


def test_a_lane_is_leased_and_released_in_a_few_queries(lane: Lane) -> None:
    """Every turn of every pump pays for each of them."""
    with CaptureQueriesContext(connection) as claiming:
        (lease,) = claim()
    with CaptureQueriesContext(connection) as releasing:
        lanes.release([lease])
    assert (len(statements(claiming)), len(statements(releasing))) == (3, 3)


def test_a_clock_that_is_set_back_costs_no_allowance(lane: Lane) -> None:
    Lane.objects.update(rate=1.0, burst=2, allowance=1.0, allowance_at=clock.now() + timedelta(hours=1))
    (lease,) = claim()
    assert lease.count_allowed() == 1
