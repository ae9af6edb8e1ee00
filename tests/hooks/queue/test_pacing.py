"""Strict order and rate limits that a person chose for a webhook."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from events.models import Event
from hooks import clock, tasks
from hooks.deliveries import test_sends
from hooks.engine import lanes
from hooks.manage import rules
from hooks.models import Delivery, Hook, Lane
from hooks.queue import lanes as queue_lanes
from notifications_project.accounts.models import Organization, User
from tests.conftest import Receiver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail")]
Make = Callable[..., Hook]
Record = Callable[..., Event]
Run = Callable[[], None]


def numbers(receiver: Receiver) -> list[int]:
    return [json.loads(request.data)["number"] for request in receiver.requests]


def back_off_is_over() -> None:
    lane = Lane.objects.get(transport="http")
    Lane.objects.filter(pk=lane.pk).update(not_before=None, next_at=clock.now())


def test_an_ordered_hook_is_told_in_order_and_waits_for_what_failed(
    webhook: Make, record: Record, pump: Run, receiver: Receiver
) -> None:
    webhook(ordered=True)
    for number in range(10):
        record("git.push", number=number)
    receiver.status = 503
    pump()
    assert set(numbers(receiver)) == {0}, "nothing overtakes the first"
    receiver.status = 204
    back_off_is_over()
    pump()
    assert numbers(receiver)[-10:] == list(range(10))
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}


def test_in_an_ordered_hook_what_failed_for_good_lets_the_next_go(
    webhook: Make, record: Record, pump: Run, receiver: Receiver
) -> None:
    webhook(ordered=True)
    receiver.status = 422
    record("git.push", number=0)
    pump()
    receiver.status = 204
    record("git.push", number=1)
    pump()
    assert numbers(receiver) == [0, 1]


def test_the_back_off_of_an_ordered_hook_grows_with_the_tries_of_its_first(
    webhook: Make, record: Record, pump: Run, receiver: Receiver
) -> None:
    webhook(ordered=True)
    receiver.status = 503
    record("git.push", number=0)
    pump()
    Delivery.objects.update(tries=1)
    back_off_is_over()
    pump()
    next_at = Lane.objects.get(transport="http").next_at
    assert next_at is not None
    assert next_at - clock.now() > timedelta(minutes=4)


def test_a_failing_test_of_an_ordered_hook_is_not_tried_over_and_over(
    webhook: Make, pump: Run, receiver: Receiver, alice: User
) -> None:
    hook = webhook(ordered=True)
    receiver.status = 503
    test_sends.send_hook_test(hook, "git.push", alice)
    pump()
    assert len(receiver.requests) == 1
    assert Delivery.objects.get().state == "failed"


def test_a_rate_limit_is_kept(webhook: Make, record: Record, pump: Run, receiver: Receiver) -> None:
    arrived: list[float] = []
    receiver.before_answer = lambda request: arrived.append(time.monotonic())
    webhook(rate_limit=rules.RateLimit(per_second=10, burst=3))
    for number in range(13):
        record("git.push", number=number)
    pump()
    assert len(arrived) == 13
    # The bucket holds three; the ten others come at ten a second, not faster.
    assert arrived[-1] - arrived[0] >= 0.9


def test_what_a_rate_limit_holds_back_for_long_waits_outside_the_pump(
    webhook: Make, record: Record, pump: Run, receiver: Receiver
) -> None:
    webhook(rate_limit=rules.RateLimit(per_second=0.01))
    record("git.push", number=0)
    record("git.push", number=1)
    pump()
    assert numbers(receiver) == [0]
    lane = Lane.objects.get(transport="http")
    assert lane.leased_until is None
    assert lane.next_at is not None
    assert lane.next_at - clock.now() > timedelta(seconds=60)


def test_an_allowance_survives_the_lease(webhook: Make, record: Record) -> None:
    webhook(rate_limit=rules.RateLimit(per_second=0.01, burst=5))
    queue_lanes.touch(Lane.objects.values_list("pk", flat=True))
    (lease,) = lanes.claim(4, ["http"])
    assert lease.count_allowed() == 5
    lease.spend(4)
    lanes.release([lease])
    queue_lanes.touch(Lane.objects.values_list("pk", flat=True))
    (lease,) = lanes.claim(4, ["http"])
    assert lease.count_allowed() == 1


@pytest.mark.parametrize(("per_second", "burst"), [(0, 1), (-1, 1), (1001, 1), (5, 0), (5, 1001), (float("nan"), 1)])
def test_a_senseless_rate_is_refused(acme: Organization, per_second: float, burst: int) -> None:
    with pytest.raises(rules.InvalidRule) as refusal:
        rules.create_webhook(
            organization=acme,
            actor=None,
            spec=rules.WebhookSpec.of(
                name="Paced", url="http://127.0.0.1:9/", rate_limit=rules.RateLimit(per_second, burst)
            ),
        )
    assert set(refusal.value.errors) == {"rate_limit"}


def test_a_first_retry_comes_after_its_five_seconds_from_the_same_pump(
    webhook: Make, record: Record, receiver: Receiver
) -> None:
    def recover(request: object) -> None:
        receiver.status = 503 if len(receiver.requests) == 1 else 204

    receiver.before_answer = recover
    webhook()
    record("git.push", number=0)
    tasks.pump()
    assert numbers(receiver) == [0, 0]
    assert Delivery.objects.get().state == "delivered"
