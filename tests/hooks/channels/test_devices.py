"""Devices by API: registering, listing, renaming, removing; and the deliveries that wait for them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection

from events import intake
from hooks.deliveries.resending import CannotRedeliver, redeliver
from hooks.endpoints import devices
from hooks.models import Channel, Delivery, Device, Endpoint, NotificationSetting
from hooks.routing import router
from notifications_project.accounts.models import AuditEntry, Organization, User
from tests.hooks.pushing import TOKEN
from tests.hooks.races import Meanwhile

pytestmark = pytest.mark.django_db
Api = Callable[..., Any]
Owe = Callable[..., Delivery]
DEVICES = "/api/v1/me/devices/"
IPHONE = {"token": TOKEN, "name": "Alice's iPhone"}


@pytest.fixture(autouse=True)
def push(settings: LazySettings) -> LazySettings:
    settings.PUSH_CONFIGURED = True
    return settings


def actions(user: User) -> list[tuple[str, str, str]]:
    found = AuditEntry.objects.filter(organization_id=user.pk, action__startswith="device.").order_by("pk")
    return [(entry.actor_name, entry.action, entry.target) for entry in found]


# --- Registering ---------------------------------------------------------------------------------------------
def test_an_app_registers_its_device(alice: User, api: Api) -> None:
    answer = api(alice).post(DEVICES, IPHONE)
    assert answer.status_code == 201
    registered = Device.objects.get()
    assert answer.json() == {
        "id": f"dev_{registered.pk}",
        "name": "Alice's iPhone",
        "token": "0123••••••",
        "registered_at": registered.registered_at.isoformat().replace("+00:00", "Z"),
        "last_delivered_at": None,
        "last_attempt_at": None,
        "last_answer": "",
        "explanation": "",
    }
    endpoint = registered.endpoint
    assert (endpoint.organization_id, endpoint.kind, endpoint.format) == (alice.pk, "device", "apns")
    assert (endpoint.whole_address, endpoint.address) == (TOKEN, "0123••••••")
    assert (endpoint.lane.transport, endpoint.lane.organization_id) == ("apns", alice.pk)
    assert Channel.objects.get(user=alice).kind == "ios"
    assert actions(alice) == [("Alice", "device.registered", "Alice's iPhone")]


def test_all_devices_of_a_user_share_a_lane_and_a_channel(alice: User, api: Api) -> None:
    for number in range(3):
        assert api(alice).post(DEVICES, {"token": f"{number:064x}", "name": "iPad"}).status_code == 201
    assert Endpoint.objects.filter(kind="device").values("lane").distinct().count() == 1
    assert Channel.objects.count() == 1


def test_registering_again_changes_only_the_time_and_the_name(alice: User, api: Api) -> None:
    first = api(alice).post(DEVICES, IPHONE).json()
    Device.objects.update(registered_at=Device.objects.get().registered_at - timedelta(days=1))
    Endpoint.objects.filter(kind="device").update(options={})
    again = api(alice).post(DEVICES, {"token": TOKEN.upper(), "name": "Work"})
    assert again.status_code == 200
    assert again.json()["id"] == first["id"]
    assert again.json()["name"] == "Work"
    registered = Device.objects.get()
    assert again.json()["registered_at"] > first["registered_at"]
    assert registered.endpoint.options == {"registered_at": int(registered.registered_at.timestamp() * 1000)}
    assert actions(alice)[1:] == [("Alice", "device.renamed", "Alice's iPhone")]


def test_a_token_belongs_to_whoever_registered_it_last(
    alice: User, dave: User, api: Api, device: Device, owe: Owe
) -> None:
    waiting = owe(device)
    assert api(dave).post(DEVICES, IPHONE).status_code == 201
    mine = Device.objects.get()
    assert mine.user == dave
    assert api(alice).get(DEVICES).json()["results"] == []
    waiting.refresh_from_db()
    assert (waiting.state, waiting.outcome) == ("cancelled", "It was registered by another user")
    assert actions(alice)[-1] == ("system", "device.removed", "Alice's iPhone")
    assert actions(dave) == [("Dave", "device.registered", "Alice's iPhone")]
    assert "dave" not in str(AuditEntry.objects.filter(organization_id=alice.pk).values_list("detail")).lower()


def test_a_device_that_was_removed_registers_as_new_with_its_history(
    alice: User, api: Api, device: Device, owe: Owe
) -> None:
    before = owe(device)
    devices.remove(device)
    assert api(alice).post(DEVICES, IPHONE).status_code == 201
    endpoint = Device.objects.get().endpoint
    assert (endpoint.pk, endpoint.deleted_at) == (before.endpoint_id, None)
    assert Delivery.objects.get().state == "cancelled"


def test_a_user_has_twenty_devices_at_most(alice: User, dave: User, api: Api) -> None:
    for number in range(devices.MOST):
        devices.register(alice, f"{number:064x}", "iPad")
    refused = api(alice).post(DEVICES, IPHONE)
    assert refused.status_code == 422
    assert refused.json() == {
        "errors": [{"field": "token", "message": "You already have 20 devices: remove one first."}]
    }
    assert api(alice).post(DEVICES, {"token": f"{1:064x}", "name": "Known"}).status_code == 200
    assert api(dave).post(DEVICES, IPHONE).status_code == 201


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"name": "iPhone"}, "token"),
        ({"token": TOKEN}, "name"),
        ({"token": "f" * 63, "name": "iPhone"}, "token"),
        ({"token": "f" * 201, "name": "iPhone"}, "token"),
        ({"token": "g" * 64, "name": "iPhone"}, "token"),
        ({"token": "../" * 30, "name": "iPhone"}, "token"),
        ({"token": "٣" * 64, "name": "iPhone"}, "token"),
        ({"token": f"{TOKEN}\n{TOKEN}", "name": "iPhone"}, "token"),
        ({"token": 7, "name": "iPhone"}, "token"),
        ({"token": TOKEN, "name": "  "}, "name"),
        ({"token": TOKEN, "name": "n" * 101}, "name"),
        ({"token": TOKEN, "name": "a\nb"}, "name"),
        ({"token": TOKEN, "name": None}, "name"),
        ({"token": TOKEN, "name": "iPhone", "user": "user_1"}, "user"),
    ],
)
def test_bad_input_is_told_by_field(alice: User, api: Api, sent: dict[str, Any], field: str) -> None:
    answer = api(alice).post(DEVICES, sent)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not Device.objects.exists()


@pytest.mark.parametrize("length", [64, 100, 160, 200])
def test_a_token_may_have_any_length_that_apple_uses(alice: User, api: Api, length: int) -> None:
    assert api(alice).post(DEVICES, {"token": "a" * length, "name": "iPhone"}).status_code == 201


def test_without_a_key_a_device_registers_and_is_told_that_nothing_is_pushed(
    alice: User, api: Api, push: LazySettings
) -> None:
    push.PUSH_CONFIGURED = False
    answer = api(alice).post(DEVICES, IPHONE)
    assert answer.status_code == 201
    assert answer.json()["explanation"] == devices.explain_no_push()


# --- Listing, renaming, removing -----------------------------------------------------------------------------
def test_devices_are_listed_by_name_and_only_one_s_own(alice: User, dave: User, api: Api) -> None:
    assert api(alice).get(DEVICES).json() == {"results": [], "next": None}
    for number, name in enumerate(["iPhone", "iPad"]):
        devices.register(alice, f"{number:064x}", name)
    devices.register(dave, TOKEN, "Dave's iPhone")
    found = api(alice).get(DEVICES).json()
    assert [each["name"] for each in found["results"]] == ["iPad", "iPhone"]
    assert api(alice).get(f"{DEVICES}{found['results'][0]['id']}").json() == found["results"][0]


def test_a_device_is_renamed(alice: User, api: Api, device: Device) -> None:
    answer = api(alice).patch(f"{DEVICES}{device.public_id}/", {"name": " Work "})
    assert (answer.status_code, answer.json()["name"]) == (200, "Work")
    assert actions(alice)[-1] == ("Alice", "device.renamed", "Alice's iPhone")
    assert api(alice).patch(f"{DEVICES}{device.public_id}/", {"name": ""}).status_code == 422
    assert api(alice).patch(f"{DEVICES}{device.public_id}/", {"token": "f" * 64}).status_code == 422
    assert api(alice).patch(f"{DEVICES}{device.public_id}/", {}).json()["name"] == "Work"


def test_removing_a_device_cancels_what_waits_and_keeps_the_channel(
    alice: User, api: Api, device: Device, owe: Owe
) -> None:
    waiting, held = owe(device), owe(device)
    Delivery.objects.filter(pk=held.pk).update(due_at=None)
    other = owe(devices.register(alice, "f" * 64, "iPad")[0])
    assert api(alice).delete(f"{DEVICES}{device.public_id}/").status_code == 204
    assert [each.name for each in Device.objects.all()] == ["iPad"]
    assert Endpoint.objects.get(pk=device.endpoint_id).deleted_at is not None
    for delivery in (waiting, held):
        delivery.refresh_from_db()
        assert (delivery.state, delivery.due_at) == ("cancelled", None)
    other.refresh_from_db()
    assert other.state == "pending"
    assert Channel.objects.filter(user=alice, kind="ios").exists()
    assert actions(alice)[-1] == ("Alice", "device.removed", "Alice's iPhone")
    assert api(alice).delete(f"{DEVICES}{device.public_id}/").status_code == 404


def test_removing_twice_at_once_is_told_once(alice: User, device: Device) -> None:
    same = Device.objects.get()
    devices.remove(device)
    devices.remove(same)
    devices.forget(device.endpoint, "gone")
    assert len(actions(alice)) == 2


def test_nothing_is_sent_again_to_a_device_that_was_removed(alice: User, device: Device, owe: Owe) -> None:
    delivery = owe(device)
    devices.remove(device)
    with pytest.raises(CannotRedeliver, match="The device was removed"):
        redeliver(delivery, alice)


# --- Who may -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_another_s_device_is_not_there(dave: User, api: Api, device: Device, method: str) -> None:
    assert getattr(api(dave), method)(f"{DEVICES}{device.public_id}/", {}).status_code == 404
    assert Device.objects.exists()


@pytest.mark.parametrize("path", [DEVICES, f"{DEVICES}dev_3c2b8a52-4e1f-4f0b-9d3e-2a7f5f6b7c81/"])
def test_without_a_token_nothing_opens(client: Any, path: str) -> None:
    assert client.get(path).status_code == 401


def test_a_token_of_one_organization_does_not_open_devices(alice: User, acme: Organization, api: Api) -> None:
    refused = api(alice, acme).post(DEVICES, IPHONE)
    assert refused.status_code == 403
    assert "one organization only" in refused.json()["errors"][0]["message"]
    assert api(alice, Organization.objects.get(pk=alice.pk)).post(DEVICES, IPHONE).status_code == 201


# --- At the same time ----------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["removed", "registered by another"])
def test_what_is_owed_to_a_device_while_it_goes_is_cancelled(
    alice: User, dave: User, acme: Organization, device: Device, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    NotificationSetting.objects.create(user=alice, event_type="git.push", channel="ios", enabled=True)
    intake.record(acme, [intake.NewEvent(type="git.push")])
    meanwhile = Meanwhile(monkeypatch)
    meanwhile(
        router,
        "_store",
        (lambda: devices.remove(device)) if way == "removed" else lambda: devices.register(dave, TOKEN, "iPhone"),
    )
    while router.route():
        pass
    meanwhile.end()
    delivery = Delivery.objects.get(endpoint=device.endpoint_id)
    assert delivery.state == "cancelled"
    assert not Device.objects.filter(user=alice).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("users", [1, 2])
def test_a_token_that_is_registered_many_times_at_once_is_one_device(alice: User, dave: User, users: int) -> None:
    problems: list[Exception] = []
    barrier = threading.Barrier(6)

    def register(user: User) -> None:
        barrier.wait()
        try:
            devices.register(user, TOKEN, "iPhone")
        except Exception as error:
            problems.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=register, args=[[alice, dave][number % users]]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert Device.objects.count() == 1
    assert Endpoint.objects.filter(kind="device", deleted_at__isnull=True).count() == 1
