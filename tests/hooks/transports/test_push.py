"""Pushes over real HTTP/2 to a fake of Apple: the token, the connection, every answer, and outages."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import LazySettings
from django.test import Client

from hooks import clock
from hooks.deliveries import test_sends
from hooks.endpoints import devices
from hooks.formats.apns import MOST
from hooks.models import Attempt, Circuit, Delivery, Device, Endpoint
from hooks.transports import apns as transport
from notifications_project.accounts.models import AuditEntry, User
from tests.hooks.conftest import free_port
from tests.hooks.fake_apns import KEY_ID, TEAM_ID, TOPIC, FakeApns, Push, Reply, new_key, pem
from tests.hooks.notifications import notification
from tests.hooks.pushing import TOKEN, again, hang_up, pushed

pytestmark = pytest.mark.django_db(transaction=True)
Owe = Callable[..., Delivery]
Run = Callable[[], None]


def always(reply: Reply) -> Callable[[Push], Reply]:
    return lambda push: reply


# --- What Apple gets -----------------------------------------------------------------------------------------
def test_a_push_is_as_apple_wants_it(apns: FakeApns, device: Device, owe: Owe, pump: Run) -> None:
    delivery = owe(device, "job.fail")
    pump()
    push = apns.pushes[0]
    assert push.device == TOKEN
    assert push.headers["apns-id"] == str(delivery.pk)
    assert push.headers["apns-topic"] == TOPIC
    assert (push.headers["apns-push-type"], push.headers["apns-priority"]) == ("alert", "10")
    assert 0 < int(push.headers["apns-expiration"]) - time.time() <= 24 * 3600
    assert push.payload["aps"]["interruption-level"] == "time-sensitive"
    assert push.payload["url"].endswith(f"/events/{delivery.event.public_id}/")
    delivery.refresh_from_db()
    assert (delivery.state, delivery.outcome) == ("delivered", "200 Accepted by Apple")
    assert Endpoint.objects.get(pk=device.endpoint_id).last_delivered_at is not None


def test_the_token_is_signed_as_apple_wants_it(apns: FakeApns) -> None:
    assert pushed().arrived
    token = apns.tokens.pop()
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "kid": KEY_ID, "typ": "JWT"}
    claims = jwt.decode(token, apns.public_key, algorithms=["ES256"])
    assert claims["iss"] == TEAM_ID
    assert abs(claims["iat"] - time.time()) < 5
    assert claims.keys() == {"iss", "iat"}


def test_what_is_recorded_shows_neither_the_device_s_token_nor_ours(
    apns: FakeApns, device: Device, owe: Owe, pump: Run
) -> None:
    owe(device)
    pump()
    attempt = Attempt.objects.get()
    recorded = json.dumps([attempt.request, attempt.response, attempt.explanation])
    assert TOKEN not in recorded
    assert TOKEN[:4] in attempt.request["url"]
    assert attempt.request["headers"]["authorization"] == "bearer ••••••"
    assert apns.tokens.pop() not in recorded
    assert attempt.request["headers"]["apns-id"]
    assert attempt.dialled == apns.address.removeprefix("https://")
    assert attempt.timings.keys() == {"connect", "tls"}


def test_nobody_reads_the_token_of_a_device_in_a_delivery(
    apns: FakeApns, device: Device, owe: Owe, pump: Run, alice: User, api: Any, client_of: Callable[[User], Client]
) -> None:
    delivery = owe(device)
    pump()
    page = client_of(alice).get(f"/organizations/{alice.public_id}/deliveries/{delivery.public_id}/")
    answer = api(alice).get(f"/api/v1/organizations/{alice.public_id}/deliveries/{delivery.public_id}/")
    listed = client_of(alice).get(f"/organizations/{alice.public_id}/deliveries/")
    for found in (page, answer, listed):
        assert found.status_code == 200
        assert TOKEN not in found.content.decode()
        assert TOKEN[:4] in found.content.decode()


def test_every_try_carries_the_same_id(apns: FakeApns, device: Device, owe: Owe, pump: Run) -> None:
    apns.answer = lambda push: Reply(503, "ServiceUnavailable")
    delivery = owe(device)
    pump()
    apns.answer = lambda push: Reply()
    again(delivery.lane_id)
    pump()
    assert [push.headers["apns-id"] for push in apns.pushes] == [str(delivery.pk)] * 2
    assert apns.pushes[0].body == apns.pushes[1].body
    assert Delivery.objects.get().state == "delivered"


def test_no_log_tells_a_token_at_whatever_level(apns: FakeApns, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert pushed().arrived
    assert TOKEN not in caplog.text
    assert apns.tokens.pop() not in caplog.text


# --- The connection ------------------------------------------------------------------------------------------
def push_at_once(count: int) -> list[Any]:
    """Send so many pushes, each on its own thread; return the answers."""
    answers: list[Any] = []
    barrier = threading.Barrier(count)

    def one() -> None:
        barrier.wait()
        answers.append(pushed(delivery=uuid.uuid4()))

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == count
    return answers


def test_many_pushes_of_many_threads_go_over_one_connection_with_one_token(apns: FakeApns) -> None:
    answers = [answer for _ in range(5) for answer in push_at_once(16)]
    assert {answer.code for answer in answers} == {"200"}
    assert len(apns.pushes) == 80
    assert len({push.headers["apns-id"] for push in apns.pushes}) == 80
    assert apns.connections == 1
    assert len(apns.tokens) == 1


def test_all_devices_of_all_users_share_the_connection(
    apns: FakeApns, alice: User, dave: User, owe: Owe, pump: Run
) -> None:
    for user in (alice, dave):
        for number in range(3):
            own = devices.register(user, f"{user.pk.hex}{number:032x}", f"Device {number}")[0]
            for _ in range(5):
                owe(own)
    pump()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    assert (len(apns.pushes), apns.connections) == (30, 1)


def test_a_goaway_in_mid_run_costs_no_try(apns: FakeApns, device: Device, owe: Owe, pump: Run) -> None:
    deliveries = {str(owe(device).pk) for _ in range(30)}
    apns.answer = lambda push: Reply(how="goaway") if len(apns.pushes) == 10 else Reply()
    pump()
    assert set(Delivery.objects.values_list("state", "tries")) == {("delivered", 1)}
    assert {push.headers["apns-id"] for push in apns.pushes} == deliveries
    assert apns.connections == 2


@pytest.mark.parametrize("how", ["goaway", "drop"])
def test_what_was_under_way_on_other_threads_is_sent_again_too(apns: FakeApns, how: str) -> None:
    assert pushed().arrived
    apns.answer = lambda push: Reply(how=how) if len(apns.pushes) == 5 else Reply()
    answers = push_at_once(12)
    assert {answer.code for answer in answers} == {"200"}
    assert apns.connections == 2


def test_a_connection_that_is_closed_without_an_answer_twice_is_a_try(
    apns: FakeApns, device: Device, owe: Owe, pump: Run
) -> None:
    """Apple may have delivered the push: a person must not get it without end."""
    apns.answer = lambda push: Reply(how="drop")
    owe(device)
    pump()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.tries) == ("pending", 1)
    assert len(apns.pushes) == 2
    assert not Circuit.objects.exists()


def test_what_was_sent_counts_as_a_try_also_if_no_new_connection_can_be_opened(apns: FakeApns) -> None:
    assert pushed().arrived

    def end(push: Push) -> Reply:
        apns.close()
        return Reply(how="drop")

    apns.answer = end
    answer = pushed()
    assert (answer.code, answer.transport_down) == ("connection", False)
    assert pushed().transport_down


def test_a_connection_that_was_idle_and_closed_is_opened_again(apns: FakeApns) -> None:
    assert pushed().arrived
    apns.hang_up()
    assert pushed().arrived
    assert apns.connections == 2


def test_apple_not_answering_ends_with_the_deadline_and_harms_no_other_push(
    apns: FakeApns, settings: LazySettings
) -> None:
    settings.DELIVERY_TIMEOUT = 1
    assert pushed().arrived
    apns.answer = lambda push: Reply(how="hang") if push.headers["apns-id"].endswith("1") else Reply()
    begun = time.monotonic()
    late: list[Any] = []
    waiting = threading.Thread(target=lambda: late.append(pushed(delivery=uuid.UUID(int=1))))
    waiting.start()
    while len(apns.pushes) < 2:
        assert time.monotonic() - begun < 5
        time.sleep(0.005)
    assert pushed(delivery=uuid.UUID(int=2)).duration_ms < 900
    waiting.join()
    assert (late[0].code, late[0].transport_down) == ("time-out", False)
    assert 900 <= late[0].duration_ms < 1_600
    assert apns.connections == 1
    assert pushed(delivery=uuid.UUID(int=2)).arrived
    assert apns.connections == 2, "the one that did not answer may be dead"


def test_an_answer_that_is_no_json_or_endless_is_an_answer(apns: FakeApns) -> None:
    for body in (b"<html>Bad gateway", b"[1]", b"x" * 200_000, b'{"reason": ["x"]}', b"\x00\xff"):
        apns.answer = always(Reply(502, body=body))
        answer = pushed()
        assert (answer.code, answer.meaning) == ("502", "retry")
        assert len(answer.response["body"]) <= 4096
        assert "\x00" not in answer.response["body"]


# --- Our token -----------------------------------------------------------------------------------------------
def test_a_token_that_apple_finds_too_old_is_renewed_at_once(apns: FakeApns, settings: LazySettings) -> None:
    ours = transport.get_provider().token
    ours.get_current()
    claims = {"iss": TEAM_ID, "iat": int(time.time()) - 4000}  # as after the machine was asleep
    ours._text = jwt.encode(claims, settings.APNS_KEY, "ES256", {"kid": KEY_ID})
    assert pushed().arrived
    assert apns.refused == ["ExpiredProviderToken"]
    assert len(apns.pushes) == 2
    assert pushed().arrived
    assert len(apns.tokens) == 2, "the new one stays"


def test_a_token_is_not_renewed_again_and_again(apns: FakeApns) -> None:
    apns.max_age = -120.0  # refuses even a new token, as with a wrong clock
    first, second = pushed(), pushed()
    assert first.transport_down
    assert second.transport_down
    assert "check the clock" in first.text
    assert len(apns.pushes) == 3, "two for the first, one for the second"


def test_a_token_is_reused_for_45_minutes_and_no_longer(apns: FakeApns, monkeypatch: pytest.MonkeyPatch) -> None:
    token, now = transport.get_provider().token, time.time()
    first = token.get_current()
    monkeypatch.setattr("hooks.transports.apns_token.time.time", lambda: now + 40 * 60)
    assert token.get_current() == first
    monkeypatch.setattr("hooks.transports.apns_token.time.time", lambda: now + 46 * 60)
    assert token.get_current() != first


def test_apple_takes_no_token_of_another_key(apns: FakeApns, settings: LazySettings) -> None:
    settings.APNS_KEY = pem(new_key())
    answer = pushed()
    assert (answer.code, answer.transport_down) == ("403", True)
    assert "InvalidProviderToken" in answer.text


@pytest.mark.parametrize("setting", ["APNS_KEY_ID", "APNS_TEAM_ID"])
def test_apple_takes_no_token_of_another_team_or_key_id(apns: FakeApns, settings: LazySettings, setting: str) -> None:
    setattr(settings, setting, "ZZZZZZZZZZ")
    assert "InvalidProviderToken" in pushed().text


# --- Apple is away, or not configured ------------------------------------------------------------------------
def test_apple_being_away_costs_no_tries(
    apns: FakeApns, device: Device, owe: Owe, pump: Run, settings: LazySettings
) -> None:
    settings.APNS_ADDRESS = f"https://127.0.0.1:{free_port()}"
    for _ in range(20):
        owe(device)
    pump()
    assert set(Delivery.objects.values_list("state", "tries")) == {("pending", 0)}
    assert Attempt.objects.count() == 1, "one attempt finds out; the rest waits"
    assert "cannot be reached" in Circuit.objects.get().last_error
    settings.APNS_ADDRESS = apns.address
    again(device.endpoint.lane_id)
    pump()
    assert len(apns.pushes) == 20
    assert Circuit.objects.get().failures == 0


def test_a_certificate_that_nobody_vouches_for_is_not_apple(apns: FakeApns, settings: LazySettings) -> None:
    settings.APNS_CA_FILE = ""
    answer = pushed()
    assert answer.transport_down
    assert "certificate" in answer.text.lower()
    assert apns.pushes == []


def test_a_connection_that_nobody_answers_ends_with_the_deadline(settings: LazySettings, apns: FakeApns) -> None:
    settings.DELIVERY_TIMEOUT = 1
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.APNS_ADDRESS = f"https://127.0.0.1:{silent.getsockname()[1]}"
        answer = pushed()
        hang_up()
    assert answer.transport_down
    assert answer.duration_ms < 1_600


def test_without_a_key_a_push_waits_and_says_for_what(
    apns: FakeApns, device: Device, owe: Owe, pump: Run, settings: LazySettings, alice: User, api: Any
) -> None:
    settings.PUSH_CONFIGURED = False
    delivery = owe(device)
    pump()
    assert apns.pushes == []
    answer = api(alice).get(f"/api/v1/organizations/{alice.public_id}/deliveries/{delivery.public_id}/").json()
    assert (answer["state"], answer["explanation"]) == ("pending", "Waits for a push key (APNS_KEY)")
    assert answer["next_try_at"] is None


def test_mail_being_away_does_not_hold_up_pushes(
    apns: FakeApns, device: Device, owe: Owe, pump: Run, settings: LazySettings
) -> None:
    Circuit.objects.create(pk="smtp", failures=5, not_before=clock.now() + timedelta(hours=1))
    owe(device)
    pump()
    assert Delivery.objects.get().state == "delivered"
    assert Circuit.objects.get(pk="smtp").failures == 5


# --- Tests ---------------------------------------------------------------------------------------------------
def test_a_test_goes_to_the_one_device_at_once(apns: FakeApns, device: Device, pump: Run, alice: User) -> None:
    devices.register(alice, "f" * 64, "Alice's iPad")
    delivery = test_sends.send_endpoint_test(device.endpoint, "stack.redeploy.ok", alice)
    pump()
    assert [push.device for push in apns.pushes] == [TOKEN]
    assert "This is a test" in apns.pushes[0].payload["aps"]["alert"]["body"]
    delivery.refresh_from_db()
    assert delivery.state == "delivered"
    assert delivery.organization_id == alice.pk
    assert delivery.event.is_test
    assert delivery.reasons == [{"rule": "test", "id": device.public_id, "name": device.name, "by": "Alice"}]
    assert AuditEntry.objects.get(action="device.tested").target == device.name


def test_a_device_that_was_removed_or_an_unknown_type_cannot_be_tested(device: Device, alice: User) -> None:
    with pytest.raises(test_sends.CannotTest, match="Unknown event type"):
        test_sends.send_endpoint_test(device.endpoint, "nothing.known", alice)
    endpoint = device.endpoint
    devices.remove(device)
    endpoint.refresh_from_db()
    with pytest.raises(test_sends.CannotTest, match="removed"):
        test_sends.send_endpoint_test(endpoint, "job.fail", alice)
    assert Delivery.objects.count() == 0


def test_no_payload_is_longer_than_apple_takes(apns: FakeApns) -> None:
    assert transport.push(
        notification("job.fail", {"reason": '"😀' * 50_000, "job": "\\" * 9000}, address=TOKEN, format="apns")
    ).arrived
    assert len(apns.pushes[0].body) <= MOST
