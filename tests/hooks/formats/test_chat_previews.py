"""Previews of messages for Slack, Mattermost and similar services."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.template.loader import render_to_string
from hypothesis import given, settings
from hypothesis import strategies as some

from hooks.formats import FORMATS
from hooks.messages import Notification
from hooks.templatetags.chat_text import chat_text, chat_time, emoji, pairs, tone
from hooks.wording import tell
from tests.hooks.formats.anything import HOSTILE, notifications
from tests.hooks.formats.markup import Markup
from tests.hooks.formats.services import TYPES
from tests.hooks.notifications import notification

WAYS = [
    ("slack", "https://hooks.slack.com/services/T0/B0/xyz"),
    ("slack", "https://chat.example.com/hooks/xyz"),
    ("mattermost", "https://chat.example.com/hooks/u2x8rkfugj8zbqby9pw3huqnyc"),
]
TAGS = {"div", "p", "b", "strong", "span", "a", "ul", "li", "dl", "dt", "dd", "svg", "use"}


def drawn(format: str, about: Notification) -> Markup:
    body: dict[str, Any] = json.loads(FORMATS[format].write(about).body)
    html = render_to_string(f"hooks/preview/{format}.html", {"body": body})
    page = Markup(html)
    assert page.tags <= TAGS
    assert {name for name, _ in page.attributes} <= {"class", "href", "rel", "aria-hidden"}
    return page


@pytest.mark.parametrize(("format", "address"), WAYS)
@pytest.mark.parametrize("event_type", TYPES)
def test_a_preview_shows_the_story(event_type: str, format: str, address: str) -> None:
    about = notification(event_type, address=address, is_test=True)
    story, page = tell(about), drawn(format, about)
    for part in (story.title, story.line, story.note, *(text for fact in story.facts[1:] for text in fact), "Acme"):
        assert part in page.text.replace("\u200b", "")
    assert ("href", story.url) in page.attributes
    assert ("class", f"chat-box {story.outcome}") in page.attributes


@pytest.mark.parametrize(("format", "address"), WAYS)
@pytest.mark.parametrize("hostile", [*HOSTILE, "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
def test_data_becomes_no_markup_of_the_page(hostile: str, format: str, address: str) -> None:
    data = {"process_name": hostile, "reason": hostile, hostile: hostile}
    about = notification("process.down", data, resource=hostile, organization=hostile, address=address)
    page = drawn(format, about)
    assert tell(about).facts[-1][1] in page.text.replace("\u200b", "") or len(hostile) > 200


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(way=some.sampled_from(WAYS), about=notifications(address=some.sampled_from([address for _, address in WAYS])))
def test_any_message_is_drawn(way: tuple[str, str], about: Notification) -> None:
    drawn(way[0], about)


def test_texts_are_shown_as_the_service_does() -> None:
    assert chat_text({"type": "mrkdwn", "text": "*Who*\na &lt;b&gt; &amp;lt;"}, "slack") == (
        "<strong>Who</strong>\na &lt;b&gt; &amp;lt;"
    )
    assert chat_text({"type": "plain_text", "text": "*Who*"}, "slack") == "*Who*"
    assert chat_text({"type": "mrkdwn", "text": "<https://x.example/?a&amp;b|There>"}, "slack") == (
        '<a href="https://x.example/?a&amp;b" rel="noopener noreferrer">There</a>'
    )
    assert chat_text("**Note**\na\\_b \\*c\\*", "markdown") == "<strong>Note</strong>\na_b *c*"
    assert chat_text("a\\_b", "plain") == "a\\_b"
    assert chat_text("a\\_b &lt; \\\\", "escaped") == "a_b &amp;lt; \\"
    assert (emoji("rotating_light"), emoji("test"), emoji(None)) == ("🚨", "", "")
    assert (pairs({"items": "x"}), pairs("x")) == ([("items", "x")], [])


def test_what_is_no_colour_or_time_is_drawn_without() -> None:
    assert (tone("#123456"), tone(None), tone([])) == ("neutral", "neutral", "neutral")
    assert (chat_time("x"), chat_time(10**30), chat_time(None)) == (None, None, None)
