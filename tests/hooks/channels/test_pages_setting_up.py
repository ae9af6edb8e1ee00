"""A channel is set up and changed in a form, which keeps nothing of a bad input."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from django.test import Client

from hooks.formats import list_webhook_formats
from hooks.models import Channel, Delivery, Endpoint, NotificationSetting
from hooks.preferences.notification_settings import Scope
from hooks.views.preferences.cells import Cell
from notifications_project import ids
from notifications_project.accounts.models import Organization, User
from tests.hooks.channels.channel_pages import CHANNELS, HTMX, ROOM_FIELDS, URL, actions, words
from tests.hooks.formats.hipchat_server import TOKEN, HipChatServer
from tests.hooks.pages import ClientOf
from tests.pages import assert_strict, get, read

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(alice: User, client_of: ClientOf) -> Client:
    return client_of(alice)


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
