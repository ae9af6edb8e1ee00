"""HipChat: a form for version 1, JSON for version 2, and the answers of its servers."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

import pytest
from django.conf import LazySettings
from django.template.loader import render_to_string
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as some
from jsonschema import Draft202012Validator

from events.models import Event
from hooks.formats.hipchat import HipChat
from hooks.manage import rules
from hooks.messages import Answer, Message, Notification
from hooks.models import Attempt, Delivery, Endpoint, Hook
from hooks.wording import tell
from tests.conftest import Receiver
from tests.hooks.formats.hipchat_server import OPTIONS, TOKEN
from tests.hooks.formats.markup import Markup
from tests.hooks.formats.services import assert_kept_nowhere
from tests.hooks.notifications import notification
from tests.hooks.wording.test_wording import KEYS, LANGUAGES, TEXTS, TYPES, VALUES

Make = Callable[..., Hook]
Record = Callable[..., Event]
Run = Callable[[], None]

TAGS = {"a", "b", "br", "i"}
_BOTH: dict[str, Any] = {
    "message": {"type": "string", "minLength": 1, "maxLength": 10_000},
    "message_format": {"enum": ["html", "text"]},
    "color": {"enum": ["yellow", "red", "green", "purple", "gray", "random"]},
}
# The limits of HipChat
VERSION_1 = Draft202012Validator(
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["auth_token", "room_id", "from", "message"],
        "properties": {
            **_BOTH,
            "auth_token": {"const": TOKEN},
            "room_id": {"type": "string", "minLength": 1},
            "from": {"type": "string", "pattern": "^[A-Za-z0-9_ -]{1,14}$"},
            "notify": {"enum": ["0", "1"]},
        },
    }
)
VERSION_2 = Draft202012Validator(
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["message"],
        "properties": {
            **_BOTH,
            "from": {"type": "string", "maxLength": 64},
            "notify": {"type": "boolean"},
        },
    }
)


def told(event_type: str = "process.down", data: dict[str, Any] | None = None, **fields: Any) -> Notification:
    given_options = {**OPTIONS, **fields.pop("options", {})}
    fields = {"address": "https://chat.example/", "format": "hipchat", **fields, "options": given_options}
    return notification(event_type, data, **fields)


def written(about: Notification) -> dict[str, Any]:
    """Return the body as the server reads it; fails if its schema is wrong."""
    message = HipChat().write(about)
    if about.options.get("version") == "2":
        assert message.content_type == "application/json"
        body: dict[str, Any] = json.loads(message.body)
        VERSION_2.validate(body)
        return body
    assert message.content_type == "application/x-www-form-urlencoded"
    body = dict(parse_qsl(message.body.decode(), strict_parsing=True, keep_blank_values=True))
    VERSION_1.validate(body)
    return body


# --- What is written -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("event_type", TYPES)
def test_every_type_is_told_in_both_versions(
    event_type: str, language: str, version: str, settings: LazySettings
) -> None:
    settings.MESSAGE_LANGUAGE = language
    about = told(event_type, options={"version": version})
    body, story = written(about), tell(about)
    markup = Markup(body["message"])
    assert markup.tags <= TAGS
    assert ("href", story.url) in markup.attributes
    for text in (story.title, story.line, *(f"{label}{story.colon}{value}" for label, value in story.facts)):
        assert text in markup.text


@pytest.mark.parametrize(
    ("event_type", "colour", "alerts"),
    [
        ("stack.redeploy.ok", "green", False),
        ("server.backon", "green", False),
        ("stack.redeploy.fail", "red", True),
        ("process.down", "red", True),
        ("stack.deploy.started", "yellow", False),
        ("app.auth", "purple", False),
        ("application.edited", "gray", False),
    ],
)
def test_the_colour_tells_the_outcome_and_only_bad_news_alerts(event_type: str, colour: str, alerts: bool) -> None:
    first, second = written(told(event_type)), written(told(event_type, options={"version": "2"}))
    assert (first["color"], first["notify"]) == (colour, "1" if alerts else "0")
    assert (second["color"], second["notify"]) == (colour, alerts)


def test_version_1_names_room_and_token_in_the_body_only() -> None:
    message = HipChat().write(told())
    assert message.url == "https://chat.example/v1/rooms/message?format=json"
    assert message.headers == {}
    assert written(told())["room_id"] == "Ops & Dev/2"


def test_version_2_names_the_room_in_the_path_and_the_token_in_a_header() -> None:
    message = HipChat().write(told(options={"version": "2"}))
    assert message.url == "https://chat.example/v2/room/Ops%20%26%20Dev%2F2/notification"
    assert message.headers == {"Authorization": f"Bearer {TOKEN}"}
    assert TOKEN.encode() not in message.body


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("https://api.hipchat.com", "https://api.hipchat.com/v1/rooms/message?format=json"),
        ("https://chat.example:8443/", "https://chat.example:8443/v1/rooms/message?format=json"),
        ("https://chat.example/hipchat/", "https://chat.example/hipchat/v1/rooms/message?format=json"),
        ("https://chat.example/?key=a%26b", "https://chat.example/v1/rooms/message?key=a%26b&format=json"),
        (
            "https://chat.example/v2/room/7/notification?auth_token=t0psecret",
            "https://chat.example/v1/rooms/message?format=json",
        ),
    ],
)
def test_the_address_is_that_of_the_server_or_one_that_was_pasted_whole(address: str, url: str) -> None:
    assert HipChat().write(told(address=address)).url == url


@pytest.mark.parametrize("version", ["1", "2"])
def test_nobody_s_data_becomes_markup(version: str) -> None:
    data = {"process_name": '<img src=x onerror="x"> @all (boom) &amp;'}
    body = written(told(data=data, resource="</b><a href='x'>", options={"version": version}))
    markup = Markup(body["message"])
    assert markup.tags <= TAGS
    assert {name for name, _ in markup.attributes} == {"href"}
    assert '<img src=x onerror="x"> @all (boom) &amp;' in markup.text
    assert body["message_format"] == "html"  # HTML, where HipChat parses no mentions and emoticons


def test_a_test_says_that_it_is_one() -> None:
    assert Markup(written(told(is_test=True))["message"]).text.startswith("This is a test")


def test_a_message_that_is_too_long_ends_with_an_ellipsis_at_the_end_of_a_fact() -> None:
    message = written(told(data={f"key_{n}": "&" * 200 for n in range(20)}))["message"]
    assert 9_000 < len(message) <= 10_000
    assert message.endswith("&amp;<br>…")
    assert Markup(message).tags <= TAGS


@pytest.mark.slow
@examples(max_examples=60, deadline=None)
@given(
    event_type=some.sampled_from(TYPES) | TEXTS,
    data=some.dictionaries(KEYS | TEXTS, VALUES, max_size=8),
    resource=some.none() | TEXTS,
    room=TEXTS,
    version=some.sampled_from(["1", "2"]),
)
def test_any_data_makes_a_valid_body(
    event_type: str, data: dict[str, Any], resource: str | None, room: str, version: str
) -> None:
    about = told(event_type, data, resource=resource, options={"version": version, "room": f"r{room}"})
    assert Markup(written(about)["message"]).tags <= TAGS
    url = HipChat().write(about).url
    assert url.isascii()
    assert url.isprintable()
    if version == "2":
        assert unquote(urlsplit(url).path).endswith("/notification")
        assert urlsplit(url).path.count("/") == 4


# --- What is asked for ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({}, {"token", "room"}),
        ({"token": "t", "room": "Ops"}, {"token"}),
        ({"token": "with a space in it", "room": "Ops"}, {"token"}),
        ({"token": TOKEN, "room": "Ops\nDev"}, {"room"}),
        ({"token": TOKEN, "room": "Ops", "version": "3"}, {"version"}),
        ({"token": TOKEN, "room": "Ops", "colour": "red"}, {"colour"}),
        ({"token": TOKEN, "room": "Ops"}, set()),
        ({"token": TOKEN, "room": "42", "version": "2"}, set()),
    ],
)
def test_token_and_room_are_needed_and_checked(options: dict[str, Any], wrong: set[str]) -> None:
    assert HipChat().check_options(options).keys() == wrong


def test_without_a_url_it_is_hipchat_s_own_and_a_url_of_it_proposes_the_format() -> None:
    assert HipChat().is_meant_by("https://api.hipchat.com/v2/room/1/notification")
    assert HipChat().is_meant_by(HipChat.default_url)
    assert not HipChat().is_meant_by("https://nothipchat.com/")
    assert "2019" in HipChat.setup


# --- Verifying a token (what is answered: tests/hooks/preview/test_verifying.py) --------------------------------------
@pytest.mark.parametrize("version", ["1", "2"])
def test_a_token_is_verified_by_a_request_that_cannot_post(version: str) -> None:
    message = HipChat().build_verification({**OPTIONS, "version": version}, "https://chat.example")
    assert isinstance(message, Message)
    assert parse_qs(urlsplit(message.url).query)["auth_test"] == ["true"]
    assert TOKEN not in message.url
    assert b"message" not in message.body
    if version == "1":
        assert dict(parse_qsl(message.body.decode()))["auth_token"] == TOKEN
    else:
        assert message.headers["Authorization"] == f"Bearer {TOKEN}"


def test_without_a_token_there_is_nothing_to_verify_and_without_a_url_it_is_hipchat_s_own() -> None:
    assert HipChat().build_verification({"room": "Ops"}, "https://chat.example") is None
    message = HipChat().build_verification(OPTIONS, "")
    assert message
    assert message.url.startswith("https://api.hipchat.com/v1/")


# --- Over the wire -------------------------------------------------------------------------------------------
@pytest.fixture
def hipchat(webhook: Make, receiver: Receiver, no_default_mail: None) -> Callable[..., Hook]:
    def create(**options: str) -> Hook:
        return webhook(format="hipchat", url=receiver.server.url_for("/"), options={**OPTIONS, **options})

    return create


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("version", "status", "body"), [("1", 200, '{"status":"sent"}'), ("2", 204, "")])
def test_a_delivery_arrives_and_nothing_that_is_kept_or_logged_has_the_token(
    version: str,
    status: int,
    body: str,
    hipchat: Make,
    record: Record,
    pump: Run,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.status, receiver.body = status, body
    hook = hipchat(version=version)
    record("stack.redeploy.fail")
    pump()
    request = receiver.requests[0]
    if version == "1":
        assert (request.path, request.args["format"]) == ("/v1/rooms/message", "json")
        assert request.form["auth_token"] == TOKEN
        VERSION_1.validate(request.form.to_dict())
    else:
        assert request.path == "/v2/room/Ops & Dev/2/notification"
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        VERSION_2.validate(request.json)
    assert "webhook-signature" not in request.headers
    assert Delivery.objects.get().state == "delivered"
    kept = assert_kept_nowhere(TOKEN, hook, caplog.text)
    assert "•" in kept["body"] + kept["headers"].get("Authorization", "")


@pytest.mark.django_db(transaction=True)
def test_nothing_that_is_kept_has_the_token_that_the_server_repeats(
    hipchat: Make, record: Record, pump: Run, receiver: Receiver
) -> None:
    receiver.status, receiver.headers = 401, {"X-Token": TOKEN}
    receiver.body = json.dumps({"error": {"message": f"No {TOKEN}"}})
    hook = hipchat()
    record("stack.redeploy.fail")
    pump()
    assert_kept_nowhere(TOKEN, hook)
    assert "No b0a7••••••. Check the API token" in Attempt.objects.get().explanation


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("status", "said", "state", "words"),
    [
        (401, "Auth token not found", "pending", "401 Unauthorized: Auth token not found. Check the API token"),
        (403, "Not allowed", "pending", "403 Forbidden: Not allowed. The API token may not post here"),
        (404, "Room not found", "pending", "404 Not Found: Room not found. Check the id or name of the room"),
        (405, "", "pending", "405 Method Not Allowed. Check the URL and the version"),
        (
            400,
            "Message too long",
            "failed",
            "400 Bad Request: Message too long. The receiver does not accept this message",
        ),
        (500, "Oops", "pending", "500 Internal Server Error: Oops."),
        (503, "", "pending", "503 Service Unavailable."),
    ],
)
def test_a_refusal_is_explained_in_hipchat_s_words(
    status: int, said: str, state: str, words: str, hipchat: Make, record: Record, pump: Run, receiver: Receiver
) -> None:
    receiver.status = status
    receiver.body = json.dumps({"error": {"code": status, "type": "X", "message": said}}) if said else "<h1>no</h1>"
    hook = hipchat()
    record("stack.redeploy.fail")
    pump()
    assert Delivery.objects.get().state == state
    assert Attempt.objects.get().explanation.lower().startswith(words.lower())
    assert hook.endpoint
    endpoint = Endpoint.objects.get(pk=hook.endpoint.pk)
    assert endpoint.disabled_at is None, "whoever set it up can repair it"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "headers",
    [
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "{reset}"},
        {"X-FloodControl-Remaining": "0", "X-FloodControl-Reset": "{reset}", "X-Ratelimit-Remaining": "9"},
        {"X-Ratelimit-Reset": "{reset}"},
        {"Retry-After": "300"},
    ],
)
def test_a_limit_says_when_it_ends(
    headers: dict[str, str], hipchat: Make, record: Record, pump: Run, receiver: Receiver
) -> None:
    receiver.status = 429
    receiver.headers = {name: value.format(reset=int(time.time()) + 300) for name, value in headers.items()}
    hipchat()
    record("stack.redeploy.fail")
    pump()
    attempt, delivery = Attempt.objects.get(), Delivery.objects.get()
    assert "The receiver asked to wait" in attempt.explanation
    assert delivery.state == "pending"
    assert delivery.due_at
    assert 280 < (delivery.due_at - attempt.started_at).total_seconds() < 320


@pytest.mark.parametrize("headers", [{}, {"X-RateLimit-Reset": "soon"}, {"X-RateLimit-Reset": "9" * 400}])
def test_a_limit_that_makes_no_sense_is_no_reason_to_fail(headers: dict[str, str]) -> None:
    given_answer = Answer("429", "Too Many Requests", 0.0, 1, status=429, response={"body": "[", "headers": headers})
    assert HipChat().understand(given_answer).status == 429


@pytest.mark.django_db
def test_a_hook_without_a_token_is_refused(hipchat: Make) -> None:
    with pytest.raises(rules.InvalidRule, match="token"):
        hipchat(token="")


# --- As a page shows it --------------------------------------------------------------------------------------
@pytest.mark.parametrize("version", ["1", "2"])
def test_the_preview_shows_the_message_in_its_colour_and_no_markup_of_others(version: str) -> None:
    about = told(data={"process_name": "<script>x</script>"}, options={"version": version})
    page = render_to_string("hooks/preview/hipchat.html", {"body": written(about)})
    assert 'class="preview hipchat red"' in page
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "style=" not in page
    assert "The people in the room are alerted." in page


def test_a_preview_trusts_no_message() -> None:
    body = {"color": "red", "message": '<b>x<a href="javascript:x" onclick="x">y</b><img src=x><table>', "notify": "0"}
    page = render_to_string("hooks/preview/hipchat.html", {"body": body})
    assert "<b>x<a>y</a></b>" in page
    assert "javascript" not in page
    assert "<img" not in page
