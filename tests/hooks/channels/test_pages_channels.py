"""The tab *Channels*: its text about each of the user's channels, and about devices."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from hooks import clock
from hooks.endpoints import devices
from hooks.models import Channel, Device, Endpoint, NotificationSetting
from notifications_project.accounts.models import Organization, User
from tests.hooks.channels.channel_pages import CHANNELS, DEVICE, SNOOZE, actions, owe, words
from tests.hooks.formats.hipchat_server import TOKEN
from tests.hooks.pages import ClientOf
from tests.pages import assert_strict, get, read

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(alice: User, client_of: ClientOf) -> Client:
    return client_of(alice)


def test_nothing_is_set_up_but_e_mail(client: Client, alice: User) -> None:
    page = words(get(client, CHANNELS))
    assert alice.email in page
    for action in ("How to register a device", "Set up HipChat", "Set up a webhook"):
        assert action in page
    assert page.count("Not set up") == 2, "iOS is not available: push is not configured here"
    assert devices.explain_no_push() in page


def test_it_shows_each_channel_with_its_secrets_masked(
    client: Client, room: Channel, webhook: Channel, alice: User
) -> None:
    devices.register(alice, DEVICE, "Alice's iPhone")
    html = get(client, CHANNELS)
    page = words(html)
    for shown in ("b0a7••••••", "Ops &amp; Dev/2", "Raw JSON" if "Raw JSON" in page else "Raw", "0123••••••", "whsec_"):
        assert shown in page, shown
    assert TOKEN not in html
    assert DEVICE not in html
    assert "secret@" not in html
    assert "t0p" not in html
    assert webhook.endpoint
    assert webhook.endpoint.secrets["signing"][0]["key"] not in html


def test_it_shows_the_last_deliveries_and_what_waits(
    client: Client, room: Channel, acme: Organization, webhook: Channel
) -> None:
    owe(room, acme)
    owe(webhook, acme, state="failed", outcome="404 Not Found", tries=1, due_at=None)
    html = get(client, CHANNELS)
    page = words(html)
    assert "Job run failed" in page
    assert "Failed after 1 attempt: 404 Not Found" in page
    assert "1 delivery" in page
    assert html.count("/account/notifications/deliveries/dlv_") == 2


def test_trouble_is_at_the_top_with_the_one_action_that_helps(client: Client, room: Channel) -> None:
    now = clock.now()
    Endpoint.objects.filter(channel=room).update(failing_since=now - timedelta(hours=3), last_answer="503 Away")
    assert "HipChat has been failing for 3 h. 503 Away. Nothing waits. Test now" in words(get(client, CHANNELS))
    Endpoint.objects.filter(channel=room).update(disabled_at=now, disabled_reason="It is gone.")
    page = words(get(client, CHANNELS))
    assert "HipChat was disabled. It is gone. Nothing waits. Test and re-enable" in page
    client.post(f"{CHANNELS}hipchat/enable/")
    assert Endpoint.objects.get(channel=room).disabled_at is None
    assert "channel.enabled" in actions(room.user)


def test_its_queries_do_not_grow_with_what_was_delivered(
    client: Client, room: Channel, acme: Organization, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for _ in range(8):
        owe(room, acme)
    with django_assert_max_num_queries(45):
        client.get(CHANNELS)


@pytest.mark.parametrize(
    "path",
    [CHANNELS, SNOOZE, *(f"{CHANNELS}{kind}/" for kind in ("hipchat", "webhook", "ios")), f"{CHANNELS}email/test/"],
)
def test_who_is_not_signed_in_is_sent_to_sign_in(db: None, path: str) -> None:
    answer = Client().get(path)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


def test_what_is_not_set_up_or_unknown_is_not_there(client: Client) -> None:
    for path in ("hipchat/test/", "hipchat/remove/", "webhook/secret/", "ios/test/", "pager/", "pager/test/"):
        assert client.get(f"{CHANNELS}{path}").status_code == 404, path
    assert client.get(f"{CHANNELS}email/").status_code == 302
    assert client.get(f"{CHANNELS}email/remove/").status_code == 404


# --- Devices ---------------------------------------------------------------------------------------------------
def test_a_device_is_renamed_and_removed(client: Client, alice: User) -> None:
    device, _ = devices.register(alice, DEVICE, "iPhone")
    page = f"{CHANNELS}devices/{device.public_id}/"
    get(client, f"{page}rename/")
    refused = client.post(f"{page}rename/", {"name": " "})
    assert refused.status_code == 422
    assert "Enter a name for the device." in assert_strict(refused)
    client.post(f"{page}rename/", {"name": "Work"})
    assert Device.objects.get().name == "Work"
    assert "It is your last device" in words(get(client, f"{page}remove/"))
    client.post(f"{page}remove/")
    assert not Device.objects.exists()
    assert actions(alice)[-2:] == ["device.renamed", "device.removed"]


def test_another_s_device_is_not_there(client: Client, dave: User) -> None:
    device, _ = devices.register(dave, DEVICE, "iPhone")
    for action in ("rename", "remove"):
        assert client.post(f"{CHANNELS}devices/{device.public_id}/{action}/", {"name": "Mine"}).status_code == 404


def test_ios_says_how_to_register_and_turns_the_cell_on_once_there_is_a_device(
    client: Client, alice: User, settings: LazySettings
) -> None:
    settings.PUSH_CONFIGURED = True
    page = f"{CHANNELS}ios/?type=job.fail"
    assert "/api/v1/me/devices/" in get(client, page)
    early = client.post(page, follow=True)
    assert "iOS is not set up." in read(early)
    devices.register(alice, DEVICE, "iPhone")
    assert "Turn on Job run failed: iOS" in words(get(client, page))
    assert client.post(page)["Location"].endswith("#job.fail-ios")
    assert NotificationSetting.objects.get(user=alice).channel == "ios"


def test_ios_is_not_turned_on_where_push_is_not_configured(client: Client, alice: User) -> None:
    devices.register(alice, DEVICE, "iPhone")
    page = f"{CHANNELS}ios/?type=job.fail"
    shown = words(get(client, page))
    assert devices.explain_no_push() in shown
    assert "Turn Job run failed" not in shown
    told = words(assert_strict(client.post(page)))
    assert f"Job run failed: iOS was not turned on. {devices.explain_no_push()}" in told
    assert "is on" not in told
    assert not NotificationSetting.objects.exists()
