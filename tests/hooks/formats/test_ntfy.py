"""ntfy: messages, and the effect of its answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hooks.formats import FORMATS, propose_format
from hooks.models import Attempt
from tests.conftest import Receiver
from tests.hooks.formats.services import URL, Case, Delivering, Service, array, obj, text

TOKEN = "tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2"


def limits(raw: bytes, body: dict[str, Any]) -> None:
    assert len(body["message"].encode()) <= 4096
    assert len(body["title"].encode()) <= 250


SERVICE = Service(
    "ntfy",
    obj({
        "topic": {"type": "string", "pattern": "^[-_A-Za-z0-9]{1,64}$"},
        "title": text(250),
        "message": text(4096),
        "tags": array({"type": "string", "pattern": "^[a-z_]+$"}, 2, 1),
        "priority": {"type": "integer", "minimum": 1, "maximum": 5},
        "click": URL,
    }),
    "https://ntfy.sh",
    {"topic": "acme-alerts", "token": TOKEN},
    limits,
)  # fmt: skip


def test_a_push_tells_the_story() -> None:
    body = SERVICE.body("job.fail")
    assert (body["topic"], body["title"]) == ("acme-alerts", "Job “Nightly invoices” of front failed")
    line, facts = body["message"].split("\n\n")
    assert line.startswith("The job “Nightly invoices”")
    assert "Application: front" in facts.splitlines()


def test_bad_news_insists() -> None:
    bodies = [SERVICE.body(each) for each in ("job.fail", "job.backon", "git.push")]
    assert [body["priority"] for body in bodies] == [4, 3, 2]
    assert [body["tags"] for body in bodies] == [["rotating_light"], ["white_check_mark"], ["information_source"]]


def test_a_test_says_so() -> None:
    body = SERVICE.body("job.fail", is_test=True)
    assert body["tags"] == ["rotating_light", "test"]
    assert "This is a test" in body["message"]


def test_a_long_message_is_cut_to_bytes() -> None:
    message = SERVICE.body("process.down", {f"name{number}": "😀" * 300 for number in range(18)})["message"]
    assert message.endswith("…")
    assert len(message.encode()) > 4000


@pytest.mark.parametrize(
    ("url", "posted_to"),
    [
        ("https://ntfy.sh", "https://ntfy.sh/"),
        ("https://ntfy.sh/acme-alerts", "https://ntfy.sh/"),
        ("https://push.example/ntfy/", "https://push.example/ntfy/"),
    ],
)
def test_it_goes_to_the_server_not_to_the_topic(url: str, posted_to: str) -> None:
    assert SERVICE.write("job.fail", address=url).url == posted_to


def test_without_a_token_nothing_is_authorized() -> None:
    assert SERVICE.write("job.fail").headers == {"Authorization": f"Bearer {TOKEN}"}
    assert SERVICE.write("job.fail", options={"topic": "t"}).headers == {}


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"topic": "t"}, set()),
        ({"topic": "t", "token": TOKEN}, set()),
        ({}, {"topic"}),
        ({"topic": "a/b"}, {"topic"}),
        ({"topic": "t" * 65}, {"topic"}),
        ({"topic": "t", "token": "a b"}, {"token"}),
        ({"topic": "t", "chat": "1"}, {"chat"}),
    ],
)
def test_options_are_checked(options: dict[str, str], wrong: set[str]) -> None:
    assert set(FORMATS["ntfy"].check_options(options)) == wrong


def test_the_public_server_proposes_this_format() -> None:
    assert propose_format("https://ntfy.sh/acme").name == "ntfy"


ANSWERS = [
    Case(200, {"id": "x", "time": 1, "event": "message"}, "delivered", ""),
    Case(401, {"code": 40101, "http": 401, "error": "unauthorized"}, "pending", "does not know this access token"),
    Case(403, {"code": 40301, "http": 403, "error": "forbidden"}, "pending", "The topic is protected."),
    Case(400, {"code": 40009, "http": 400, "error": "invalid request: topic invalid"}, "failed", "topic invalid."),
    Case(
        429,
        {"code": 42908, "http": 429, "error": "limit reached: daily message quota reached"},
        "pending",
        "daily message quota reached",
    ),
    Case(429, "", "pending", "wait 15 s", 15, {"Retry-After": "15"}),
    Case(500, {"code": 50001, "error": "internal server error"}, "pending", "500"),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("case", ANSWERS, ids=str)
def test_an_answer_is_understood(case: Case, delivering: Delivering) -> None:
    delivering.brings(SERVICE, case)


@pytest.mark.django_db(transaction=True)
def test_the_token_arrives_and_is_not_recorded(delivering: Delivering, receiver: Receiver) -> None:
    delivery = delivering(SERVICE, ANSWERS[0])
    request = receiver.requests[0]
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert json.loads(request.data)["topic"] == "acme-alerts"
    assert TOKEN not in json.dumps(Attempt.objects.get(delivery=delivery).request)
