"""From an event to a receiver, through real HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from events.models import Event
from hooks import clock
from hooks.deliveries import resending, test_sends
from hooks.endpoints import webhooks
from hooks.manage import rules
from hooks.models import Attempt, Delivery, Endpoint, Hook, Lane
from hooks.queue import lanes
from notifications_project.accounts.models import User
from tests.conftest import Receiver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail")]
Make = Callable[..., Hook]
Record = Callable[..., Event]
Run = Callable[[], None]


def secret_of(hook: Hook) -> str:
    assert hook.endpoint
    key: str = hook.endpoint.secrets["signing"][0]["key"]
    return key


def only_delivery() -> Delivery:
    return Delivery.objects.get()


def test_the_standard_verifier_accepts_what_a_receiver_gets(
    webhook: Make, record: Record, pump: Run, receiver: Receiver
) -> None:
    hook = webhook()
    event = record("git.push", branch="main")
    pump()
    request = receiver.requests[0]
    body = Webhook(secret_of(hook)).verify(request.data, dict(request.headers))
    assert body["branch"] == "main"
    assert request.data.decode() == event.representation
    assert request.headers["webhook-id"] == only_delivery().public_id
    with pytest.raises(WebhookVerificationError):
        Webhook(webhooks.make_secret()).verify(request.data, dict(request.headers))


def test_a_delivery_and_its_attempt_say_what_happened(
    webhook: Make, record: Record, pump: Run, receiver: Receiver
) -> None:
    receiver.status, receiver.body = 200, "thank you"
    hook = webhook()
    record("git.push")
    pump()
    delivery = only_delivery()
    assert (delivery.state, delivery.outcome, delivery.tries) == ("delivered", "200 OK", 1)
    assert delivery.reasons == [{"rule": "hook", "id": hook.public_id, "name": "Receiver"}]
    attempt = Attempt.objects.get()
    assert (attempt.code, attempt.number, attempt.verdict) == ("200", 1, "delivered")
    assert attempt.response["body"] == "thank you"
    assert attempt.request["headers"]["webhook-id"] == delivery.public_id
    assert attempt.dialled.startswith("127.0.0.1:")
    assert "wait" in attempt.timings


def test_every_try_carries_the_same_id_and_body(webhook: Make, record: Record, pump: Run, receiver: Receiver) -> None:
    receiver.status = 503
    webhook()
    record("git.push")
    pump()
    Delivery.objects.update(due_at=clock.now())
    lanes.touch(Lane.objects.values_list("pk", flat=True))
    receiver.status = 200
    pump()
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.data == second.data
    assert only_delivery().state == "delivered"
    assert list(Attempt.objects.order_by("number").values_list("code", flat=True)) == ["503", "200"]


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_message_that_the_receiver_will_not_take_is_not_tried_again(
    status: int, webhook: Make, record: Record, pump: Run, receiver: Receiver
) -> None:
    receiver.status = status
    webhook()
    record("git.push")
    pump()
    assert (only_delivery().state, only_delivery().due_at) == ("failed", None)


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405, 408, 425, 429, 500, 502, 503, 504])
def test_other_refusals_are_tried_again_after_five_seconds(
    status: int, webhook: Make, record: Record, pump: Run, receiver: Receiver
) -> None:
    receiver.status = status
    receiver.headers = {"Location": "/elsewhere"} if status == 301 else {}
    webhook()
    record("git.push")
    begun = clock.now()
    pump()
    delivery = only_delivery()
    assert delivery.state == "pending"
    assert delivery.due_at is not None
    assert timedelta(seconds=5) <= delivery.due_at - begun <= timedelta(seconds=9)
    assert len(receiver.requests) == 1, "a redirect is never followed"


def test_retry_after_holds_the_whole_lane(webhook: Make, record: Record, pump: Run, receiver: Receiver) -> None:
    receiver.status, receiver.headers = 503, {"Retry-After": "120"}
    webhook()
    record("git.push")
    pump()
    record("git.push")
    pump()
    assert len(receiver.requests) == 1
    lane = Lane.objects.get(transport="http")
    assert lane.next_at is not None
    assert lane.next_at > clock.now() + timedelta(seconds=100)


def test_410_disables_the_endpoint_and_tells_the_admins(
    webhook: Make, record: Record, pump: Run, receiver: Receiver
) -> None:
    receiver.status = 410
    hook = webhook(events=["git.push"])
    record("git.push")
    pump()
    record("git.push")
    pump()
    hook.refresh_from_db()
    assert hook.endpoint is not None
    assert hook.endpoint.disabled_at is not None
    assert len(receiver.requests) == 1
    waiting = Delivery.objects.filter(hook=hook)
    assert {delivery.state for delivery in waiting} == {"pending"}
    assert {delivery.due_at for delivery in waiting} == {None}
    told = Delivery.objects.get(event__type="hook.disabled")
    assert told.reasons == [{"rule": "role", "name": "admin"}]
    assert json.loads(told.event.representation)["hook"]["id"] == hook.public_id


def test_enabling_a_disabled_endpoint_delivers_what_waited(
    webhook: Make, record: Record, pump: Run, receiver: Receiver
) -> None:
    receiver.status = 410
    hook = webhook(events=["git.push"])
    record("git.push")
    pump()
    receiver.status = 204
    rules.update_hook(hook, None, enabled=True)
    pump()
    assert Delivery.objects.get(hook=hook).state == "delivered"


def test_a_successful_test_of_a_disabled_endpoint_enables_it_again(
    webhook: Make, record: Record, pump: Run, receiver: Receiver, alice: User
) -> None:
    receiver.status = 410
    hook = webhook(events=["git.push"])
    record("git.push")
    pump()
    test_sends.send_hook_test(hook, "git.push", alice)
    pump()
    hook.refresh_from_db()
    assert hook.endpoint is not None
    assert hook.endpoint.disabled_at is not None, "a test that fails changes nothing"
    receiver.status = 204
    test_sends.send_hook_test(hook, "git.push", alice)
    pump()
    assert Endpoint.objects.get(pk=hook.endpoint.pk).disabled_at is None
    assert Delivery.objects.get(event__is_test=False, hook=hook).state == "delivered"
    assert Event.objects.filter(type="hook.recovered").count() == 1


def test_a_test_that_is_answered_with_410_is_tried_once(
    webhook: Make, pump: Run, receiver: Receiver, alice: User
) -> None:
    receiver.status = 410
    hook = webhook()
    for times in (1, 2):  # the first disables the endpoint, the second finds it disabled
        test_sends.send_hook_test(hook, "git.push", alice)
        pump()
        assert len(receiver.requests) == times
    assert set(Delivery.objects.filter(hook=hook).values_list("state", flat=True)) == {"failed"}


def test_five_failures_in_a_row_open_the_circuit_and_one_success_drains_it(
    webhook: Make, record: Record, pump: Run, receiver: Receiver
) -> None:
    receiver.status = 500
    webhook()
    for _ in range(30):
        record("git.push")
    pump()
    lane = Lane.objects.get(transport="http")
    assert lane.circuit_open
    tried = len(receiver.requests)
    assert 5 <= tried < 10, "the rest waits untouched"
    assert Delivery.objects.filter(tries=0, state="pending").count() == 30 - tried
    receiver.status = 204
    Delivery.objects.filter(state="pending").update(due_at=clock.now())
    Lane.objects.update(not_before=None, next_at=clock.now())
    pump()
    assert Delivery.objects.filter(state="delivered").count() == 30
    lane.refresh_from_db()
    assert not lane.circuit_open


def test_a_dead_receiver_does_not_delay_another(webhook: Make, record: Record, pump: Run, receiver: Receiver) -> None:
    dead = webhook(name="Dead", url="http://127.0.0.1:9/")
    webhook()
    for _ in range(20):
        record("git.push")
    pump()
    assert len(receiver.requests) == 20
    attempts = Attempt.objects.filter(delivery__hook=dead)
    assert {(attempt.code, attempt.verdict) for attempt in attempts} == {("connection", "retry")}
    assert "refused" in attempts[0].explanation.lower()


def test_the_tenth_try_is_the_last(webhook: Make, record: Record, pump: Run, receiver: Receiver) -> None:
    receiver.status = 503
    webhook()
    record("git.push")
    pump()
    Delivery.objects.update(tries=9, due_at=clock.now())
    lanes.touch(Lane.objects.values_list("pk", flat=True))
    pump()
    assert (only_delivery().state, only_delivery().tries) == ("failed", 10)


def test_a_settled_delivery_can_be_sent_again_with_the_same_id(
    webhook: Make, record: Record, pump: Run, receiver: Receiver, alice: User
) -> None:
    webhook()
    record("git.push")
    pump()
    resending.redeliver(only_delivery(), alice)
    pump()
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    assert len(receiver.requests) == 2


def test_during_a_rotation_both_secrets_verify(webhook: Make, record: Record, pump: Run, receiver: Receiver) -> None:
    hook = webhook()
    before = secret_of(hook)
    after = rules.rotate_secret(hook, None)
    record("git.push")
    pump()
    request = receiver.requests[0]
    for key in (before, after):
        Webhook(key).verify(request.data, dict(request.headers))


def test_failing_for_five_days_disables_the_endpoint(
    webhook: Make, record: Record, pump: Run, receiver: Receiver
) -> None:
    receiver.status = 503
    webhook(events=["git.push"])
    Endpoint.objects.filter(kind="webhook").update(failing_since=clock.now() - timedelta(days=6))
    record("git.push")
    pump()
    assert Endpoint.objects.get(kind="webhook").disabled_at is not None
    assert Event.objects.filter(type="hook.disabled").exists()


def test_an_hour_of_failing_warns_once_and_recovery_is_told(
    webhook: Make, record: Record, pump: Run, receiver: Receiver
) -> None:
    receiver.status = 503
    webhook(events=["git.push"])
    Endpoint.objects.filter(kind="webhook").update(failing_since=clock.now() - timedelta(hours=2))
    record("git.push")
    record("git.push")
    pump()
    assert Event.objects.filter(type="hook.failing").count() == 1
    receiver.status = 204
    Delivery.objects.filter(state="pending", endpoint__kind="webhook").update(due_at=clock.now())
    lanes.touch(Lane.objects.filter(transport="http").values_list("pk", flat=True))
    pump()
    assert Event.objects.filter(type="hook.recovered").count() == 1
