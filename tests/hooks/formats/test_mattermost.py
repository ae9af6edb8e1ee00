"""Mattermost: messages, and the effect of its answers."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.conf import LazySettings
from hypothesis import given, settings
from hypothesis import strategies as some
from markdown_it import MarkdownIt

from hooks.formats import FORMATS, propose_format
from hooks.formats.mattermost import escape
from hooks.messages import Notification
from hooks.wording import plain, tell
from tests.hooks.formats.anything import HOSTILE, TEXTS, notifications
from tests.hooks.formats.services import LANGUAGES, TYPES, URL, Case, Delivering, Service, array, obj, text
from tests.hooks.notifications import notification

KEY = "https://chat.example.com/hooks/u2x8rkfugj8zbqby9pw3huqnyc"
LONGEST_POST = 16_383  # Mattermost splits a longer post
BOX = obj(
    {
        "fallback": text(300),
        "color": {"type": "string", "pattern": "^#[0-9a-f]{6}$"},
        "title": text(300),
        "title_link": URL,
        "text": text(LONGEST_POST),
        "fields": array(obj({"title": text(300), "value": text(LONGEST_POST), "short": {"type": "boolean"}}), 25),
        "footer": text(300),
    }
)
CALL = re.compile(r"(?<![A-Za-z0-9])@(?=\w)|@(?:channel|here|all)\b", re.IGNORECASE)  # possible mentions
MARKDOWN = MarkdownIt("commonmark")


def short_enough(raw: bytes, body: dict[str, Any]) -> None:
    assert len(raw.decode()) < LONGEST_POST


MATTERMOST = Service("mattermost", obj({"attachments": array(BOX, 1, 1)}), KEY, limits=short_enough)


def box_of(body: dict[str, Any]) -> dict[str, Any]:
    box: dict[str, Any] = body["attachments"][0]
    return box


def shown(written: str) -> str:
    """Return a text as a reader sees it; fails on any markup in it."""
    inside = re.fullmatch(r"<p>(.*)</p>\n", MARKDOWN.render(written), re.DOTALL)
    assert inside is not None
    assert "<" not in inside[1]
    return html.unescape(inside[1]).replace("\u200b", "")


# --- Every type --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("event_type", TYPES)
def test_mattermost_takes_every_type(event_type: str, language: str, settings: LazySettings) -> None:
    settings.MESSAGE_LANGUAGE = language
    story, box = tell(notification(event_type)), box_of(MATTERMOST.body(event_type))
    assert (box["title"], box["fallback"], box["title_link"]) == (story.title, story.title, story.url)
    assert shown(box["text"]) == story.line
    assert tuple((field["title"], shown(field["value"])) for field in box["fields"]) == story.facts[1:]
    assert box["footer"] == f"Acme · {story.when[1]}"


def test_a_test_says_so_in_bold() -> None:
    story = tell(notification("process.down", is_test=True))
    box = box_of(MATTERMOST.body("process.down", is_test=True))
    assert MARKDOWN.render(box["text"]).startswith(f"<p><strong>{story.note}</strong>\n")
    assert box["fallback"] == f"[Test] {story.title}"


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        (KEY, True),
        ("https://example.com/chat/hooks/u2x8rkfugj8zbqby9pw3huqnyc/", True),
        ("https://acme.cloud.mattermost.com/hooks/1", True),
        ("https://chat.example.com/hooks/short", False),
        ("https://chat.example.com/u2x8rkfugj8zbqby9pw3huqnyc", False),
        ("https://[", False),
    ],
)
def test_a_url_with_a_key_proposes_the_format(url: str, meant: bool) -> None:
    assert (propose_format(url) is FORMATS["mattermost"]) == meant


# --- Anybody's data ----------------------------------------------------------------------------------------------
def assert_harmless(body: dict[str, Any]) -> None:
    box = box_of(body)
    fields = [each for field in box["fields"] for each in (field["title"], field["value"])]
    for each in (box["text"], box["title"], box["fallback"], box["footer"], *fields):
        assert not CALL.search(each)
        assert "<!" not in each
        assert "](" not in each


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_data_calls_nobody_and_makes_no_markup(hostile: str) -> None:
    data = {"process_name": hostile, "reason": hostile, hostile: hostile, "server": {"name": hostile, "uid": hostile}}
    about = notification("process.down", data, resource=hostile, organization=hostile)
    body = MATTERMOST.body("process.down", data, resource=hostile, organization=hostile)
    assert_harmless(body)
    values = [shown(field["value"]) for field in box_of(body)["fields"]]
    assert values == [value for _, value in tell(about).facts[1:]][: len(values)]


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("grace@example.com", "grace@example.com"),
        ("@channel", "@\u200bchannel"),
        ("x@here", "x@\u200bhere"),
        ("~town-square", "\\~\u200btown-square"),
        ("#deploys", "\\#\u200bdeploys"),
        ("see #12", "see #\u200b12"),
        ("my_app *x* [a](b)", "my\\_app \\*x\\* \\[a\\]\u200b(b)"),
        ("1. - 2", "1\\. - 2"),
        ("a & b < c", "a &amp; b &lt; c"),
        ("https://git.example.com/my_shop.git?a=1&b=2 x_y", "https://git.example.com/my_shop.git?a=1&b=2 x\\_y"),
    ],
)
def test_markup_is_escaped(given: str, written: str) -> None:
    assert escape(given) == written


@settings(max_examples=60, deadline=None)
@given(about=notifications(address=some.just(KEY)))
def test_any_data_makes_a_post_within_the_limits(about: Notification) -> None:
    assert_harmless(MATTERMOST.check(FORMATS["mattermost"].write(about)))


@settings(max_examples=100, deadline=None)
@given(given_text=TEXTS.map(plain.make_line).filter(bool))
def test_any_text_is_shown_as_it_is(given_text: str) -> None:
    assert shown(escape(given_text)) == given_text


# --- What Mattermost answers -------------------------------------------------------------------------------------
def said(name: str, message: str = "", status: int = 400) -> dict[str, Any]:
    return {"id": name, "message": message, "detailed_error": "", "request_id": "x", "status_code": status}


CASES = [
    Case(200, "ok", "delivered", ""),
    Case(400, said("web.incoming_webhook.invalid.app_error"), "gone", "Mattermost knows no such webhook"),
    Case(
        501,
        said("web.incoming_webhook.disabled.app_error", status=501),
        "gone",
        "Ask its system administrator to enable",
    ),
    Case(404, said("web.incoming_webhook.channel.app_error", status=404), "gone", "was deleted or archived"),
    Case(404, said("app.channel.get.existing.app_error", status=404), "gone", "was deleted or archived"),
    Case(400, said("api.post.create_post.can_not_post_to_deleted.error"), "gone", "was deleted or archived"),
    Case(403, said("web.incoming_webhook.user.app_error", status=403), "gone", "Whoever made this webhook"),
    Case(403, said("web.incoming_webhook.permissions.app_error", status=403), "gone", "Whoever made this webhook"),
    Case(400, said("web.incoming_webhook.text.app_error"), "failed", "Mattermost found no text in this message."),
    Case(400, said("model.incoming_hook.parse_data.app_error"), "failed", "Mattermost could not read this message."),
    Case(400, said("something.new", "It rains."), "failed", "400 It rains. The receiver does not accept this message"),
    Case(500, said("app.post.save.app_error", "Unable to save the Post.", 500), "pending", "Unable to save the Post."),
    Case(400, "<html>", "failed", "400"),
    Case(404, {"id": 7}, "pending", "check its path"),
    Case(429, "limit exceeded", "pending", "asked to wait 20 s", waits=20, headers={"Retry-After": "20"}),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_answer_of_mattermost_is_understood(case: Case, delivering: Delivering) -> None:
    delivering.brings(MATTERMOST, case)
