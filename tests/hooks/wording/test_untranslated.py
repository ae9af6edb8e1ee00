"""Nothing in a mail, a push or a chat message is in one language only, data aside.

Every translated text is wrapped in ⟦…⟧; messages are read as people see them, drawn as the previews draw them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.template.loader import render_to_string

from events import catalogue
from hooks.formats import FORMATS
from hooks.messages import Message, RuleKind
from hooks.wording import mailing
from tests.hooks.notifications import notification
from tests.project.untranslated import find_untranslated, find_untranslated_lines, wrap_translations

OPTIONS = {
    "discord": {"thread_name": "Ops"},
    "flowdock": {"token": "flow-token"},
    "hipchat": {"token": "t0ken-of-hipchat", "room": "Ops"},
    "ntfy": {"topic": "ops"},
    "pagerduty": {"routing_key": "R" * 32},
    "telegram": {"token": f"1:{'A' * 30}", "chat": "@ops"},
}
ADDRESSES = {
    "flowdock": "https://api.flowdock.com/messages",
    "slack": "https://hooks.slack.com/services/T/B/X",
}
DRAWN = sorted(set(FORMATS) - {"raw", "mail", "apns"})
REASONS = [
    {"rule": rule.value, "name": "Deploys", "id": "hook_01", "by": "Ada"} for rule in RuleKind if rule != RuleKind.TEST
]
TYPES = sorted(catalogue.EVENT_TYPES)


@pytest.fixture(autouse=True)
def _pseudo_language(monkeypatch: pytest.MonkeyPatch) -> None:
    wrap_translations(monkeypatch)


def texts_of(value: Any) -> Iterator[str]:
    """Yield every text within JSON data, and its short lines, as messages show them on one line."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from texts_of(each)
    elif isinstance(value, str):
        yield value
        yield from value.splitlines()


def data_of(event_type: str) -> set[str]:
    """List what a message may say in the words of an event's data, or of whoever named things."""
    sample = catalogue.EVENT_TYPES[event_type].sample
    names = {"Acme", "front", "Deploys", "Ada", "Notifications"}
    return {text for text in texts_of(sample) if text.strip()} | names


def write(name: str, event_type: str, **fields: Any) -> Message:
    fields = {
        "format": name,
        "options": OPTIONS.get(name, {}),
        "address": ADDRESSES.get(name, "https://a.example/"),
        **fields,
    }
    return FORMATS[name].write(notification(event_type, **fields))


def test_mails_of_events_say_nothing_in_one_language_only() -> None:
    for event_type in TYPES:
        data = data_of(event_type)
        for is_test in (False, True):
            mail = write("mail", event_type, is_test=is_test, reasons=tuple(REASONS))
            assert mail.html
            assert find_untranslated(mail.html, data) == [], event_type
            assert find_untranslated_lines(mail.body.decode(), data) == [], event_type
            assert find_untranslated_lines(mail.subject, data) == [], event_type


def test_pushes_say_nothing_in_one_language_only() -> None:
    for event_type in TYPES:
        push = json.loads(write("apns", event_type, is_test=True).body)
        for text in push["aps"]["alert"].values():
            assert find_untranslated_lines(text, data_of(event_type)) == [], event_type


@pytest.mark.parametrize("name", DRAWN)
def test_chat_messages_say_nothing_in_one_language_only(name: str) -> None:
    keys = {"message", "test"} if name == "pagerduty" else set()  # programs read them
    for event_type in TYPES:
        message = write(name, event_type, is_test=True)
        is_form = message.content_type == "application/x-www-form-urlencoded"
        body = dict(parse_qsl(message.body.decode())) if is_form else json.loads(message.body)
        drawn = render_to_string(f"hooks/preview/{name}.html", {"body": body})
        assert find_untranslated(drawn, data_of(event_type) | keys) == [], event_type


def test_the_mail_that_asks_for_confirmation_says_nothing_in_one_language_only() -> None:
    words = mailing.build_confirmation("Acme")
    context = {"language": words.language, "words": words, "link": "https://console.example/confirm/x/", "hooks": []}
    assert find_untranslated(render_to_string("mail/confirm.html", context), {"Acme"}) == []
    assert find_untranslated_lines(render_to_string("mail/confirm.txt", context), {"Acme"}) == []
    assert find_untranslated_lines(words.subject, {"Acme"}) == []
