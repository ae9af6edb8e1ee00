"""The caller's own channels by API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from pytest_httpserver import HTTPServer

from hooks import clock
from hooks.channels import services
from hooks.endpoints import devices
from hooks.models import Channel, Delivery, Endpoint
from hooks.queue import pending
from notifications_project.accounts.models import AuditEntry, Organization, User
from tests.conftest import Api, Receiver
from tests.hooks.formats.hipchat_server import OPTIONS, ROOM, TOKEN, HipChatServer

pytestmark = pytest.mark.django_db
Client = Callable[..., Api]
CHANNELS = "/api/v1/me/channels/"


def of(kind: str, action: str = "") -> str:
    return f"{CHANNELS}{kind}/{f'{action}/' if action else ''}"


@pytest.fixture
def server(httpserver: HTTPServer) -> HipChatServer:
    return HipChatServer(httpserver)


def test_every_kind_is_listed_set_up_or_not(alice: User, api: Client) -> None:
    listed = {each["kind"]: each for each in api(alice).get(CHANNELS).json()["results"]}
    assert {kind: each["set_up"] for kind, each in listed.items()} == {
        "email": True, "ios": False, "hipchat": False, "webhook": False
    }  # fmt: skip
    assert listed["email"]["address"] == alice.email
    assert "APNS_KEY" in listed["ios"]["explanation"]
    assert listed["webhook"]["url"] == ""


def test_a_webhook_is_set_up_and_its_secret_shown_once(alice: User, api: Client, receiver: Receiver) -> None:
    made = api(alice).put(of("webhook"), {"url": receiver.url})
    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    assert (made.json()["format"], made.json()["set_up"], made.json()["state"]) == ("raw", True, "unused")
    again = api(alice).put(of("webhook"), made.json() | {"url": f"{receiver.url}/new"} | _without_secret(made.json()))
    assert again.status_code == 422, "the secret is not to be sent back"
    read = api(alice).get(of("webhook")).json()
    assert "secret" not in read
    assert api(alice).put(of("webhook"), read).status_code == 200
    assert api(alice).patch(of("webhook"), {"url": f"{receiver.url}/new"}).json()["url"] == f"{receiver.url}/new"
    assert Endpoint.objects.filter(channel__isnull=False).count() == 1
    assert AuditEntry.objects.filter(action="channel.set_up", organization_id=alice.pk).exists()


def test_another_format_begins_without_the_options_of_the_former(alice: User, api: Client) -> None:
    leads = {"url": "https://discord.com/api/webhooks/1/token", "format": "discord", "options": {"thread_name": "Ops"}}
    assert api(alice).put(of("webhook"), leads).json()["options"]["thread_name"] == "Ops"
    moved = api(alice).patch(of("webhook"), {"format": "raw"})
    assert moved.status_code == 200
    assert moved.json()["format"] == "raw"
    assert "thread_name" not in moved.json()["options"]


def _without_secret(document: dict[str, Any]) -> dict[str, Any]:
    return {"secret": document["secret"]}


def test_hipchat_is_set_up_with_a_token_that_is_not_shown(alice: User, api: Client, server: HipChatServer) -> None:
    made = api(alice).put(of("hipchat"), {"url": server.url, "options": OPTIONS})
    assert made.status_code == 201
    assert "secret" not in made.json()
    assert made.json()["options"]["room"] == ROOM
    assert TOKEN not in made.text
    moved = api(alice).patch(of("hipchat"), {"options": made.json()["options"] | {"room": "Else"}}).json()
    assert moved["options"]["room"] == "Else"
    assert api(alice).post(of("hipchat", "verify")).json() == {
        "verified": True, "explanation": "The server accepts this token. Nothing was posted."
    }  # fmt: skip
    assert AuditEntry.objects.filter(action="channel.token_verified", organization_id=alice.pk).exists()


def test_hipchat_has_a_server_of_its_own_if_no_url_is_given(alice: User, api: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr("hooks.channels.services.read_url", lambda url: (url, {}))  # no name is looked up
    assert api(alice).put(of("hipchat"), {"options": OPTIONS}).json()["url"] == "https://api.hipchat.com"


@pytest.mark.parametrize(
    ("kind", "sent", "field"),
    [
        ("webhook", {"url": "ftp://127.0.0.1/"}, "url"),
        ("webhook", {}, "url"),
        ("webhook", {"url": "http://127.0.0.1:9/", "format": "morse"}, "format"),
        ("webhook", {"url": "http://127.0.0.1:9/", "options": {"colour": "red"}}, "options.colour"),
        ("webhook", {"url": 7}, "url"),
        ("webhook", {"url": "http://127.0.0.1:9/", "events": []}, "events"),
        ("hipchat", {"url": "http://127.0.0.1:9/", "options": {"room": "1"}}, "options.token"),
        ("hipchat", {"url": "http://127.0.0.1:9/", "format": "raw"}, "format"),
        ("email", {"url": "http://127.0.0.1:9/"}, "url"),
    ],
)
def test_what_is_wrong_is_named(kind: str, sent: dict[str, Any], field: str, alice: User, api: Client) -> None:
    answer = api(alice).put(of(kind), sent)
    assert answer.status_code == 422
    assert field in {each["field"] for each in answer.json()["errors"]}
    assert not Channel.objects.exists()


@pytest.mark.parametrize("kind", ["hipchat", "webhook", "pigeon"])
def test_what_is_not_set_up_is_not_there(kind: str, alice: User, api: Client) -> None:
    client = api(alice)
    assert client.get(of(kind)).status_code == 404
    assert client.patch(of(kind), {"snoozed_until": None}).status_code == 404
    assert client.delete(of(kind)).status_code == 404
    for action in ("test", "verify", "rotate-secret", "enable"):
        assert client.post(of(kind, action)).status_code == 404


def test_a_channel_is_removed(alice: User, api: Client, receiver: Receiver) -> None:
    services.set_up(alice, "webhook", url=receiver.url, options={})
    assert api(alice).delete(of("webhook")).status_code == 204
    assert api(alice).get(of("webhook")).status_code == 404
    assert api(alice).delete(of("email")).status_code == 422


# --- Quiet times ---------------------------------------------------------------------------------------------
def test_a_channel_is_snoozed_and_wakes(alice: User, api: Client) -> None:
    until = (clock.now() + timedelta(hours=1)).replace(microsecond=0)
    snoozed = api(alice).patch(of("email"), {"snoozed_until": until.isoformat()}).json()
    assert snoozed["snoozed_until"] == snoozed["quiet_until"] == until.isoformat().replace("+00:00", "Z")
    assert snoozed["state"] == "quiet"
    assert AuditEntry.objects.get(action="channel.snoozed").actor == alice
    assert api(alice).patch(of("email"), {"snoozed_until": None}).json()["quiet_until"] is None


def test_quiet_hours_are_set_and_ended(alice: User, api: Client) -> None:
    hours = {"from": "22:00", "until": "07:00"}
    assert api(alice).patch(of("email"), {"quiet_hours": hours}).json()["quiet_hours"] == hours
    read = api(alice).get(of("email")).json()
    assert api(alice).put(of("email"), read).json()["quiet_hours"] == hours  # what was read can be put back
    assert api(alice).patch(of("email"), {"quiet_hours": None}).json()["quiet_hours"] is None


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"snoozed_until": "tomorrow"}, "snoozed_until"),
        ({"snoozed_until": "2999-01-01T00:00:00"}, "snoozed_until"),
        ({"snoozed_until": "2020-01-01T00:00:00Z"}, "snoozed_until"),
        ({"snoozed_until": 7}, "snoozed_until"),
        ({"quiet_hours": {"from": "22:00"}}, "quiet_hours.until"),
        ({"quiet_hours": {"from": "22:00", "until": "24:00"}}, "quiet_hours.until"),
        ({"quiet_hours": {"from": "22:00", "until": "22:00"}}, "quiet_hours.until"),
        ({"quiet_hours": "always"}, "quiet_hours"),
        ({"snoozed": True}, "snoozed"),
    ],
)
def test_a_quiet_time_that_cannot_be_is_refused(sent: dict[str, Any], field: str, alice: User, api: Client) -> None:
    answer = api(alice).patch(of("email"), sent)
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["errors"]] == [field]


# --- What is done with it ------------------------------------------------------------------------------------
def test_a_test_is_sent_to_the_channel_that_is_tested(alice: User, api: Client, receiver: Receiver) -> None:
    services.set_up(alice, "webhook", url=receiver.url, options={})
    answer = api(alice).post(of("webhook", "test"), {"event_type": "job.fail"})
    assert answer.status_code == 202
    delivery = Delivery.objects.get()
    assert answer.json() == {"delivery": delivery.public_id}
    assert (delivery.organization_id, delivery.event.type, delivery.event.is_test) == (alice.pk, "job.fail", True)
    assert api(alice).post(of("email", "test")).status_code == 202
    assert Delivery.objects.filter(endpoint__address=alice.email).exists()


@pytest.mark.parametrize("event_type", ["no.such", "account.digest"])
def test_only_what_is_offered_is_tested(event_type: str, alice: User, api: Client) -> None:
    answer = api(alice).post(of("email", "test"), {"event_type": event_type})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "event_type"


def test_one_device_of_several_is_tested(alice: User, api: Client, settings: Any) -> None:
    settings.PUSH_CONFIGURED = True
    assert api(alice).post(of("ios", "test")).json()["errors"][0]["field"] == "device"
    mine = [devices.register(alice, f"{number:064x}", f"Device {number}")[0] for number in range(2)]
    assert api(alice).get(of("ios")).json()["devices"] == [each.public_id for each in mine]
    assert api(alice).post(of("ios", "test"), {"device": mine[1].public_id}).status_code == 202
    assert Delivery.objects.get().endpoint_id == mine[1].endpoint_id
    assert api(alice).post(of("ios", "test"), {"device": "dev_x"}).status_code == 422


def test_what_is_not_signed_has_no_secret_and_what_has_no_token_is_not_verified(
    alice: User, api: Client, receiver: Receiver, server: HipChatServer
) -> None:
    services.set_up(alice, "webhook", url=receiver.url, options={})
    services.set_up(alice, "hipchat", url=server.url, options=OPTIONS)
    assert api(alice).post(of("webhook", "rotate-secret")).json()["secret"].startswith("whsec_")
    assert api(alice).post(of("hipchat", "rotate-secret")).status_code == 422
    assert api(alice).post(of("webhook", "verify")).status_code == 422


def test_a_channel_that_was_stopped_is_put_to_work_again(alice: User, api: Client, receiver: Receiver) -> None:
    made, _ = services.set_up(alice, "webhook", url=receiver.url, options={})
    with transaction.atomic():
        pending.disable(Endpoint.objects.get(channel=made), "Too long dead")
    read = api(alice).get(of("webhook")).json()
    assert (read["state"], read["health"]["disabled_reason"]) == ("endpoint_disabled", "Too long dead")
    assert api(alice).post(of("webhook", "enable")).json()["health"]["disabled_at"] is None


def test_everybody_has_their_own(alice: User, dave: User, api: Client, receiver: Receiver) -> None:
    services.set_up(alice, "webhook", url=receiver.url, options={})
    assert api(dave).get(of("webhook")).status_code == 404
    assert receiver.url not in api(dave).get(CHANNELS).text


def test_a_token_that_opens_one_organization_does_not_open_them(alice: User, acme: Organization, api: Client) -> None:
    client = api(alice, acme)
    assert client.get(CHANNELS).status_code == 403
    assert client.put(of("webhook"), {"url": "http://127.0.0.1:9/"}).status_code == 403
    assert client.post(of("email", "test")).status_code == 403
    assert not Channel.objects.exists()
    assert api(alice, Organization.objects.get(pk=alice.pk)).get(CHANNELS).status_code == 200
