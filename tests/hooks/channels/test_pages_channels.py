"""The tab *Channels*: its text about each of the user's channels, and its buttons."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import LazySettings
from django.test import Client
from pytest_httpserver import HTTPServer

from events import intake
from hooks import clock
from hooks.channels import services
from hooks.endpoints import devices
from hooks.formats import list_webhook_formats
from hooks.messages import Notification
from hooks.models import Channel, Delivery, Device, Endpoint, NotificationSetting
from hooks.preferences import notification_settings
from hooks.preferences.notification_settings import Choice, Scope
from hooks.preview import preview
from hooks.transports.http import make_headers
from hooks.views.preferences.cells import Cell
from notifications_project import ids
from notifications_project.accounts.models import AuditEntry, Organization, User
from tests.conftest import Receiver
from tests.hooks.formats.hipchat_server import OPTIONS, ROOM, TOKEN, HipChatServer
from tests.hooks.pages import ClientOf
from tests.hooks.people import application
from tests.pages import assert_strict, get, read

pytestmark = pytest.mark.django_db
CHANNELS = "/account/notifications/channels/"
SNOOZE = "/account/notifications/snooze/"
DEVICE = "0123456789abcdef" * 4
HTMX = {"HX-Request": "true"}
ROOM_FIELDS = {"option_hipchat_token": TOKEN, "option_hipchat_room": ROOM, "option_hipchat_version": "1"}
URL = "http://ann:secret@127.0.0.1:9/in?token=t0p"


@pytest.fixture
def hipchat(httpserver: HTTPServer) -> HipChatServer:
    return HipChatServer(httpserver)


@pytest.fixture
def client(alice: User, client_of: ClientOf) -> Client:
    return client_of(alice)


@pytest.fixture
def room(alice: User, hipchat: HipChatServer) -> Channel:
    return services.set_up(alice, "hipchat", url=hipchat.url, options=OPTIONS)[0]


@pytest.fixture
def webhook(alice: User) -> Channel:
    return services.set_up(alice, "webhook", url=URL, options={})[0]


def words(html: str) -> str:
    """Return the text of a page without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", html.partition("<main")[2]).split())


def actions(user: User) -> list[str]:
    return list(AuditEntry.objects.filter(organization_id=user.pk).order_by("pk").values_list("action", flat=True))


def owe(channel: Channel, organization: Organization, **fields: Any) -> Delivery:
    """Create a pending delivery of an organization's event to a channel, as routing would."""
    assert channel.endpoint
    event = intake.record(organization, [intake.NewEvent(type="job.fail", data={"name": "invoices"})])[0]
    values = {"reasons": [{"rule": "setting", "name": "everything"}], "due_at": clock.now(), **fields}
    return Delivery.objects.create(
        organization=organization, event=event, endpoint=channel.endpoint, lane_id=channel.endpoint.lane_id, **values
    )


# --- The tab ---------------------------------------------------------------------------------------------------
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


# --- Setting up ------------------------------------------------------------------------------------------------
def test_hipchat_is_set_up_with_its_token_and_room(client: Client, hipchat: HipChatServer, alice: User) -> None:
    page = words(get(client, f"{CHANNELS}hipchat/"))
    assert "generate a new API token" in page
    assert "the name of the room" in page
    answer = client.post(f"{CHANNELS}hipchat/", {**ROOM_FIELDS, "url": hipchat.url})
    assert (answer.status_code, answer["Location"]) == (302, CHANNELS)
    channel = Channel.objects.get(user=alice, kind="hipchat")
    assert channel.endpoint
    assert (channel.endpoint.format, channel.endpoint.address, channel.endpoint.organization_id) == (
        "hipchat", hipchat.url, alice.pk
    )  # fmt: skip
    assert channel.endpoint.secrets["options"] == {"token": TOKEN}
    assert actions(alice)[-1] == "channel.set_up"


def test_the_cell_that_was_clicked_is_on_once_the_form_is_saved(
    client: Client, hipchat: HipChatServer, alice: User, acme: Organization
) -> None:
    query = f"?type=process.down&scope={acme.public_id}"
    assert "When you save this, Process is down: HipChat is turned on." in words(
        get(client, f"{CHANNELS}hipchat/{query}")
    )
    answer = client.post(f"{CHANNELS}hipchat/{query}", {**ROOM_FIELDS, "url": hipchat.url})
    assert answer["Location"] == Cell("process.down", "hipchat", Scope(organization=acme)).page
    assert answer["Location"].endswith(f"?scope={acme.public_id}#process.down-hipchat")
    setting = NotificationSetting.objects.get(user=alice)
    assert (setting.event_type, setting.channel, setting.enabled, setting.organization) == (
        "process.down", "hipchat", True, acme
    )  # fmt: skip


@pytest.mark.parametrize("scope", ["orga_1", "everywhere", ids.encode("orga", UUID(int=4))])
def test_a_cell_of_a_scope_that_is_not_one_s_own_is_not_there(client: Client, scope: str) -> None:
    assert client.get(f"{CHANNELS}hipchat/?type=process.down&scope={scope}").status_code == 404


def test_a_cell_of_a_strange_organization_is_not_there(client: Client, olga: User) -> None:
    other = Organization.objects.get(name="Other")
    assert client.get(f"{CHANNELS}hipchat/?type=process.down&scope={other.public_id}").status_code == 404
    assert client.get(f"{CHANNELS}hipchat/?type=no.such").status_code == 404


def test_a_webhook_shows_its_secret_once_and_then_leads_back_to_the_cell(client: Client, alice: User) -> None:
    query = "?type=job.fail&scope=everything"
    answer = client.post(f"{CHANNELS}webhook/{query}", {"url": URL, "format": "raw"})
    assert answer["Location"] == f"{CHANNELS}webhook/secret/{query}"
    html = get(client, answer["Location"])
    channel = Channel.objects.get(user=alice, kind="webhook")
    assert channel.endpoint
    secret = channel.endpoint.secrets["signing"][0]["key"]
    assert secret in html
    assert "#job.fail-webhook" in html
    assert secret not in get(client, answer["Location"]), "shown once"
    assert NotificationSetting.objects.get(user=alice).enabled


def test_the_webhook_offers_every_format(client: Client) -> None:
    html = get(client, f"{CHANNELS}webhook/")
    for known in list_webhook_formats():
        assert re.search(rf'name="format"[^>]*value="{known.name}"|value="{known.name}"[^>]*name="format"', html), (
            known.name
        )
        for option in known.options:
            assert f'name="option_{known.name}_{option.name}"' in html


def test_a_url_proposes_its_format(client: Client) -> None:
    slack = {"url": "https://hooks.slack.com/services/T0/B0/x", "format": "raw"}
    answer = client.post(f"{CHANNELS}webhook/", slack)
    assert "so the format Slack is chosen now" in assert_strict(answer)
    assert not Channel.objects.exists()
    shown = read(client.post(f"{CHANNELS}advice/", slack))
    assert "This is an address of Slack" in shown


@pytest.mark.parametrize(
    ("kind", "sent", "problem"),
    [
        ("hipchat", {}, "API token is needed."),
        ("hipchat", {**ROOM_FIELDS, "option_hipchat_room": ""}, "Room is needed."),
        ("hipchat", {**ROOM_FIELDS, "option_hipchat_token": "short"}, "An API token has at least 8 letters"),
        ("hipchat", {**ROOM_FIELDS, "url": "gopher://x"}, "The URL must begin with https:// or http://."),
        ("webhook", {"url": "", "format": "raw"}, "The URL must begin with"),
        ("webhook", {"url": "http://10.0.0.1/", "format": "raw"}, "not permitted"),
        ("webhook", {"url": URL, "format": "fax"}, "fax"),
        ("webhook", {"url": "", "format": "ntfy"}, "Topic is needed."),
    ],
)
def test_bad_input_is_told_at_its_field_and_nothing_is_saved(
    client: Client, kind: str, sent: dict[str, str], problem: str
) -> None:
    answer = client.post(f"{CHANNELS}{kind}/", sent)
    assert answer.status_code == 422
    assert problem in assert_strict(answer).replace("&#x27;", "'")
    assert not Channel.objects.exists()


def test_the_room_is_changed_and_the_token_stays(client: Client, room: Channel, hipchat: HipChatServer) -> None:
    html = get(client, f"{CHANNELS}hipchat/")
    assert TOKEN not in html
    assert "b0a7•••••• is stored" in html
    fields = {**ROOM_FIELDS, "option_hipchat_token": "", "option_hipchat_room": "Another room", "url": hipchat.url}
    assert client.post(f"{CHANNELS}hipchat/", fields)["Location"] == CHANNELS
    endpoint = Endpoint.objects.get(channel=room)
    assert (endpoint.options["room"], endpoint.secrets["options"]["token"]) == ("Another room", TOKEN)
    assert actions(room.user)[-1] == "channel.changed"


def test_save_and_test_sends_through_the_real_workers(
    client: Client, hipchat: HipChatServer, alice: User, request: pytest.FixtureRequest
) -> None:
    answer = client.post(f"{CHANNELS}hipchat/?type=job.fail", {**ROOM_FIELDS, "url": hipchat.url, "test": "1"})
    delivery = Delivery.objects.get()
    query = f"?type=job.fail&scope=everything&delivery={delivery.public_id}"
    assert answer["Location"] == f"{CHANNELS}hipchat/test/{query}"
    assert (delivery.event.type, delivery.event.is_test, delivery.organization_id) == ("job.fail", True, alice.pk)
    assert NotificationSetting.objects.get(user=alice).enabled
    page = words(get(client, answer["Location"]))
    assert "Waiting" in page
    assert "Back to my notifications" in page
    fragment = read(client.get(answer["Location"], headers=HTMX))
    assert fragment.lstrip().startswith("<section") or "{#" not in fragment
    assert "<html" not in fragment


def test_a_new_webhook_is_saved_and_tested_on_the_page_of_its_secret(client: Client) -> None:
    answer = client.post(f"{CHANNELS}webhook/", {"url": URL, "format": "raw", "test": "1"})
    delivery = Delivery.objects.get()
    assert answer["Location"] == f"{CHANNELS}webhook/secret/?delivery={delivery.public_id}"
    html = get(client, answer["Location"])
    assert "whsec_" in html
    assert f'hx-get="{CHANNELS}webhook/test/?delivery={delivery.public_id}"' in html


# --- Testing, verifying, rotating, removing --------------------------------------------------------------------
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
