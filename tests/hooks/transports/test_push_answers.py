"""Apple's answers to a push and their effect: every documented reason."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client

from hooks import clock
from hooks.deliveries import test_sends
from hooks.endpoints import devices
from hooks.models import Attempt, Circuit, Delivery, Device, Endpoint, Lane
from hooks.transports import apns as transport
from notifications_project.accounts.models import AuditEntry, User
from tests.hooks.fake_apns import FakeApns, Push, Reply
from tests.hooks.pushing import TOKEN, again
from tests.pages import read

pytestmark = pytest.mark.django_db(transaction=True)
Owe = Callable[..., Delivery]
Run = Callable[[], None]


LATER = 32_000_000_000_000  # milliseconds
RETRIED = [
    (400, "IdleTimeout"),
    (429, "TooManyRequests"),
    (429, "TooManyProviderTokenUpdates"),
    (500, "InternalServerError"),
    (503, "ServiceUnavailable"),
    (503, "Shutdown"),
]
FAILED = [
    *((400, name) for name in ("BadCollapseId", "BadExpirationDate", "BadMessageId", "BadPriority")),
    *((400, name) for name in ("DuplicateHeaders", "InvalidPushType", "MissingDeviceToken", "PayloadEmpty")),
    (413, "PayloadTooLarge"),
]
GONE = [(400, "BadDeviceToken"), (400, "DeviceTokenNotForTopic"), (410, "ExpiredToken"), (410, "Unregistered")]
OURS = [
    *((400, name) for name in ("BadTopic", "MissingTopic", "TopicDisallowed")),
    *((403, name) for name in ("BadCertificate", "BadCertificateEnvironment", "ExpiredProviderToken", "Forbidden")),
    *((403, name) for name in ("InvalidProviderToken", "MissingProviderToken", "UnrelatedKeyIdInToken")),
    *((403, name) for name in ("BadEnvironmentKeyIdInToken", "BadEnvironmentKeyInToken")),
    (404, "BadPath"),
    (405, "MethodNotAllowed"),
]


def test_every_documented_reason_is_told_of_here() -> None:
    assert {name for _, name in [*RETRIED, *FAILED, *GONE, *OURS]} == transport.REASONS.keys()


@pytest.mark.parametrize(("status", "reason"), RETRIED)
def test_a_moment_s_trouble_is_tried_again(
    apns: FakeApns, device: Device, owe: Owe, pump: Run, status: int, reason: str
) -> None:
    apns.answer = lambda push: Reply(status, reason, headers={"retry-after": "120"})
    delivery = owe(device)
    pump()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.tries) == ("pending", 1)
    assert delivery.due_at is not None
    assert 110 < (delivery.due_at - clock.now()).total_seconds() < 121
    assert reason in Attempt.objects.get().explanation
    assert not Circuit.objects.exists()


@pytest.mark.parametrize(("status", "reason"), [*(each for each in RETRIED if each[0] >= 500), (502, ""), (500, "New")])
def test_apple_is_left_alone_for_a_while_when_it_has_trouble_of_its_own(
    apns: FakeApns, device: Device, owe: Owe, pump: Run, status: int, reason: str
) -> None:
    apns.answer = lambda push: Reply(status, reason)
    delivery = owe(device)
    pump()
    delivery.refresh_from_db()
    assert delivery.due_at is not None
    assert 890 < (delivery.due_at - clock.now()).total_seconds() <= 900
    lane = Lane.objects.get(pk=device.endpoint.lane_id)
    assert lane.next_at is not None
    assert 890 < (lane.next_at - clock.now()).total_seconds() <= 900
    apns.answer = lambda push: Reply()
    again(device.endpoint.lane_id)
    pump()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}


@pytest.mark.parametrize(("status", "reason"), [each for each in RETRIED if each[0] < 500])
def test_other_trouble_is_over_in_a_moment(
    apns: FakeApns, device: Device, owe: Owe, pump: Run, status: int, reason: str
) -> None:
    apns.answer = lambda push: Reply(status, reason)
    delivery = owe(device)
    pump()
    delivery.refresh_from_db()
    assert delivery.due_at is not None
    assert (delivery.due_at - clock.now()).total_seconds() < 6


@pytest.mark.parametrize(("status", "reason"), FAILED)
def test_a_message_that_apple_does_not_take_has_failed(
    apns: FakeApns, device: Device, owe: Owe, pump: Run, status: int, reason: str
) -> None:
    apns.answer = lambda push: Reply(status, reason)
    delivery = owe(device)
    pump()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.tries) == ("failed", 1)
    assert "No further attempt" in Attempt.objects.get().explanation
    assert Device.objects.exists()


@pytest.mark.parametrize(("status", "reason"), GONE)
def test_a_dead_token_removes_the_device(
    apns: FakeApns, device: Device, owe: Owe, pump: Run, status: int, reason: str
) -> None:
    apns.answer = lambda push: Reply(status, reason, timestamp=LATER if status == 410 else None)
    first, *others = [owe(device) for _ in range(3)]
    pump()
    assert not Device.objects.exists()
    endpoint = Endpoint.objects.get(pk=device.endpoint_id)
    assert endpoint.deleted_at is not None
    first.refresh_from_db()
    assert first.state == "failed"
    states = Delivery.objects.filter(pk__in=[other.pk for other in others]).values_list("state", flat=True)
    assert set(states) == {"cancelled"}
    assert len(apns.pushes) == 1
    assert reason in Attempt.objects.get().explanation
    entry = AuditEntry.objects.get(action="device.removed")
    assert (entry.organization_id, entry.actor_name, entry.target) == (device.user_id, "system", device.name)
    assert reason in entry.detail["reason"]


@pytest.mark.parametrize("reason", ["ExpiredToken", "Unregistered"])
@pytest.mark.parametrize("earlier", [1, None])
def test_a_device_that_was_gone_before_it_registered_stays(
    apns: FakeApns, device: Device, owe: Owe, pump: Run, reason: str, earlier: int | None
) -> None:
    before = earlier and int(device.registered_at.timestamp() * 1000) - earlier
    apns.answer = lambda push: Reply(410, reason, timestamp=before)
    delivery = owe(device)
    pump()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.tries) == ("pending", 1)
    assert Device.objects.get() == device


def test_a_device_that_registers_while_apple_says_that_it_is_gone_stays(
    apns: FakeApns, device: Device, owe: Owe, pump: Run, alice: User
) -> None:
    def answer(push: Push) -> Reply:
        if len(apns.pushes) > 1:
            return Reply()
        registering = threading.Thread(target=register)
        registering.start()
        registering.join()
        return Reply(400, "BadDeviceToken")

    def register() -> None:
        devices.register(alice, TOKEN, device.name)
        connection.close()

    apns.answer = answer
    delivery = owe(device)
    pump()
    delivery.refresh_from_db()
    assert Device.objects.get() == device
    assert (delivery.state, delivery.tries) == ("delivered", 2)


def test_a_test_to_a_dead_device_fails_and_removes_it(apns: FakeApns, device: Device, pump: Run, alice: User) -> None:
    apns.answer = lambda push: Reply(410, "Unregistered", timestamp=LATER)
    delivery = test_sends.send_endpoint_test(device.endpoint, "job.fail", alice)
    pump()
    delivery.refresh_from_db()
    assert delivery.state == "failed"
    assert not Device.objects.exists()


@pytest.mark.parametrize(("status", "reason"), OURS)
def test_what_is_wrong_with_our_settings_is_no_device_s_fault(
    apns: FakeApns,
    device: Device,
    owe: Owe,
    pump: Run,
    alice: User,
    client_of: Callable[[User], Client],
    status: int,
    reason: str,
) -> None:
    apns.answer = lambda push: Reply(status, reason)
    for _ in range(5):
        owe(device)
    pump()
    assert set(Delivery.objects.values_list("state", "tries")) == {("pending", 0)}
    assert Device.objects.exists()
    assert Endpoint.objects.get(pk=device.endpoint_id).failing_since is None
    assert Attempt.objects.count() == 1, "one attempt finds out; the rest waits"
    circuit = Circuit.objects.get()
    assert (circuit.pk, circuit.failures) == ("apns", 1)
    assert reason in circuit.last_error
    Circuit.objects.update(failures=3)
    page = read(client_of(alice).get(f"/organizations/{alice.public_id}/deliveries/"))
    assert f"({reason}): check" in page
    apns.answer = lambda push: Reply()
    again(device.endpoint.lane_id)
    pump()
    assert set(Delivery.objects.values_list("state", "tries")) == {("delivered", 1)}
    assert (Circuit.objects.get().failures, Circuit.objects.get().last_error) == (0, "")


@pytest.mark.parametrize(("status", "state"), [(400, "failed"), (403, "pending"), (410, "pending"), (418, "pending")])
def test_a_reason_that_is_new_is_judged_by_its_status(
    apns: FakeApns, device: Device, owe: Owe, pump: Run, status: int, state: str
) -> None:
    apns.answer = lambda push: Reply(status, "SomethingNew", timestamp=LATER)
    owe(device)
    pump()
    assert Delivery.objects.get().state == state
    assert "SomethingNew" in Attempt.objects.get().explanation
    assert Device.objects.exists()


def test_one_device_s_trouble_is_not_another_s(
    apns: FakeApns, device: Device, owe: Owe, pump: Run, alice: User
) -> None:
    other = devices.register(alice, "f" * 64, "Alice's iPad")[0]
    apns.answer = lambda push: Reply(429, "TooManyRequests") if push.device == TOKEN else Reply()
    for _ in range(8):
        owe(device)
    last = owe(other)
    pump()
    last.refresh_from_db()
    assert last.state == "delivered"
    assert not Lane.objects.get(pk=last.lane_id).circuit_open
