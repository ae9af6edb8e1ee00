"""Google Chat: messages, and the effect of its answers."""

from __future__ import annotations

from typing import Any

import pytest

from hooks.formats import google_chat, propose_format
from tests.hooks.formats.services import URL, Case, Delivering, Html, Service, array, obj, text
from tests.hooks.notifications import APPLICATION

WIDGET = {
    "oneOf": [
        obj({"textParagraph": obj({"text": text(3000)})}),
        obj({"decoratedText": obj({"topLabel": text(200), "text": text(1000), "wrapText": {"const": True}})}),
        obj({"buttonList": obj({"buttons": array(
            obj({"text": text(100), "onClick": obj({"openLink": obj({"url": URL})})}), 1, 1,
        )})}),
    ]
}  # fmt: skip
CARD = obj({"cardId": text(64), "card": obj({"sections": array(obj({"widgets": array(WIDGET, 100, 2)}), 1, 1)})})


def limits(raw: bytes, body: dict[str, Any]) -> None:
    assert len(raw) <= 32_000


SERVICE = Service(
    "google_chat",
    obj({"text": text(4096), "cardsV2": array(CARD, 1, 1), "thread": obj({"threadKey": text(64)})}),
    "https://chat.googleapis.com/v1/spaces/AAA/messages?key=k&token=t%3D",
    limits=limits,
)


def widgets(body: dict[str, Any]) -> list[dict[str, Any]]:
    return body["cardsV2"][0]["card"]["sections"][0]["widgets"]


def test_a_message_has_a_title_and_a_card() -> None:
    body = SERVICE.body("job.fail")
    assert body["text"] == "Job “Nightly invoices” of front failed"
    first, *_, last = widgets(body)
    assert first["textParagraph"]["text"].startswith("The job “Nightly invoices”")
    assert last["buttonList"]["buttons"][0]["text"] == "Open the event in the console"
    assert {"topLabel": "Application", "text": "front", "wrapText": True} in [
        each.get("decoratedText") for each in widgets(body)
    ]


def test_an_application_has_one_thread() -> None:
    assert SERVICE.body("job.fail")["thread"] == {"threadKey": APPLICATION}
    reply = "messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"
    assert SERVICE.write("job.fail").url == f"{SERVICE.address}&{reply}"
    chosen = f"{SERVICE.address}&messageReplyOption=REPLY_MESSAGE_OR_FAIL"
    assert SERVICE.write("job.fail", address=chosen).url == chosen


def test_a_test_says_so() -> None:
    assert widgets(SERVICE.body("job.fail", is_test=True))[-2]["textParagraph"]["text"].startswith("This is a test")


def test_markup_in_data_stays_text() -> None:
    hostile = '<users/all> <b>b</b> <a href="https://evil.example">a</a> &lt; <https://evil.example|x>'
    body = SERVICE.body("process.down", {"process_name": hostile, "note": hostile})
    assert "<users" not in body["text"]
    assert "<https" not in body["text"]
    texts = [
        each.get(kind, {}).get("text", "") for each in widgets(body) for kind in ("textParagraph", "decoratedText")
    ]
    shown = [Html(each) for each in texts]
    assert not [each.tags for each in shown if each.tags]
    assert hostile in [each.text for each in shown]


def test_the_largest_message_is_within_the_limit() -> None:
    SERVICE.body("process.down", {f"{number}{'😀' * 60}": "&" * 300 for number in range(18)}, resource="&" * 300)


def test_a_message_that_were_too_large_loses_its_last_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google_chat, "_MOST", 8000)
    about = {f"{number}{'😀' * 60}": "&" * 300 for number in range(18)}
    assert 5 < len(widgets(SERVICE.body("process.down", about))) < 12
    assert len(SERVICE.write("process.down", about).body) <= 8000


def test_a_webhook_s_url_proposes_this_format() -> None:
    assert propose_format(SERVICE.address).name == "google_chat"


def error(code: int, message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, **more}}


ANSWERS = [
    Case(200, {"name": "spaces/AAA/messages/1"}, "delivered", ""),
    Case(403, error(403, "The API is called without a valid token."), "pending", "does not accept the key"),
    Case(401, "", "pending", "does not accept the key"),
    Case(
        400,
        error(400, "API key not valid. Please pass a valid API key.", details=[{"reason": "API_KEY_INVALID"}]),
        "pending",
        "does not accept the key",
    ),
    Case(400, error(400, "Invalid JSON payload received."), "failed", "400 Invalid JSON payload received."),
    Case(404, error(404, "Requested entity was not found."), "pending", "not there any more"),
    Case(404, "<html>", "pending", "404 NOT FOUND."),
    Case(429, error(429, "Resource has been exhausted"), "pending", "429 Resource has been exhausted."),
    Case(503, "", "pending", "503"),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("case", ANSWERS, ids=str)
def test_an_answer_is_understood(case: Case, delivering: Delivering) -> None:
    delivering.brings(SERVICE, case)
