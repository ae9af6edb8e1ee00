"""Verifying a token: HipChat itself is asked, over a real socket, and posts nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from pytest_httpserver import HTTPServer

from hooks.formats import list_webhook_formats
from hooks.models import Attempt, Delivery, Hook
from hooks.preview import verifying
from hooks.preview.preview import Draft
from notifications_project.accounts.models import Organization, User
from tests.conftest import Api
from tests.hooks.formats.hipchat_server import OPTIONS, TOKEN, HipChatServer
from tests.hooks.pages import add_webhook

WRONG = "a-token-that-nobody-knows"


@pytest.fixture
def hipchat(httpserver: HTTPServer) -> HipChatServer:
    return HipChatServer(httpserver)


def ask(hipchat: HipChatServer, **options: str) -> tuple[bool, str]:
    return verifying.verify("hipchat", hipchat.url, {**OPTIONS, **options})


# --- What HipChat answers --------------------------------------------------------------------------------------
@pytest.mark.parametrize("version", ["1", "2"])
def test_a_valid_token_is_accepted_and_nothing_is_posted(version: str, hipchat: HipChatServer) -> None:
    assert ask(hipchat, version=version) == (True, "The server accepts this token. Nothing was posted.")
    assert len(hipchat.requests) == 1
    assert hipchat.posted == []


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_wrong_token_is_refused_in_hipchat_s_words_without_the_token_that_it_repeats(
    version: str, hipchat: HipChatServer
) -> None:
    verified, words = ask(hipchat, version=version, token=WRONG)
    assert not verified
    assert words.startswith("401 UNAUTHORIZED: ")
    assert "a-to••••••" in words
    assert words.endswith("Check the API token, and that it was made for the chosen version of the API.")
    assert WRONG not in words


def test_version_2_says_that_there_is_no_such_room(hipchat: HipChatServer) -> None:
    verified, words = ask(hipchat, version="2", room="Nowhere")
    assert not verified
    assert "Room 'Nowhere' not found. Check the id or name of the room" in words


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, "<h1>Welcome</h1>", "The server does not say whether the token is valid: send a test instead."),
        (200, '{"status": "sent"}', "The server does not say whether the token is valid: send a test instead."),
        (204, "", "The server does not say whether the token is valid: send a test instead."),
        (302, "", "It is not known whether the token is valid."),
        (400, '{"error": {"message": "No message"}}', "400 BAD REQUEST: No message. The server does not say"),
        (401, "", "401 UNAUTHORIZED. Check the API token"),
        (403, '{"error": {"message": "Scope"}}', "403 FORBIDDEN: Scope. The API token may not post here"),
        (404, "", "404 NOT FOUND. Check the id or name of the room"),
        (405, "", "405 METHOD NOT ALLOWED. Check the URL and the version of the API."),
        (429, "", "429 TOO MANY REQUESTS. It is not known whether the token is valid."),
        (500, '{"error": {"message": "Oops"}}', "500 INTERNAL SERVER ERROR: Oops. It is not known whether"),
        (503, "[", "503 SERVICE UNAVAILABLE. It is not known whether the token is valid."),
    ],
)
def test_every_other_answer_is_said_in_words(status: int, body: str, words: str, hipchat: HipChatServer) -> None:
    hipchat.says = status, body
    verified, said = ask(hipchat)
    assert not verified
    assert words in said


def test_a_server_that_repeats_the_token_anywhere_tells_nobody(hipchat: HipChatServer) -> None:
    for body in (f"x{'y' * 90}{TOKEN}", json.dumps({"error": {"message": f"{'y' * 100}{TOKEN}"}})):
        hipchat.says = 400, body
        words = ask(hipchat)[1]
        assert TOKEN[:8] not in words


# --- What keeps it from being asked ----------------------------------------------------------------------------
def test_an_inner_address_is_not_asked(hipchat: HipChatServer, settings: LazySettings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    verified, words = ask(hipchat)
    assert not verified
    assert "This address is not permitted" in words
    assert hipchat.requests == []


def test_the_address_is_judged_when_the_socket_is_opened(
    hipchat: HipChatServer, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    monkeypatch.setattr("hooks.preview.verifying.read_url", lambda url: (url, {}))
    assert "This address is not permitted" in ask(hipchat)[1]
    assert hipchat.requests == []


def test_a_server_that_is_away_or_silent_is_said_to_be(
    httpserver: HTTPServer, settings: LazySettings, bare_receiver: Callable[[bytes], str]
) -> None:
    away = verifying.verify("hipchat", "http://127.0.0.1:9", OPTIONS)
    assert away == (False, "Connection refused. It is not known whether the token is valid.")
    settings.DELIVERY_TIMEOUT = 1
    begun = time.monotonic()
    silent = verifying.verify("hipchat", bare_receiver(b"HTTP/1.1 200 OK\r\n"), OPTIONS)
    assert not silent[0]
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("address", "options", "words"),
    [
        ("", {"token": ""}, "API token is needed."),
        ("", {"room": ""}, "Room is needed."),
        ("", {"token": "with a space"}, "An API token has at least 8"),
        ("", {"room": "a\r\nHost: b"}, "printable"),
        ("http://[", {}, "This is not a URL: the brackets"),
        ("ftp://chat.example", {}, "must begin with https://"),
        ("https://chat.example:port", {}, "This is not a URL: the port is not a number."),
    ],
)
def test_what_is_wrong_is_said_before_anybody_is_asked(
    address: str, options: dict[str, Any], words: str, hipchat: HipChatServer
) -> None:
    verified, said = verifying.verify("hipchat", address or hipchat.url, {**OPTIONS, **options})
    assert not verified
    assert words in said
    assert hipchat.requests == []


def test_only_formats_that_say_so_can_be_verified() -> None:
    assert [known.name for known in list_webhook_formats() if known.can_verify()] == ["hipchat"]
    for known in list_webhook_formats():
        assert known.can_verify() or known.build_verification({}, "https://chat.example") is None
    for name in ("raw", "mail", "no-such-format"):
        assert verifying.verify(name, "http://127.0.0.1:9", {}) == (
            False,
            "This format has no token that could be verified.",
        )


# --- Of a hook, and by API -------------------------------------------------------------------------------------
@pytest.fixture
def room(acme: Organization, hipchat: HipChatServer) -> Hook:
    return add_webhook(acme, "Ops room", url=f"{hipchat.url}?key=t0p", format="hipchat", options=OPTIONS)


def test_who_asked_and_where_is_written_in_the_audit_log_without_a_secret(
    room: Hook, dave: User, hipchat: HipChatServer
) -> None:
    assert verifying.verify_hook(room, dave, Draft.of(room, ""))[0]
    entry = room.organization.audit_entries.get(action="hook.token_verified")
    assert (entry.actor, entry.target, entry.detail["accepted"]) == (dave, "Ops room", True)
    assert hipchat.url.rstrip("/") in entry.detail["url"]
    assert "t0p" not in str(entry.detail)
    assert not Delivery.objects.exists()
    assert not Attempt.objects.exists()


def test_by_api_a_developer_verifies_what_is_stored(
    room: Hook, acme: Organization, dave: User, api: Callable[..., Api], hipchat: HipChatServer
) -> None:
    address = f"/api/v1/organizations/{acme.public_id}/hooks/{room.public_id}/verify/"
    answer = api(dave).post(address)
    assert answer.status_code == 200, answer.content
    assert answer.json() == {"verified": True, "explanation": "The server accepts this token. Nothing was posted."}
    hipchat.says = 401, json.dumps({"error": {"message": f"No {TOKEN}"}})
    answer = api(dave).post(address)
    assert (answer.status_code, answer.json()["verified"]) == (200, False)
    assert answer.json()["explanation"].startswith("401 UNAUTHORIZED: No b0a7••••••. Check the API token")
    assert api(dave).post(address, {"token": "another"}).status_code == 422
    assert len(hipchat.requests) == 2


def test_by_api_others_and_other_hooks_are_refused(
    room: Hook, hook: Hook, acme: Organization, anna: User, olga: User, dave: User, api: Callable[..., Api]
) -> None:
    def answered(user: User, hook: Hook) -> Any:
        return api(user).post(f"/api/v1/organizations/{acme.public_id}/hooks/{hook.public_id}/verify/")

    assert answered(anna, room).status_code == 403
    assert answered(olga, room).status_code == 404
    for other in (hook, Hook.objects.get(organization=acme, kind="email")):
        refused = answered(dave, other)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "format")
