"""The form of a webhook: the fields of each format, secrets that stay, and URLs that propose a format."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from hooks.formats import list_webhook_formats
from hooks.manage import rules
from hooks.models import Delivery, Hook
from notifications_project.accounts.models import Organization, User
from tests.conftest import Receiver
from tests.hooks.pages import FILLED, ClientOf, Record, add_webhook, page_of
from tests.pages import assert_strict, get, read

TOKEN = "tOkEn-4711-of-the-room"
URL = "http://127.0.0.1:9"
HIPCHAT = FILLED | {
    "name": "Ops room",
    "url": URL,
    "format": "hipchat",
    "option_hipchat_token": TOKEN,
    "option_hipchat_room": "Ops",
    "option_hipchat_version": "1",
}
SLACK = "https://hooks.slack.com/services/T0/B0/x"


@pytest.fixture
def client(alice: User, client_of: ClientOf) -> Client:
    return client_of(alice)


@pytest.fixture
def add(home: str) -> str:
    return f"{home}/notifications/webhooks/add/"


@pytest.fixture
def room(acme: Organization) -> Hook:
    return add_webhook(acme, "Ops room", url=URL, format="hipchat", options={"token": TOKEN, "room": "Ops"})


def secrets_of(name: str) -> dict[str, str]:
    endpoint = Hook.objects.get(name=name).endpoint
    assert endpoint is not None
    return dict(endpoint.secrets["options"])


# --- Fields ----------------------------------------------------------------------------------------------------
def test_every_format_is_offered_with_its_own_fields_under_its_name(client: Client, add: str) -> None:
    html = get(client, add)
    for known in list_webhook_formats():
        assert re.search(rf'<input type="radio" name="format" value="{known.name}"', html), known.name
        if known.options:
            assert f'id="setting_{known.name}">{known.label}<' in html
        for option in known.options:
            field = re.search(rf'<(?:input|select)[^>]*name="option_{known.name}_{option.name}"[^>]*>', html)
            assert field, (known.name, option.name)
            assert (" required" in field[0]) == (option.required and not option.choices)
            assert ('type="password"' in field[0]) == option.secret


def test_a_hook_is_added_with_its_options(client: Client, add: str, home: str) -> None:
    added = client.post(add, HIPCHAT)
    hook = Hook.objects.get(name="Ops room")
    assert added.headers["Location"] == page_of(home, hook, "test/")  # no signature, so no secret to show
    assert hook.endpoint is not None
    assert hook.endpoint.options == {"token": f"{TOKEN[:4]}••••••", "room": "Ops", "version": "1"}
    assert secrets_of("Ops room") == {"token": TOKEN}


def test_only_the_fields_of_the_chosen_format_count(client: Client, add: str) -> None:
    client.post(add, HIPCHAT | {"format": "raw"})
    endpoint = Hook.objects.get(name="Ops room").endpoint
    assert endpoint is not None
    assert (endpoint.options, endpoint.secrets["options"]) == ({}, {})


def test_every_problem_stands_at_its_field(client: Client, add: str) -> None:
    html = assert_strict(client.post(add, HIPCHAT | {"option_hipchat_token": "short", "option_hipchat_room": ""}))
    for name, message in (("token", "An API token has at least"), ("room", "Room is needed.")):
        assert re.search(rf'<ul class="errors" id="id_option_hipchat_{name}_error"><li>{message}', html), name
    assert '<a href="#id_option_hipchat_room">Room</a>' in html
    assert not Hook.objects.filter(name="Ops room").exists()


def test_without_a_url_a_format_goes_where_it_always_goes(client: Client, add: str, home: str) -> None:
    client.post(add, HIPCHAT | {"url": ""})
    hook = Hook.objects.get(name="Ops room")
    assert hook.endpoint is not None
    assert hook.endpoint.address == "https://api.hipchat.com"
    client.post(page_of(home, hook), HIPCHAT | {"option_hipchat_token": ""})
    client.post(page_of(home, hook), HIPCHAT | {"option_hipchat_token": "", "url": ""})
    hook.endpoint.refresh_from_db()
    assert hook.endpoint.address == "https://api.hipchat.com"
    advice = read(client.post(add.replace("add/", "advice/"), {"url": "", "format": "hipchat"}))
    assert "https://" in advice
    assert "api.hipchat.com" in advice


# --- Secrets ---------------------------------------------------------------------------------------------------
def test_a_stored_secret_is_kept_when_its_field_is_left_empty(client: Client, home: str, room: Hook) -> None:
    html = get(client, page_of(home, room))
    assert TOKEN not in html
    assert f"{TOKEN[:4]}•••••• is stored: leave this empty to keep it." in html
    assert 'value="Ops"' in html
    client.post(page_of(home, room), HIPCHAT | {"option_hipchat_token": "", "option_hipchat_room": "Else"})
    room.refresh_from_db()
    assert room.endpoint is not None
    assert room.endpoint.options["room"] == "Else"
    assert secrets_of("Ops room") == {"token": TOKEN}
    entry = room.organization.audit_entries.get(action="hook.changed")
    assert entry.detail == {"fields": ["options"]}
    client.post(page_of(home, room), HIPCHAT | {"option_hipchat_token": "another-token"})
    assert secrets_of("Ops room") == {"token": "another-token"}


def test_saving_without_a_change_changes_nothing(client: Client, home: str, room: Hook) -> None:
    answer = client.post(page_of(home, room), HIPCHAT | {"option_hipchat_token": ""}, follow=True)
    assert "Nothing was changed." in read(answer)


def test_a_stored_secret_that_is_not_needed_can_be_removed(client: Client, home: str, acme: Organization) -> None:
    hook = add_webhook(acme, "Phones", url=URL, format="ntfy", options={"topic": "ops", "token": TOKEN})
    typed = FILLED | {"name": "Phones", "url": URL, "format": "ntfy", "option_ntfy_topic": "ops"}
    assert "Remove what is stored: Access token" in get(client, page_of(home, hook))
    client.post(page_of(home, hook), typed)
    assert secrets_of("Phones") == {"topic": "ops", "token": TOKEN}
    client.post(page_of(home, hook), typed | {"option_ntfy_token_remove": "on"})
    assert secrets_of("Phones") == {"topic": "ops"}
    assert "Remove what is stored" not in get(client, page_of(home, hook))


def test_another_format_does_not_get_the_secrets_of_the_one_before(client: Client, home: str, room: Hook) -> None:
    client.post(page_of(home, room), FILLED | {"name": "Ops room", "url": URL})
    assert secrets_of("Ops room") == {}
    html = assert_strict(client.post(page_of(home, room), HIPCHAT | {"option_hipchat_token": ""}))
    assert "API token is needed." in html


def test_no_page_and_no_record_shows_a_secret(
    client: Client,
    home: str,
    acme: Organization,
    receiver: Receiver,
    record: Record,
    pump: Callable[[], None],
    no_default_mail: None,
) -> None:
    for version in ("1", "2"):
        options = {"token": TOKEN, "room": "Ops", "version": version}
        rules.create_webhook(
            organization=acme,
            actor=None,
            spec=rules.WebhookSpec.of(name=f"Room {version}", url=receiver.url, format="hipchat", options=options),
        )
    record("job.fail")
    pump()
    sent = [f"{dict(each.headers)} {each.get_data(as_text=True)}" for each in receiver.requests]
    assert [TOKEN in each for each in sent] == [True, True]
    paths = [f"{home}/notifications/webhooks/", f"{home}/audit/", f"{home}/deliveries/"]
    for hook in Hook.objects.filter(name__startswith="Room"):
        paths += [page_of(home, hook), page_of(home, hook, "test/"), page_of(home, hook, "preview/")]
    paths += [
        f"{home}/deliveries/{delivery.public_id}/" for delivery in Delivery.objects.filter(endpoint__kind="webhook")
    ]
    assert len(paths) == 3 + 6 + 2
    for path in paths:
        assert TOKEN not in get(client, path), path


# --- Proposals -------------------------------------------------------------------------------------------------
def test_a_url_proposes_its_format_once_and_either_way_can_be_sent(client: Client, add: str) -> None:
    typed = FILLED | {"url": SLACK}
    html = assert_strict(client.post(add, typed))
    assert not Hook.objects.filter(name="Audit trail").exists()
    assert "so the format Slack is chosen now" in html
    assert re.search(r'name="format" value="slack"[^>]*checked', html)
    assert '<input type="hidden" name="proposed" value="slack">' in html
    client.post(add, typed | {"proposed": "slack"})
    client.post(add, typed | {"name": "Ops room", "format": "slack", "proposed": "slack"})
    assert {each.name: each.endpoint and each.endpoint.format for each in Hook.objects.filter(kind="webhook")} == {
        "Audit trail": "raw",
        "Ops room": "slack",
    }


def test_a_proposal_that_was_seen_is_no_answer_to_another(client: Client, add: str) -> None:
    html = assert_strict(
        client.post(add, FILLED | {"url": "https://discord.com/api/webhooks/1/x", "proposed": "slack"})
    )
    assert "so the format Discord is chosen now" in html


def test_editing_something_else_proposes_nothing(client: Client, home: str, acme: Organization) -> None:
    hook = add_webhook(acme, url=SLACK)
    client.post(page_of(home, hook), FILLED | {"url": SLACK, "name": "Renamed"})
    hook.refresh_from_db()
    assert hook.name == "Renamed"


def test_a_link_with_a_url_begins_with_its_format(client: Client, add: str) -> None:
    html = get(client, f"{add}?url={SLACK}")
    assert re.search(r'name="format" value="slack"[^>]*checked', html)
    assert "This is an address of Slack: the format Slack is chosen." in html


def test_advice_is_for_who_may_add_hooks(dave: User, client_of: ClientOf, add: str) -> None:
    assert client_of(dave).post(add.replace("add/", "advice/"), {"url": SLACK, "format": "raw"}).status_code == 403
