"""The buttons of a channel: test, verify, preview, a new secret, remove."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from hooks import clock
from hooks.channels import services
from hooks.endpoints import devices
from hooks.messages import Notification
from hooks.models import Channel, Delivery, Endpoint, NotificationSetting
from hooks.preferences import notification_settings
from hooks.preferences.notification_settings import Choice
from hooks.preview import preview
from hooks.transports.http import make_headers
from notifications_project import ids
from notifications_project.accounts.models import Organization, User
from tests.conftest import Receiver
from tests.hooks.channels.channel_pages import CHANNELS, DEVICE, HTMX, ROOM_FIELDS, URL, actions, owe, words
from tests.hooks.formats.hipchat_server import OPTIONS, ROOM, TOKEN, HipChatServer
from tests.hooks.pages import ClientOf
from tests.hooks.people import application
from tests.pages import assert_strict, get, read

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(alice: User, client_of: ClientOf) -> Client:
    return client_of(alice)


@pytest.mark.django_db(transaction=True)
def test_a_test_says_what_was_sent_and_what_came_back(
    client: Client, alice: User, receiver: Receiver, pump: Callable[[], None]
) -> None:
    services.set_up(alice, "webhook", url=receiver.url, options={})
    answer = client.post(f"{CHANNELS}webhook/test/", {"event_type": "server.stopped"})
    pump()
    page = words(get(client, answer["Location"]))
    assert "Delivered" in page
    assert "server.stopped" in page
    assert receiver.requests[0].headers["webhook-id"] == Delivery.objects.get(event__is_test=True).public_id
    assert "channel.tested" in actions(alice)


@pytest.mark.django_db(transaction=True)
def test_a_test_that_succeeds_puts_a_stopped_channel_to_work_again(
    client: Client, alice: User, acme: Organization, receiver: Receiver, pump: Callable[[], None]
) -> None:
    channel, _ = services.set_up(alice, "webhook", url=receiver.url, options={})
    owe(channel, acme, due_at=None)
    Endpoint.objects.filter(channel=channel).update(disabled_at=clock.now(), disabled_reason="It is gone.")
    answer = client.post(f"{CHANNELS}webhook/test/")
    assert "If the test succeeds, it is enabled again." in words(get(client, answer["Location"]))
    pump()
    assert "is enabled again. What waited is sent now." in words(get(client, answer["Location"]))
    assert len(receiver.requests) == 2


def test_e_mail_is_tested_to_the_user_alone(client: Client, alice: User) -> None:
    client.post(f"{CHANNELS}email/test/")
    delivery = Delivery.objects.get()
    assert (delivery.endpoint.address, delivery.organization_id) == (alice.email, alice.pk)


def test_one_of_several_devices_is_tested(client: Client, alice: User) -> None:
    devices.register(alice, DEVICE, "iPad")
    second, _ = devices.register(alice, "f" * 64, "iPhone")
    assert "iPad" in get(client, f"{CHANNELS}ios/test/")
    answer = client.post(f"{CHANNELS}ios/test/", {"device": second.public_id})
    assert Delivery.objects.get().endpoint_id == second.endpoint_id
    assert "waits for a push key (APNS_KEY)" in words(get(client, answer["Location"]))
    assert "Choose one of your devices." in words(read(client.post(f"{CHANNELS}ios/test/", {"device": "x"})))


def test_an_unknown_type_is_not_tested(client: Client, room: Channel) -> None:
    page = read(client.post(f"{CHANNELS}hipchat/test/", {"event_type": "no.such"}))
    assert "Unknown event type: no.such." in page
    assert not Delivery.objects.exists()


def test_only_a_test_of_the_channel_is_shown_as_its_result(client: Client, room: Channel, acme: Organization) -> None:
    other = owe(room, acme)
    for wanted in (other.public_id, "dlv_1", ids.encode("dlv", ids.uuid7())):
        assert client.get(f"{CHANNELS}hipchat/test/?delivery={wanted}").status_code == 404


def test_a_token_is_verified_in_the_form_and_on_the_tab(client: Client, hipchat: HipChatServer, alice: User) -> None:
    fields = {**ROOM_FIELDS, "url": hipchat.url, "form": "1"}
    shown = read(client.post(f"{CHANNELS}hipchat/verify/", fields, headers=HTMX))
    assert "The server accepts this token. Nothing was posted." in shown
    whole = assert_strict(client.post(f"{CHANNELS}hipchat/verify/", fields))
    assert "The server accepts this token." in whole
    assert ROOM.replace("&", "&amp;") in whole, "what was typed stands there still"
    assert not Channel.objects.exists()
    assert client.post(f"{CHANNELS}hipchat/verify/").status_code == 404
    services.set_up(alice, "hipchat", url=hipchat.url, options=OPTIONS)
    answer = client.post(f"{CHANNELS}hipchat/verify/", follow=True)
    assert "The server accepts this token." in read(answer)
    assert "channel.token_verified" in actions(alice)
    assert hipchat.posted == []


def test_the_preview_shows_what_would_be_sent_and_sends_nothing(client: Client, hipchat: HipChatServer) -> None:
    fields = {**ROOM_FIELDS, "url": hipchat.url, "event_type": "job.fail"}
    shown = read(client.post(f"{CHANNELS}hipchat/preview/", fields, headers=HTMX))
    assert "/v1/rooms/message" in shown
    assert TOKEN not in shown
    assert_strict(client.post(f"{CHANNELS}hipchat/preview/", fields))
    assert client.get(f"{CHANNELS}hipchat/preview/").status_code == 302
    assert hipchat.requests == []


def test_the_preview_of_a_webhook_is_signed_with_its_secret(
    client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[tuple[str, ...]] = []

    def noted(about: Notification, *args: Any, **kwargs: Any) -> dict[str, str]:
        used.append(about.signing_keys)
        return make_headers(about, *args, **kwargs)

    monkeypatch.setattr(preview, "make_headers", noted)
    fields = {"url": URL, "format": "raw", "event_type": "job.fail"}
    new = words(assert_strict(client.post(f"{CHANNELS}webhook/preview/", fields)))
    assert "The secret is made when the channel is set up" in new
    _, secret = services.set_up(alice, "webhook", url=URL, options={})
    html = assert_strict(client.post(f"{CHANNELS}webhook/preview/", fields))
    assert "webhook-signature: v1," in html
    assert "the secret is made" not in html
    assert secret not in html
    assert used[0] != (secret,)
    assert used[1] == (secret,)


def test_a_new_secret_is_shown_once(client: Client, webhook: Channel, room: Channel) -> None:
    before = Endpoint.objects.get(channel=webhook).secrets["signing"][0]["key"]
    answer = client.post(f"{CHANNELS}webhook/rotate-secret/")
    html = get(client, answer["Location"])
    keys = [each["key"] for each in Endpoint.objects.get(channel=webhook).secrets["signing"]]
    assert keys[1] == before
    assert keys[0] in html
    assert keys[0] not in get(client, answer["Location"])
    assert client.get(f"{CHANNELS}hipchat/secret/").status_code == 404
    refused = client.post(f"{CHANNELS}hipchat/rotate-secret/", follow=True)
    assert "What it sends is not signed." in read(refused)


def test_a_removed_channel_asks_first_and_says_what_goes_quiet(
    client: Client, room: Channel, acme: Organization, alice: User
) -> None:
    notification_settings.choose(alice, [Choice("process.down", "hipchat", True)])
    waiting = owe(room, acme)
    page = words(get(client, f"{CHANNELS}hipchat/remove/"))
    assert "You are no longer told by HipChat about: Process is down" in page
    assert "1 waiting delivery is cancelled." in page
    assert Channel.objects.exists()
    client.post(f"{CHANNELS}hipchat/remove/")
    assert not Channel.objects.filter(kind="hipchat").exists()
    waiting.refresh_from_db()
    assert (waiting.state, waiting.outcome) == ("cancelled", "The channel was removed")
    assert actions(alice)[-1] == "channel.removed"


def test_what_goes_quiet_is_said_with_its_scope_and_only_where_one_is_a_member(
    client: Client, room: Channel, acme: Organization, alice: User, olga: User
) -> None:
    other = Organization.objects.get(name="Other")
    shop = application(acme, "shop")
    strange = application(other, "strange")
    for event_type, scope in (
        ("job.fail", {}),
        ("job.fail", {"organization": acme}),
        ("git.push", {"resource": shop}),
        ("git.push", {"resource": strange}),
        ("server.stopped", {"organization": other}),
    ):
        NotificationSetting.objects.create(user=alice, event_type=event_type, channel="hipchat", enabled=True, **scope)
    html = get(client, f"{CHANNELS}hipchat/remove/")
    listed = re.findall(r"<li>([^<]*)</li>", html.partition("You are no longer told")[2].partition("</ul>")[0])
    assert listed == ["Git push for shop", "Job run failed", "Job run failed for Acme"]
    assert "strange" not in html


def test_what_is_forgotten_with_a_channel_is_said(client: Client, room: Channel, webhook: Channel) -> None:
    page = words(get(client, f"{CHANNELS}hipchat/remove/"))
    assert "The token and the room are deleted" in page
    assert "cannot be undone" not in page
    page = words(get(client, f"{CHANNELS}webhook/remove/"))
    assert "The URL and the secret are deleted" in page


@pytest.mark.parametrize("path", ["enable/", "rotate-secret/", "verify/", "deliveries/redeliver/"])
def test_returning_to_a_button_by_get_does_nothing(client: Client, webhook: Channel, path: str) -> None:
    before = actions(webhook.user)
    assert client.get(f"{CHANNELS}webhook/{path}").status_code == 302
    assert actions(webhook.user) == before
