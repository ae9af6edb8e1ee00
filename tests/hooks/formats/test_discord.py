"""Discord: messages, and the effect of its answers."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from hooks.formats import propose_format
from tests.conftest import Receiver
from tests.hooks.formats.services import TIME, URL, Case, Delivering, Service, array, obj, text, utf16

ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
FIELD = obj({"name": text(256), "value": text(1024), "inline": {"type": "boolean"}})
EMBED = obj(
    {
        "title": text(256),
        "description": text(4096),
        "color": {"type": "integer", "minimum": 0, "maximum": 0xFFFFFF},
        "timestamp": TIME,
        "fields": array(FIELD, 25),
    },
    footer=obj({"text": text(2048)}),
    url=URL,  # the format leaves the URL out, as the host of the tests' console has no dot
)


def limits(raw: bytes, body: dict[str, Any]) -> None:
    embed = body["embeds"][0]
    texts = [each[name] for each in embed["fields"] for name in ("name", "value")]
    texts += [embed["title"], embed["description"], embed.get("footer", {}).get("text", "")]
    assert sum(map(utf16, texts)) <= 6000


SERVICE = Service(
    "discord",
    obj({"embeds": array(EMBED, 1, 1), "allowed_mentions": {"const": {"parse": []}}}),
    "https://discord.com/api/webhooks/123/token",
    limits=limits,
)


def test_a_message_tells_the_story() -> None:
    embed = SERVICE.body("job.fail")["embeds"][0]
    assert embed["title"] == "Job “Nightly invoices” of front failed"
    assert embed["timestamp"] == "2026-11-22T12:00:00+00:00"
    assert {"name": "Application", "value": "front", "inline": True} in embed["fields"]
    assert "footer" not in embed


def test_news_has_the_colour_of_its_outcome() -> None:
    colours = [SERVICE.body(each)["embeds"][0]["color"] for each in ("job.fail", "job.backon", "git.push")]
    assert len(set(colours)) == 3


def test_a_test_says_so_below() -> None:
    assert SERVICE.body("job.fail", is_test=True)["embeds"][0]["footer"]["text"].startswith("This is a test")


@pytest.mark.parametrize(
    ("url", "posted_to"),
    [
        (
            "https://discord.com/api/webhooks/1/t?thread_id=5",
            "https://discord.com/api/v10/webhooks/1/t?thread_id=5&wait=true",
        ),
        ("https://discord.com/api/v9/webhooks/1/t", "https://discord.com/api/v9/webhooks/1/t?wait=true"),
        ("https://discord.com/api/webhooks/1/t?wait=false", "https://discord.com/api/v10/webhooks/1/t?wait=true"),
        ("https://ptb.discord.com/api/webhooks/1/t", "https://ptb.discord.com/api/v10/webhooks/1/t?wait=true"),
        ("https://bridge.example/api/webhooks/1/t?a=%2F", "https://bridge.example/api/webhooks/1/t?a=%2F&wait=true"),
    ],
)
def test_discord_is_asked_to_tell_errors_in_a_way_that_is_understood(url: str, posted_to: str) -> None:
    assert SERVICE.write("job.fail", address=url).url == posted_to


def test_markup_in_data_stays_text() -> None:
    hostile = "**b** _i_ ~~s~~ `c` ||x|| # h > q [a](https://evil.example) <@1> <t:1:R> @everyone @here :smile: \\*x"
    embed = SERVICE.body("process.down", {"process_name": hostile[:70], "note": hostile})["embeds"][0]
    for shown in (embed["title"], embed["description"], *(each["value"] for each in embed["fields"])):
        bare = ESCAPE.sub("", shown)
        assert not re.search(r"[*_~`|#>\[\]<]|@everyone|@here|://|:smile:", bare)
    note = next(each["value"] for each in embed["fields"] if each["name"] == "note")
    assert ESCAPE.sub(r"\1", note) == hostile


def test_an_escape_is_never_cut_in_two() -> None:
    for length in range(40, 81):
        title = SERVICE.body("process.down", {"process_name": "*" * 80}, resource="_" * length)["embeds"][0]["title"]
        assert len(title) <= 256
        assert not re.search(r"(?<!\\)(?:\\\\)*\\…$", title)


def test_what_there_is_no_room_for_is_left_out() -> None:
    fields = SERVICE.body("process.down", {f"name{number}": "*" * 200 for number in range(18)})["embeds"][0]["fields"]
    assert 10 < len(fields) < 20


def test_a_webhook_s_url_proposes_this_format() -> None:
    for url in ("https://discord.com/api/webhooks/1/t", "https://canary.discord.com/api/webhooks/1/t"):
        assert propose_format(url).name == "discord"
    assert propose_format("https://notdiscord.com/api/webhooks/1/t") is None


ANSWERS = [
    Case(200, {"id": "1"}, "delivered", ""),
    Case(204, "", "delivered", ""),
    Case(404, {"message": "Unknown Webhook", "code": 10015}, "gone", "This Discord webhook was deleted."),
    Case(404, {"message": "Unknown Channel", "code": 10003}, "pending", "404 Unknown Channel."),
    Case(404, "<html>", "pending", "404 NOT FOUND."),
    Case(401, {"message": "Invalid Webhook Token", "code": 50027}, "gone", "no webhook with this token"),
    Case(400, {"message": "Invalid Form Body", "code": 50035}, "failed", "400 Invalid Form Body."),
    Case(429, {"message": "You are being rate limited.", "retry_after": 64.57, "global": False}, "pending", "64 s", 64),
    Case(429, "", "pending", "wait 30 s", 30, {"Retry-After": "30"}),
    Case(429, {"retry_after": "soon"}, "pending", "429"),
    Case(502, "<html>", "pending", "502"),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("case", ANSWERS, ids=str)
def test_an_answer_is_understood(case: Case, delivering: Delivering) -> None:
    delivering.brings(SERVICE, case)


@pytest.mark.django_db(transaction=True)
def test_what_arrives_is_the_message(delivering: Delivering, receiver: Receiver) -> None:
    delivering(SERVICE, Case(200, {}, "delivered", ""))
    request = receiver.requests[0]
    assert dict(request.args) == {"wait": "true"}
    assert json.loads(request.data)["embeds"][0]["title"]
    assert "webhook-signature" not in request.headers


def test_old_versions_count_in_milliseconds() -> None:
    old = {"url": "https://discord.com/api/v6/webhooks/1/t"}
    assert SERVICE.understand(429, {"retry_after": 1500}, request=old).retry_after == 1.5
    assert SERVICE.understand(429, {"retry_after": 1500}).retry_after == 1500
