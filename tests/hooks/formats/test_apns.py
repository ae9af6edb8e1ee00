"""Pushes to Apple: the story as an alert, within Apple's limits."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings as django_settings
from hypothesis import example, given, settings
from hypothesis import strategies as some

from hooks.formats import FORMATS, list_webhook_formats
from hooks.formats.apns import MOST
from hooks.messages import Message, Notification
from hooks.wording import tell
from tests.hooks.formats.anything import HOSTILE, LANGUAGES, notifications
from tests.hooks.formats.services import TYPES, URL, Service, obj, text
from tests.hooks.notifications import APPLICATION, ORGANIZATION, notification

ALERT = obj({"title": text(200), "subtitle": text(80, 0), "body": text(700, 0)})
APS = obj(
    {
        "alert": ALERT,
        "thread-id": {"type": "string", "pattern": "^[!-~]{1,64}$"},
        "interruption-level": {"enum": ["passive", "active", "time-sensitive"]},
    },
    sound={"const": "default"},
)


def limits(raw: bytes, body: dict[str, Any]) -> None:
    assert len(raw) <= 4096
    assert {"aps"} < body.keys()


SERVICE = Service("apns", obj({"aps": APS, "event_type": text(80, 0)}, url=URL), "f" * 64, limits=limits)


def check(message: Message) -> dict[str, Any]:
    headers = message.headers
    assert headers.keys() == {"apns-push-type", "apns-priority", "apns-collapse-id"}
    assert headers["apns-push-type"] == "alert"
    assert headers["apns-priority"] in {"5", "10"}
    assert 0 < len(headers["apns-collapse-id"].encode("ascii")) <= 64
    assert headers["apns-collapse-id"].isprintable()
    return SERVICE.check(message)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("event_type", TYPES)
def test_an_alert_tells_the_story(event_type: str, language: str, settings: Any) -> None:
    settings.MESSAGE_LANGUAGE = language
    about = notification(event_type)
    story, body = tell(about), check(FORMATS["apns"].write(about))
    assert body["aps"]["alert"] == {"title": story.title, "subtitle": "Acme", "body": story.line}
    assert (body["url"], body["event_type"]) == (story.url, event_type)


@pytest.mark.parametrize(
    ("event_type", "level", "priority", "sound"),
    [
        ("job.fail", "time-sensitive", "10", True),
        ("job.backon", "active", "10", True),
        ("git.push", "passive", "5", False),
    ],
)
def test_how_much_it_interrupts_is_said_by_the_outcome(event_type: str, level: str, priority: str, sound: bool) -> None:
    message = SERVICE.write(event_type)
    aps = check(message)["aps"]
    assert (aps["interruption-level"], message.headers["apns-priority"]) == (level, priority)
    assert ("sound" in aps) == sound


def test_news_of_one_application_stay_together_and_the_newest_takes_the_place() -> None:
    first, second = SERVICE.write("job.fail"), SERVICE.write("stack.redeploy.ok")
    for message in (first, second):
        assert check(message)["aps"]["thread-id"] == message.headers["apns-collapse-id"] == APPLICATION
    other = SERVICE.write("credits.added", resource=None)
    assert other.headers["apns-collapse-id"].startswith(ORGANIZATION)


def test_a_test_says_so() -> None:
    body = SERVICE.body("job.fail", is_test=True)["aps"]["alert"]["body"]
    assert body.startswith("This is a test")
    assert "failed" in body


def test_only_the_body_is_cut_and_with_an_ellipsis() -> None:
    data = {"job": "😀" * 70, "reason": "😀" * 2000, "command": "😀" * 300, "user": "😀" * 300}
    about = notification("job.fail", data, organization="😀" * 80, is_test=True)
    message = FORMATS["apns"].write(about)
    body, story = check(message), tell(about)
    alert = body["aps"]["alert"]
    assert alert["title"] == story.title
    whole = f"{story.note}\n{story.line}"
    assert alert["body"] == whole or (alert["body"].endswith("…") and whole.startswith(alert["body"][:-1]))


@pytest.mark.parametrize("sign", ["😀", '"', "\\", "é", "x"])
def test_whatever_it_is_made_of_the_longest_alert_fills_what_apple_takes(sign: str, monkeypatch: Any) -> None:
    """Stories could be longer than today's: the room is counted in bytes of JSON."""
    about = notification("job.fail")
    longest = replace(tell(about), title=sign * 200, line=sign * 9000)
    monkeypatch.setattr("hooks.formats.apns.tell", lambda notification: longest)
    message = FORMATS["apns"].write(about)
    assert MOST - 10 <= len(message.body) <= MOST
    assert json.loads(message.body)["aps"]["alert"]["body"].endswith("…")


def test_an_address_that_is_too_long_is_left_out(settings: Any) -> None:
    settings.PUBLIC_URL = f"https://{'a' * 5000}.example"
    assert "url" not in SERVICE.body("job.fail")


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(about=notifications(), language=some.sampled_from(LANGUAGES))
@example(about=notification("x" * 5000, {"reason": HOSTILE[-2]}, organization="&" * 500), language="en")
def test_any_event_gives_an_alert_that_apple_takes(about: Notification, language: str) -> None:
    before, django_settings.MESSAGE_LANGUAGE = django_settings.MESSAGE_LANGUAGE, language
    try:
        check(FORMATS["apns"].write(about))
    finally:
        django_settings.MESSAGE_LANGUAGE = before


def test_it_is_no_format_for_webhooks() -> None:
    assert "apns" not in [known.name for known in list_webhook_formats()]
