"""Telegram: messages, and the effect of the Bot API's answers."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from hooks.formats import FORMATS, propose_format
from hooks.models import Attempt
from hooks.wording import tell
from tests.conftest import Receiver
from tests.hooks.formats.services import Case, Delivering, Html, Service, obj, text, utf16
from tests.hooks.notifications import notification

TOKEN = "123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"


def limits(raw: bytes, body: dict[str, Any]) -> None:
    shown = Html(body["text"])
    assert 0 < utf16(shown.text) <= 4096
    assert {tag for tag, _ in shown.tags} <= {"a", "b"}


SERVICE = Service(
    "telegram",
    obj({
        "chat_id": {"type": "string", "pattern": r"^(-?\d+|@\w+)$"},
        "text": text(20_000),
        "parse_mode": {"const": "HTML"},
        "link_preview_options": {"const": {"is_disabled": True}},
    }),
    "https://api.telegram.org",
    {"token": TOKEN, "chat": "-1001234567890"},
    limits,
)  # fmt: skip


def test_a_message_tells_the_story() -> None:
    body = SERVICE.body("job.fail")
    assert body["chat_id"] == "-1001234567890"
    assert body["text"].startswith("<b>Job “Nightly invoices” of front failed</b>\nThe job “Nightly invoices” ")
    assert "\nApplication: <b>front</b>\n" in body["text"]
    assert body["text"].endswith(f'<a href="{tell(notification("job.fail")).url}">Open the event in the console</a>')


def test_it_goes_to_the_bot_s_own_address() -> None:
    assert SERVICE.write("job.fail").url == f"https://api.telegram.org/bot{TOKEN}/sendMessage"
    own = SERVICE.write("job.fail", address="http://bots.example/api/")
    assert own.url == f"http://bots.example/api/bot{TOKEN}/sendMessage"


def test_a_test_says_so() -> None:
    assert "This is a test" in SERVICE.body("job.fail", is_test=True)["text"]


def test_markup_and_mentions_in_data_stay_text() -> None:
    hostile = '<b>b</b> <a href="tg://user?id=1">a</a> &amp; @channel (@durov) grace@example.com </b>'
    shown = Html(SERVICE.body("process.down", {"process_name": hostile, "note": hostile})["text"])
    assert [given["href"] for tag, given in shown.tags if tag == "a"] == [tell(notification("process.down")).url]
    assert not re.search(r"(?<!\w)@\w", shown.text)
    assert hostile in shown.text.replace("\u2060", "")


def test_what_there_is_no_room_for_is_left_out() -> None:
    shown = Html(SERVICE.body("process.down", {f"name{number}": "<😀" * 150 for number in range(18)})["text"])
    assert utf16(shown.text) > 3500
    assert shown.text.endswith("Open the event in the console")


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (SERVICE.options, set()),
        ({"token": TOKEN, "chat": "123"}, set()),
        ({"token": TOKEN, "chat": "@acme_alerts"}, set()),
        ({}, {"token", "chat"}),
        ({"token": "123:short", "chat": "acme"}, {"token", "chat"}),
        ({"token": f"{TOKEN}/../x", "chat": "1.5"}, {"token", "chat"}),
    ],
)
def test_options_are_checked(options: dict[str, str], wrong: set[str]) -> None:
    assert set(FORMATS["telegram"].check_options(options)) == wrong


def test_its_url_proposes_this_format() -> None:
    assert propose_format("https://api.telegram.org/").name == "telegram"


def error(code: int, description: str, **parameters: Any) -> dict[str, Any]:
    more = {"parameters": parameters} if parameters else {}
    return {"ok": False, "error_code": code, "description": description, **more}


ANSWERS = [
    Case(200, {"ok": True, "result": {"message_id": 1}}, "delivered", ""),
    Case(403, error(403, "Forbidden: bot was blocked by the user"), "gone", "bot was blocked by the user. Let the bot"),
    Case(403, error(403, "Forbidden: bot was kicked from the group chat"), "gone", "kicked from the group chat"),
    Case(403, "<html>", "pending", "403"),
    Case(400, error(400, "Bad Request: chat not found"), "gone", "Telegram finds no such chat."),
    Case(
        400,
        error(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-1009876543210),
        "gone",
        "Put the new chat id here: -1009876543210.",
    ),
    Case(400, error(400, "Bad Request: not enough rights to send text messages"), "pending", "may not write"),
    Case(400, error(400, "Bad Request: message is too long"), "failed", "400 Bad Request: message is too long."),
    Case(401, error(401, "Unauthorized"), "pending", "does not know this bot token"),
    Case(404, error(404, "Not Found"), "pending", "does not know this bot token"),
    Case(429, error(429, "Too Many Requests: retry after 33", retry_after=33), "pending", "wait 33 s", 33),
    Case(502, "", "pending", "502"),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("case", ANSWERS, ids=str)
def test_an_answer_is_understood(case: Case, delivering: Delivering) -> None:
    delivering.brings(SERVICE, case)


@pytest.mark.django_db(transaction=True)
def test_the_token_arrives_and_is_not_recorded(delivering: Delivering, receiver: Receiver) -> None:
    delivery = delivering(SERVICE, ANSWERS[0])
    assert receiver.requests[0].path == f"/hook/bot{TOKEN}/sendMessage"
    attempt = Attempt.objects.get(delivery=delivery)
    assert TOKEN not in json.dumps([attempt.request, attempt.response, attempt.explanation])
