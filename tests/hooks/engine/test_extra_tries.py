"""*Retry now* is an extra attempt: the ten scheduled attempts keep their number and times."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from events.models import Event
from hooks import clock
from hooks.deliveries import resending, test_sends
from hooks.engine import set_back
from hooks.manage import rules
from hooks.models import Delivery, Hook, Lane, PumpHeartbeat
from hooks.presentation import delivery_sentences
from hooks.queue import lanes
from hooks.queue.lanes import AT_ONCE
from hooks.routing import router
from notifications_project.accounts.models import User
from tests.conftest import Api, Receiver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail")]
Make = Callable[..., Hook]
Record = Callable[..., Event]
Run = Callable[[], None]


@pytest.fixture
def failed_twice(webhook: Make, record: Record, pump: Run, receiver: Receiver) -> Delivery:
    """Create a delivery after two failed attempts of ten; the third is due in half an hour."""
    receiver.status = 503
    webhook()
    record("git.push")
    pump()
    due_now()
    pump()
    delivery = Delivery.objects.get()
    assert delivery.tries == 2
    return delivery


def due_now() -> None:
    Delivery.objects.filter(state="pending").update(due_at=clock.now())
    Lane.objects.update(not_before=None, work_due_at=clock.now(), next_at=clock.now())


def by_page(delivery: Delivery, alice: User, api: Callable[..., Api]) -> None:
    resending.redeliver(delivery, alice)


def by_selection(delivery: Delivery, alice: User, api: Callable[..., Api]) -> None:
    resending.redeliver_many(delivery.organization, [delivery.pk], alice)


def by_api(delivery: Delivery, alice: User, api: Callable[..., Api]) -> None:
    owner = delivery.organization.public_id
    answer = api(alice).post(f"/api/v1/organizations/{owner}/deliveries/{delivery.public_id}/redeliver/")
    assert answer.status_code == 202


@pytest.mark.parametrize("ask", [by_page, by_selection, by_api])
def test_it_takes_none_of_the_ten_away_and_moves_none(
    ask: Callable[..., None],
    failed_twice: Delivery,
    pump: Run,
    receiver: Receiver,
    alice: User,
    api: Callable[..., Api],
) -> None:
    before = failed_twice.due_at
    ask(failed_twice, alice, api)
    waiting = Delivery.objects.get()
    assert delivery_sentences.describe_state(waiting) == "To be sent now, an extra attempt"
    pump()
    after = Delivery.objects.get()
    assert len(receiver.requests) == 3
    assert (after.due_at, after.tries, after.extra_tries, after.scheduled_at) == (before, 3, 1, None)
    assert "attempt 3 of 10" in delivery_sentences.describe_state(after)
    assert list(after.attempts.order_by("number").values_list("number", flat=True)) == [1, 2, 3]
    assert "extra attempt" in after.attempts.latest("number").explanation


def test_after_the_ninth_it_is_not_the_last(failed_twice: Delivery, pump: Run, receiver: Receiver, alice: User) -> None:
    Delivery.objects.update(tries=9)
    resending.redeliver(failed_twice, alice)
    pump()
    assert Delivery.objects.get().state == "pending"
    due_now()
    pump()
    settled = Delivery.objects.get()
    assert (settled.state, settled.tries) == ("failed", 11)


def test_what_is_settled_begins_anew(failed_twice: Delivery, pump: Run, receiver: Receiver, alice: User) -> None:
    resending.redeliver(failed_twice, alice)
    receiver.status = 204
    pump()
    resending.redeliver(Delivery.objects.get(), alice)
    receiver.status = 503
    pump()
    again = Delivery.objects.get()
    assert (again.tries, again.extra_tries, again.scheduled_at) == (1, 0, None)


def test_what_keeps_its_order_keeps_its_place_and_its_time(
    webhook: Make, record: Record, pump: Run, receiver: Receiver, alice: User
) -> None:
    receiver.status = 503
    webhook(ordered=True)
    record("git.push")
    pump()
    # A rest that is far from over, however long the pumps take here.
    before, rests_until = Delivery.objects.get().due_at, clock.now() + timedelta(minutes=5)
    Lane.objects.filter(transport="http").update(not_before=rests_until, next_at=rests_until)
    resending.redeliver(Delivery.objects.get(), alice)
    pump()
    assert len(receiver.requests) == 2
    assert Delivery.objects.get().due_at == before
    assert differ(Lane.objects.get(transport="http").not_before, rests_until) < timedelta(milliseconds=1)


def differ(one: datetime | None, other: datetime | None) -> timedelta:
    assert one
    assert other
    return abs(one - other)


@pytest.mark.parametrize("what", ["extra attempt", "test"])
def test_it_moves_no_probe(
    what: str, webhook: Make, record: Record, pump: Run, receiver: Receiver, alice: User
) -> None:
    receiver.status = 503
    hook = webhook(events=["git.push"])
    for _ in range(8):
        record("git.push")
    pump()
    before = Lane.objects.get(transport="http")
    assert before.circuit_open
    if what == "test":
        test_sends.send_hook_test(hook, "git.push", alice)
    else:
        resending.redeliver(Delivery.objects.filter(tries=0).latest("pk"), alice)
    pump()
    after = Lane.objects.get(transport="http")
    assert after.failures == before.failures
    assert differ(after.not_before, before.not_before) < timedelta(seconds=1)


def test_while_the_scheduled_try_is_under_way_it_is_one_more(
    webhook: Make, record: Record, pump: Run, receiver: Receiver, alice: User
) -> None:
    def ask(request: object) -> None:
        if len(receiver.requests) == 1:
            resending.redeliver(Delivery.objects.get(), alice)

    receiver.status, receiver.before_answer = 503, ask
    webhook()
    record("git.push")
    begun = clock.now()
    pump()
    after = Delivery.objects.get()
    assert (after.tries, after.extra_tries) == (2, 1)
    assert after.due_at
    assert after.due_at - begun < timedelta(seconds=30), "the first pause of the schedule, not the second"


def test_what_was_resumed_meanwhile_is_not_forgotten(
    webhook: Make, record: Record, pump: Run, receiver: Receiver, alice: User
) -> None:
    hook = webhook(paused=True)
    record("git.push")
    router.route()
    receiver.status = 503

    def resume(request: object) -> None:
        rules.update_hook(hook, None, paused=False)

    receiver.before_answer = resume
    resending.redeliver(Delivery.objects.get(), alice)
    pump()
    assert Delivery.objects.get().due_at is not None


def test_a_clock_that_was_set_back_draws_the_schedule_nearer(failed_twice: Delivery, alice: User) -> None:
    hour = timedelta(hours=1)
    resending.redeliver(failed_twice, alice)
    Delivery.objects.update(scheduled_at=clock.now() + 2 * hour)
    PumpHeartbeat.objects.update(seen_at=clock.now() + hour)
    assert set_back.repair()
    after = Delivery.objects.get()
    assert after.due_at == AT_ONCE
    assert differ(after.scheduled_at, clock.now() + hour) < timedelta(minutes=1)


def test_a_lane_heeds_what_the_receiver_asks_for(
    failed_twice: Delivery, pump: Run, receiver: Receiver, alice: User
) -> None:
    receiver.headers = {"Retry-After": "3000"}
    resending.redeliver(failed_twice, alice)
    pump()
    assert differ(Lane.objects.get(transport="http").not_before, clock.now()) > timedelta(minutes=45)
    lanes.reset(failed_twice.lane_id)
