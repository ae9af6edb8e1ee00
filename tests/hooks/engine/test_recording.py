"""Recording results: changes to a delivery meanwhile are kept, and nothing is recorded twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from django.db import OperationalError

from events.models import Event
from hooks import clock
from hooks.deliveries import resending
from hooks.engine import lanes, taking
from hooks.engine import record as recording
from hooks.engine.judging import Result
from hooks.manage import rules
from hooks.models import Attempt, Delivery, Hook, Lane
from hooks.queue import pending
from hooks.queue.lanes import AT_ONCE
from hooks.routing import router
from notifications_project.accounts.models import User
from tests.conftest import Receiver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail")]
Make = Callable[..., Hook]
Record = Callable[..., Event]
Run = Callable[[], None]


def due_now() -> None:
    Delivery.objects.filter(state="pending").update(due_at=clock.now())
    Lane.objects.update(not_before=None, work_due_at=clock.now(), next_at=clock.now())


@pytest.mark.parametrize("ordered", [False, True])
def test_retry_now_is_heeded_although_the_attempt_under_way_fails(
    ordered: bool, webhook: Make, record: Record, pump: Run, receiver: Receiver, alice: User
) -> None:
    def ask(request: object) -> None:
        receiver.status = 503 if len(receiver.requests) == 1 else 204
        if len(receiver.requests) == 1:
            resending.redeliver(Delivery.objects.get(), alice)

    receiver.before_answer = ask
    webhook(ordered=ordered)
    record("git.push")
    pump()
    assert len(receiver.requests) == 2, "without waiting for five seconds"
    assert (Delivery.objects.get().state, Delivery.objects.get().tries) == ("delivered", 2)


def test_what_is_asked_for_once_is_not_tried_without_end(
    webhook: Make, record: Record, pump: Run, receiver: Receiver, alice: User
) -> None:
    receiver.status = 503
    webhook()
    record("git.push")
    pump()
    resending.redeliver(Delivery.objects.get(), alice)
    pump()
    assert len(receiver.requests) == 2
    due_at = Delivery.objects.get().due_at
    assert due_at is not None
    assert due_at > clock.now()


def test_sending_again_through_a_switched_off_hook_is_one_try(
    webhook: Make, record: Record, pump: Run, receiver: Receiver, alice: User
) -> None:
    hook = webhook()
    record("git.push")
    pump()
    rules.update_hook(hook, alice, enabled=False)
    resending.redeliver(Delivery.objects.get(), alice)
    receiver.status = 503
    pump()
    assert len(receiver.requests) == 2
    assert (Delivery.objects.get().state, Delivery.objects.get().due_at) == ("failed", None)


def test_a_commit_whose_answer_was_lost_is_not_recorded_twice(
    webhook: Make, record: Record, pump: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = recording.write

    def lose_the_answer(results: Sequence[Result], *, is_repeat: bool) -> None:
        monkeypatch.setattr(recording, "write", write)
        write(results, is_repeat=is_repeat)
        raise OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(recording, "write", lose_the_answer)
    webhook()
    record("git.push")
    pump()
    assert len(receiver.requests) == 1
    assert Attempt.objects.count() == 1
    assert (Delivery.objects.get().state, Delivery.objects.get().tries) == ("delivered", 1)


def test_what_was_not_written_before_the_database_went_away_is_written_after(
    webhook: Make, record: Record, pump: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = recording.write

    def refuse(results: Sequence[Result], *, is_repeat: bool) -> None:
        monkeypatch.setattr(recording, "write", write)
        raise OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(recording, "write", refuse)
    webhook()
    record("git.push")
    pump()
    assert Attempt.objects.count() == 1
    assert Delivery.objects.get().state == "delivered"


def test_the_same_delivery_failing_again_and_again_opens_no_circuit(
    webhook: Make, record: Record, pump: Run, receiver: Receiver
) -> None:
    """Five failures of different deliveries would: then the receiver is at fault, not one message."""
    receiver.status = 503
    webhook()
    record("git.push")
    for _ in range(6):
        pump()
        due_now()
    assert len(receiver.requests) == 6
    lane = Lane.objects.get(transport="http")
    assert (lane.failures, lane.circuit_open) == (1, False)
    for _ in range(4):
        record("git.push")
    pump()
    assert Lane.objects.get(transport="http").circuit_open


def test_a_lane_that_cannot_be_read_rests_and_the_others_are_served(
    webhook: Make, record: Record, pump: Run, receiver: Receiver
) -> None:
    broken = webhook(name="Broken", events=["git.push"])
    webhook(name="Sound", events=["git.push"])
    assert broken.endpoint is not None
    broken.endpoint.secrets = {"signing": "not a list of keys"}
    broken.endpoint.save()
    record("git.push")
    pump()
    assert len(receiver.requests) == 1
    lane = Lane.objects.get(pk=broken.endpoint.lane_id)
    assert lane.not_before is not None
    assert Delivery.objects.get(endpoint=broken.endpoint).state == "pending"


def test_many_lanes_are_taken_from_at_once_each_in_its_order_and_up_to_its_limit(webhook: Make, record: Record) -> None:
    first, second = webhook(name="First"), webhook(name="Second", events=["job.fail"])
    for _ in range(5):
        record("job.fail")
    router.route()
    leases = {lease.lane: lease for lease in lanes.claim(4, ["http"])}
    assert first.endpoint is not None
    assert second.endpoint is not None
    wanted = [(leases[first.endpoint.lane_id], 3), (leases[second.endpoint.lane_id], 10)]
    found = taking.take(wanted)
    ids = {lane: [each.delivery for each in due] for lane, due in found.items()}
    for hook, most in ((first, 3), (second, 5)):
        assert hook.endpoint is not None
        in_order = Delivery.objects.filter(endpoint=hook.endpoint).order_by("pk").values_list("pk", flat=True)[:most]
        assert ids[hook.endpoint.lane_id] == list(in_order)


def test_what_was_asked_for_goes_first(webhook: Make, record: Record, pump: Run, receiver: Receiver) -> None:
    webhook(ordered=True)
    for _ in range(3):
        record("git.push")
    router.route()
    last = Delivery.objects.latest("pk")
    Delivery.objects.filter(pk=last.pk).update(due_at=AT_ONCE)
    pump()
    assert receiver.requests[0].headers["webhook-id"] == last.public_id


def test_pausing_while_an_attempt_fails_holds_the_retry(
    webhook: Make, record: Record, pump: Run, receiver: Receiver
) -> None:
    hook = webhook()

    def pause(request: object) -> None:
        Hook.objects.filter(pk=hook.pk).update(paused=True)
        hook.refresh_from_db()
        pending.hold_for_hook(hook)

    receiver.status, receiver.before_answer = 503, pause
    record("git.push")
    pump()
    assert (Delivery.objects.get().state, Delivery.objects.get().due_at) == ("pending", None)
