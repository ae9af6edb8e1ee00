"""The button *Verify token*: in the form as it stands, and beside the test for what is saved."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from pytest_httpserver import HTTPServer

from hooks.formats import list_webhook_formats
from hooks.models import Hook
from notifications_project.accounts.models import Organization, User
from tests.hooks.formats.hipchat_server import OPTIONS, ROOM, TOKEN, HipChatServer
from tests.hooks.pages import FILLED, ClientOf, add_webhook, page_of
from tests.pages import assert_strict, get

ACCEPTED = "The server accepts this token. Nothing was posted."
HTMX = {"HX-Request": "true"}


@pytest.fixture
def hipchat(httpserver: HTTPServer) -> HipChatServer:
    return HipChatServer(httpserver)


@pytest.fixture
def typed(hipchat: HipChatServer) -> dict[str, str]:
    return FILLED | {
        "name": "Ops room",
        "url": hipchat.url,
        "format": "hipchat",
        "events": "job.fail",
        "option_hipchat_token": TOKEN,
        "option_hipchat_room": ROOM,
        "option_hipchat_version": "1",
    }


@pytest.fixture
def room(acme: Organization, hipchat: HipChatServer) -> Hook:
    return add_webhook(acme, "Ops room", url=hipchat.url, format="hipchat", options=OPTIONS)


@pytest.fixture
def client(alice: User, client_of: ClientOf) -> Client:
    return client_of(alice)


@pytest.fixture
def verify_new(home: str) -> str:
    return f"{home}/notifications/webhooks/verify/"


# --- In the form -----------------------------------------------------------------------------------------------
def test_the_form_has_the_button_for_formats_that_can_be_verified_only(client: Client, home: str, room: Hook) -> None:
    pages = {f"{home}/notifications/webhooks/add/": f"{home}/notifications/webhooks/verify/"}
    pages[page_of(home, room)] = page_of(home, room, "verify/")
    for page, target in pages.items():
        html = get(client, page)
        assert re.findall(r'formaction="([^"#]+verify/)#verdict_(\w+)"', html) == [
            (target, known.name) for known in list_webhook_formats() if known.can_verify()
        ]
    assert "Verify token" not in get(client, f"{home}/notifications/emails/add/")


def test_the_enter_key_saves_and_does_not_verify(client: Client, home: str, room: Hook) -> None:
    for page in (f"{home}/notifications/webhooks/add/", page_of(home, room)):
        form = get(client, page).partition('id="hook_form"')[2]
        first = re.search(r"<button[^>]*>", form)
        assert first
        assert 'type="submit"' in first[0]
        assert "formaction" not in first[0]


def test_a_new_hook_is_verified_and_what_was_typed_stays(
    client: Client, home: str, verify_new: str, typed: dict[str, str], hipchat: HipChatServer
) -> None:
    html = assert_strict(client.post(verify_new, typed))
    verdict = re.search(r'id="verdict_hipchat"[^>]*>(.*?)</div>\s*</div>', html, re.DOTALL)
    assert verdict
    assert 'class="note good"' in verdict[1]
    assert ACCEPTED in verdict[1]
    assert 'value="Ops room"' in html
    assert re.search(r'name="format" value="hipchat"[^>]*checked', html)
    assert re.search(r'name="events" value="job.fail"[^>]*checked', html)
    assert f'value="{ROOM}"'.replace("&", "&amp;") in html
    assert f'method="post" action="{home}/notifications/webhooks/add/"' in html
    assert hipchat.posted == []
    assert not Hook.objects.filter(kind="webhook").exists()


def test_htmx_gets_the_verdict_alone(
    client: Client, verify_new: str, typed: dict[str, str], hipchat: HipChatServer
) -> None:
    html = assert_strict(client.post(verify_new, typed, headers=HTMX))
    assert ACCEPTED in html
    assert "<html" not in html
    html = assert_strict(client.post(verify_new, typed | {"option_hipchat_token": "an-unknown-token"}, headers=HTMX))
    assert "401 UNAUTHORIZED: Auth token an-u•••••• not found. Check the API token" in html
    assert 'class="note"' in html
    assert "an-unknown-token" not in html


def test_what_is_missing_is_said_and_nobody_is_asked(
    client: Client, verify_new: str, typed: dict[str, str], hipchat: HipChatServer
) -> None:
    html = assert_strict(client.post(verify_new, typed | {"option_hipchat_token": "", "name": ""}))
    assert "API token is needed." in html
    assert "Give the hook a name." not in html
    assert hipchat.requests == []


def test_the_button_of_a_format_that_is_not_chosen_is_answered_at_the_format(
    client: Client, verify_new: str, typed: dict[str, str]
) -> None:
    html = assert_strict(client.post(verify_new, typed | {"format": "raw"}))
    assert re.search(r'id="id_format_error"><li>This format has no token', html)


def test_an_edited_hook_is_verified_with_what_is_stored_where_nothing_was_typed(
    client: Client, home: str, room: Hook, typed: dict[str, str], hipchat: HipChatServer
) -> None:
    changed = {"option_hipchat_token": "", "option_hipchat_version": "2", "option_hipchat_room": "Else"}
    html = assert_strict(client.post(page_of(home, room, "verify/"), typed | changed))
    assert hipchat.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"
    assert "Room &#x27;Else&#x27; not found" in html
    assert TOKEN not in html
    assert 'value="Else"' in html
    assert f'action="{page_of(home, room)}"' in html
    room.refresh_from_db()
    assert room.endpoint is not None
    assert room.endpoint.options["room"] == ROOM
    assert room.organization.audit_entries.filter(action="hook.token_verified").count() == 1
    assert "checked the token of the hook" in get(client, f"{home}/audit/")


# --- As it is saved --------------------------------------------------------------------------------------------
def test_beside_the_test_a_developer_verifies_what_is_saved(
    dave: User, client_of: ClientOf, home: str, room: Hook, hook: Hook, hipchat: HipChatServer
) -> None:
    client = client_of(dave)
    assert f'action="{page_of(home, room, "verify/")}"' in get(client, page_of(home, room, "test/"))
    assert "Verify token" not in get(client, page_of(home, hook, "test/"))
    answer = client.post(page_of(home, room, "verify/"), follow=True)
    assert answer.redirect_chain == [(page_of(home, room, "test/"), 302)]
    html = assert_strict(answer)
    assert ACCEPTED in html
    assert TOKEN not in html
    hipchat.says = 503, ""
    html = assert_strict(client.post(page_of(home, room, "verify/"), follow=True))
    assert re.search(r'class="note warn">.*503 SERVICE UNAVAILABLE', html, re.DOTALL)


def test_signing_in_may_return_here_and_asks_nobody(
    client: Client, home: str, verify_new: str, room: Hook, hipchat: HipChatServer
) -> None:
    assert client.get(page_of(home, room, "verify/")).headers["Location"] == page_of(home, room, "test/")
    assert client.get(verify_new).headers["Location"] == f"{home}/notifications/webhooks/add/"
    assert hipchat.requests == []


# --- Who may ---------------------------------------------------------------------------------------------------
def test_nobody_sends_a_stored_token_to_an_address_that_they_may_not_save(
    dave: User, client_of: ClientOf, home: str, verify_new: str, room: Hook, typed: dict[str, str],
    hipchat: HipChatServer,
) -> None:  # fmt: skip
    client = client_of(dave)
    assert client.post(page_of(home, room, "verify/"), typed | {"option_hipchat_token": ""}).status_code == 403
    assert client.post(verify_new, typed).status_code == 403
    assert hipchat.requests == []


def test_who_may_not_test_hooks_may_not_verify(
    anna: User, olga: User, client_of: ClientOf, home: str, verify_new: str, room: Hook, hipchat: HipChatServer
) -> None:
    for page in (verify_new, page_of(home, room, "verify/")):
        assert client_of(anna).post(page).status_code == 403
        assert client_of(olga).post(page).status_code == 404
    assert hipchat.requests == []


def test_what_has_no_token_has_no_such_page(client: Client, home: str, hook: Hook, acme: Organization) -> None:
    email = Hook.objects.get(organization=acme, kind="email")
    for other in (hook, email):
        assert client.post(page_of(home, other, "verify/")).status_code == 404
