"""Flowdock: the body by the URL's path, and the answers of its API."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.template.loader import render_to_string
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as some
from jsonschema import Draft202012Validator

from events.models import Event
from hooks.formats.flowdock import Flowdock
from hooks.messages import Answer, Notification
from hooks.models import Attempt, Delivery, Endpoint, Hook
from hooks.wording import tell
from tests.conftest import Receiver
from tests.hooks.formats.markup import Markup
from tests.hooks.formats.services import assert_kept_nowhere
from tests.hooks.notifications import APPLICATION, notification
from tests.hooks.wording.test_wording import KEYS, LANGUAGES, TEXTS, TYPES, VALUES

Make = Callable[..., Hook]
Record = Callable[..., Event]
Run = Callable[[], None]

TOKEN = "4f1c9a7be20d5836a1b2c3d4"
INBOX = f"https://api.flowdock.com/v1/messages/team_inbox/{TOKEN}"
CHAT = f"https://api.flowdock.com/v1/messages/chat/{TOKEN}"
MESSAGES = "https://api.flowdock.com/messages"
BRIDGE = "https://bridge.example/hooks/flow"
TAGS = {"a", "b", "em", "li", "p", "ul"}
_TEXT = {"type": "string", "minLength": 1}
_PLAIN = {"type": "string", "pattern": "^[A-Za-z0-9_ ]+$"}
_TAGS = {"type": "array", "items": {"type": "string", "pattern": "^[a-z0-9-]+$"}}
_MAIL = {"type": "string", "pattern": "^[^@ ]+@[^@ ]+$"}
_LINK = {"type": "string", "pattern": "^https?://[!-~]+$"}
# The limits of Flowdock
SCHEMAS = {
    "inbox": {
        "type": "object",
        "additionalProperties": False,
        "required": ["source", "from_address", "subject", "content"],
        "properties": {
            "source": _PLAIN,
            "from_address": _MAIL,
            "subject": _TEXT,
            "content": _TEXT,
            "from_name": _TEXT,
            "project": _PLAIN,
            "format": {"const": "html"},
            "tags": _TAGS,
            "link": _LINK,
        },
    },
    "chat": {
        "type": "object",
        "additionalProperties": False,
        "required": ["content", "external_user_name"],
        "properties": {
            "content": {**_TEXT, "maxLength": 8096},
            "external_user_name": {"type": "string", "pattern": r"^\S{1,16}$"},
            "tags": _TAGS,
        },
    },
    "activity": {
        "type": "object",
        "additionalProperties": False,
        "required": ["event", "author", "title", "external_thread_id", "thread"],
        "properties": {
            "flow_token": {"const": TOKEN},
            "event": {"const": "activity"},
            "author": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name"],
                "properties": {"name": _TEXT, "email": _MAIL},
            },
            "title": _TEXT,
            "body": _TEXT,
            "external_thread_id": _TEXT,
            "tags": _TAGS,
            "thread": {
                "type": "object",
                "additionalProperties": False,
                "required": ["title"],
                "properties": {
                    "title": _TEXT,
                    "external_url": _LINK,
                    "fields": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["label", "value"],
                            "properties": {"label": _TEXT, "value": _TEXT},
                        },
                    },
                    "status": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["value", "color"],
                        "properties": {
                            "value": _TEXT,
                            "color": {
                                "enum": [
                                    *("red", "green", "yellow", "cyan", "orange"),
                                    *("grey", "black", "lime", "purple", "blue"),
                                ]
                            },
                        },
                    },
                },
            },
        },
    },
}
VALIDATORS = {name: Draft202012Validator(schema) for name, schema in SCHEMAS.items()}
ADDRESSES = {"inbox": INBOX, "chat": CHAT, "activity": MESSAGES}


def told(
    address: str, event_type: str = "process.down", data: dict[str, Any] | None = None, **fields: Any
) -> Notification:
    return notification(event_type, data, **{"address": address, "format": "flowdock", **fields})


def written(about: Notification) -> dict[str, Any]:
    message = Flowdock().write(about)
    assert message.content_type == "application/json"
    assert not message.headers
    body: dict[str, Any] = json.loads(message.body)
    return body


def kind(body: dict[str, Any]) -> str:
    """Return the API that a body is made for; fails if it is not valid there."""
    found = [name for name, validator in VALIDATORS.items() if validator.is_valid(body)]
    assert len(found) == 1
    return found[0]


# --- What is written -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("address", "token", "meant"),
    [
        (INBOX, "", "inbox"),
        (f"{INBOX},b2c3d4e5f60718", "", "inbox"),
        (f"https://flows.example/prefix/messages/team_inbox/{TOKEN}/", "", "inbox"),
        (CHAT, "", "chat"),
        (CHAT, TOKEN, "chat"),
        (MESSAGES, "", "activity"),
        (f"{MESSAGES}/", TOKEN, "activity"),
        (f"{MESSAGES}?flow_token={TOKEN}", "", "activity"),
        (f"{BRIDGE}?flow_token={TOKEN}", "", "activity"),
        (BRIDGE, TOKEN, "activity"),
        (BRIDGE, "", "inbox"),
        ("https://bridge.example", "", "inbox"),
    ],
)
def test_the_url_says_which_api_is_meant(address: str, token: str, meant: str) -> None:
    body = written(told(address, options={"flow_token": token}))
    assert kind(body) == meant
    assert ("flow_token" in body) == bool(token and meant == "activity")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("meant", ADDRESSES)
@pytest.mark.parametrize("event_type", TYPES)
def test_every_type_is_told_to_each_api(event_type: str, meant: str, language: str, settings: LazySettings) -> None:
    settings.MESSAGE_LANGUAGE = language
    about = told(ADDRESSES[meant], event_type)
    body, story = written(about), tell(about)
    assert kind(body) == meant
    if meant == "inbox":
        text = f"{body['subject']} {Markup(body['content']).text}"
    elif meant == "chat":
        text = body["content"].replace("\u2060", "")
        assert text.endswith(f"\n{story.url}")
    else:
        fields = " ".join(f"{field['label']}{story.colon}{field['value']}" for field in body["thread"]["fields"])
        text = " ".join(Markup(part).text for part in (body["title"], body["body"], fields))
    for part in (story.title, story.line, *(f"{label}{story.colon}{value}" for label, value in story.facts)):
        assert part in text


def test_an_application_is_one_thread_whose_state_is_the_last_news() -> None:
    bad, good = (written(told(MESSAGES, event_type)) for event_type in ("stack.redeploy.fail", "stack.redeploy.ok"))
    assert bad["external_thread_id"] == good["external_thread_id"] == APPLICATION
    assert bad["thread"]["title"] == good["thread"]["title"] == "front"
    assert bad["thread"]["status"] == {"value": "deployment failed", "color": "red"}
    assert good["thread"]["status"] == {"value": "deployment succeeded", "color": "green"}


def test_the_state_is_french_where_people_read_french(settings: LazySettings) -> None:
    settings.MESSAGE_LANGUAGE = "fr"
    assert written(told(MESSAGES, "stack.redeploy.fail"))["thread"]["status"]["value"] == "échec du déploiement"


def test_the_sender_is_the_platform_s_address(settings: LazySettings) -> None:
    settings.DEFAULT_FROM_EMAIL = "Ops of Acme <ops@acme.example>"
    body = written(told(INBOX))
    assert (body["from_name"], body["from_address"]) == ("Ops of Acme", "ops@acme.example")


@pytest.mark.parametrize(
    ("resource", "project"),
    [("front", "front"), ("Bob's shop-2", "Bob s shop_2"), ("Café", "Cafe"), ("الموقع", None), ("<b>", "b")],
)
def test_the_project_is_the_application_in_what_flowdock_takes(resource: str, project: str | None) -> None:
    assert written(told(INBOX, resource=resource)).get("project") == project


def test_nobody_s_data_becomes_markup() -> None:
    data = {"process_name": '<img src=x onerror="x"> &amp;'}
    inbox = written(told(INBOX, data=data, resource="</p><script>"))
    activity = written(told(MESSAGES, data=data, resource="</p><script>"))
    thread = activity["thread"]
    html = [inbox["content"], activity["title"], activity["body"], thread["title"], thread["status"]["value"]]
    for text in [*html, *(text for field in thread["fields"] for text in field.values())]:
        markup = Markup(text)
        assert markup.tags <= TAGS
        assert {name for name, _ in markup.attributes} <= {"href"}
    assert Markup(activity["title"]).tags == {"a"}
    assert '<img src=x onerror="x"> &amp;' in Markup(inbox["content"]).text


def test_nobody_s_data_calls_people_or_tags_a_chat() -> None:
    data = {"process_name": "@everyone @@team #alert (@bob) grace@example.com"}
    content = written(told(CHAT, data=data))["content"]
    assert "everyone" in content
    assert "grace@example.com" in content
    assert not re.search(r"(?<!\w)[@#](?!\u2060)\S", content)


def test_a_test_says_that_it_is_one() -> None:
    assert "This is a test" in written(told(INBOX, is_test=True))["content"]
    assert "This is a test" in written(told(CHAT, is_test=True))["content"]
    assert "This is a test" in written(told(MESSAGES, is_test=True))["body"]


def test_a_chat_message_is_cut_before_its_link() -> None:
    about = told(CHAT, data={f"key_{n}": "@a " * 66 for n in range(20)} | {"reason": "@b " * 66})
    content = written(about)["content"]
    assert len(content) <= 8096
    assert content.endswith(f"\n{tell(about).url}")


@pytest.mark.slow
@examples(max_examples=60, deadline=None)
@given(
    event_type=some.sampled_from(TYPES) | TEXTS,
    data=some.dictionaries(KEYS | TEXTS, VALUES, max_size=8),
    resource=some.none() | TEXTS,
    organization=TEXTS,
    meant=some.sampled_from(list(ADDRESSES)),
)
def test_any_data_makes_a_valid_body(
    event_type: str, data: dict[str, Any], resource: str | None, organization: str, meant: str
) -> None:
    body = written(told(ADDRESSES[meant], event_type, data, resource=resource, organization=organization))
    assert kind(body) == meant
    if meant != "chat":
        assert Markup(body["content" if meant == "inbox" else "body"]).tags <= TAGS


# --- What is asked for ---------------------------------------------------------------------------------------
def test_the_flow_token_is_optional_and_checked() -> None:
    assert not Flowdock().check_options({})
    assert not Flowdock().check_options({"flow_token": TOKEN})
    assert Flowdock().check_options({"flow_token": "a b"}).keys() == {"flow_token"}
    assert Flowdock().select_secret_options({"flow_token": TOKEN}) == {"flow_token": TOKEN}


def test_a_url_of_flowdock_proposes_the_format() -> None:
    assert all(Flowdock().is_meant_by(address) for address in (INBOX, CHAT, MESSAGES))
    assert not Flowdock().is_meant_by(BRIDGE)
    assert "ended in 2023" in Flowdock.setup


# --- Over the wire -------------------------------------------------------------------------------------------
@pytest.fixture
def flowdock(webhook: Make, receiver: Receiver, no_default_mail: None) -> Callable[..., Hook]:
    def create(path: str = f"/v1/messages/team_inbox/{TOKEN}", **options: str) -> Hook:
        return webhook(format="flowdock", url=receiver.server.url_for(path), options=options)

    return create


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("path", "options", "status", "meant"),
    [
        (f"/v1/messages/team_inbox/{TOKEN}", {}, 200, "inbox"),
        (f"/v1/messages/chat/{TOKEN}", {}, 200, "chat"),
        ("/messages", {"flow_token": TOKEN}, 202, "activity"),
    ],
)
def test_a_delivery_arrives(
    path: str,
    options: dict[str, str],
    status: int,
    meant: str,
    flowdock: Make,
    record: Record,
    pump: Run,
    receiver: Receiver,
) -> None:
    receiver.status, receiver.body = status, "{}"
    flowdock(path, **options)
    record("stack.redeploy.fail")
    pump()
    request = receiver.requests[0]
    assert request.path == path
    assert request.json is not None
    assert kind(request.json) == meant
    assert request.json.get("flow_token", "") == options.get("flow_token", "")
    assert "webhook-signature" not in request.headers
    assert Delivery.objects.get().state == "delivered"


@pytest.mark.django_db(transaction=True)
def test_nothing_that_is_kept_or_logged_has_the_flow_token(
    flowdock: Make, record: Record, pump: Run, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    hook = flowdock("/messages", flow_token=TOKEN)
    record("stack.redeploy.fail")
    pump()
    assert receiver.requests[0].json["flow_token"] == TOKEN  # type: ignore[index]
    kept = assert_kept_nowhere(TOKEN, hook, caplog.text)
    assert json.loads(kept["body"])["flow_token"].endswith("•")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("status", "body", "state", "words"),
    [
        (
            400,
            '{"message":"Validation error","errors":{"content":["can\'t be blank"],"tags":["are odd"]}}',
            "failed",
            "400 Bad Request: Validation error: content can't be blank, tags are odd. The receiver does not accept",
        ),
        (404, '{"message":"not found"}', "pending", "404 Not Found: not found. Nothing answers at this URL, or its"),
        (404, "<h1>no</h1>", "pending", "404 Not Found. Nothing answers at this URL, or its flow token is not known"),
        (
            401,
            '{"message":"Unknown source"}',
            "pending",
            "401 Unauthorized: Unknown source. The receiver does not accept",
        ),
        (500, '{"message":["odd"],"errors":7}', "pending", "500 Internal Server Error."),
        (503, "", "pending", "503 Service Unavailable."),
    ],
)
def test_a_refusal_is_explained_in_flowdock_s_words(
    status: int,
    body: str,
    state: str,
    words: str,
    flowdock: Make,
    record: Record,
    pump: Run,
    receiver: Receiver,
) -> None:
    receiver.status, receiver.body = status, body
    hook = flowdock()
    record("stack.redeploy.fail")
    pump()
    assert Delivery.objects.get().state == state
    assert Attempt.objects.get().explanation.lower().startswith(words.lower())
    assert hook.endpoint
    assert Endpoint.objects.get(pk=hook.endpoint.pk).disabled_at is None, "whoever set it up can repair it"


@pytest.mark.django_db(transaction=True)
def test_a_limit_is_waited_for(flowdock: Make, record: Record, pump: Run, receiver: Receiver) -> None:
    receiver.status, receiver.headers = 429, {"Retry-After": "120"}
    flowdock()
    record("stack.redeploy.fail")
    pump()
    attempt, delivery = Attempt.objects.get(), Delivery.objects.get()
    assert delivery.due_at
    assert 115 < (delivery.due_at - attempt.started_at).total_seconds() < 125


@pytest.mark.parametrize("body", ["", "[", "[]", '{"errors": [1]}', '{"message": 1, "errors": {"a": [{}], "b": 1}}'])
def test_an_answer_that_makes_no_sense_is_judged_by_its_status(body: str) -> None:
    given_answer = Answer("500", "Oops", 0.0, 1, status=500, response={"body": body, "headers": {}})
    assert Flowdock().understand(given_answer) == given_answer


# --- As a page shows it --------------------------------------------------------------------------------------
@pytest.mark.parametrize("meant", ADDRESSES)
def test_the_preview_shows_the_message_and_no_markup_of_others(meant: str) -> None:
    about = told(ADDRESSES[meant], data={"process_name": "<script>x</script>"})
    page = render_to_string("hooks/preview/flowdock.html", {"body": written(about)})
    assert 'class="preview flowdock"' in page
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "style=" not in page
    assert tell(about).url in page
    assert "#process-down" in page
