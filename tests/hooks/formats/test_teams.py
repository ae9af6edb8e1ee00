"""Microsoft Teams: messages to a workflow, and the effect of its answers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from hooks.formats import propose_format, teams
from tests.hooks.formats.services import URL, Case, Delivering, Service, array, obj, text

ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
TRUE = {"const": True}
FACT = obj({"title": text(200), "value": text(500)})
TITLE = obj({
    "type": {"const": "TextBlock"}, "text": text(1000), "weight": {"const": "Bolder"}, "size": {"const": "Medium"},
    "wrap": TRUE, "color": {"enum": ["Attention", "Good", "Accent"]},
})  # fmt: skip
BLOCK = obj({"type": {"const": "TextBlock"}, "text": text(2000), "wrap": TRUE}, isSubtle=TRUE)
FACTS = obj({"type": {"const": "FactSet"}, "facts": array(FACT, 30, 1)})
CARD = obj({
    "$schema": {"const": "http://adaptivecards.io/schemas/adaptive-card.json"},
    "type": {"const": "AdaptiveCard"},
    "version": {"const": "1.4"},
    "msteams": {"const": {"width": "Full"}},
    "body": array({"oneOf": [TITLE, BLOCK, FACTS]}, 4, 2),
    "actions": array(obj({"type": {"const": "Action.OpenUrl"}, "title": text(100), "url": URL}), 1, 1),
})  # fmt: skip
ATTACHMENT = obj({
    "contentType": {"const": "application/vnd.microsoft.card.adaptive"},
    "contentUrl": {"type": "null"},
    "content": CARD,
})  # fmt: skip


def limits(raw: bytes, body: dict[str, Any]) -> None:
    assert len(raw) <= 28 * 1024


SERVICE = Service(
    "teams",
    obj({"type": {"const": "message"}, "attachments": array(ATTACHMENT, 1, 1)}),
    "https://prod-12.westeurope.logic.azure.com:443/workflows/abc/triggers/manual/paths/invoke?api-version=1&sig=x",
    limits=limits,
)
CONNECTOR = {"request": {"url": "https://acme.webhook.office.com/webhookb2/1@2/IncomingWebhook/3/4"}}


def card(*arguments: Any, **fields: Any) -> list[dict[str, Any]]:
    return SERVICE.body(*arguments, **fields)["attachments"][0]["content"]["body"]


def test_a_card_tells_the_story() -> None:
    title, line, facts = card("job.fail")
    assert (title["text"], title["color"]) == ("Job “Nightly invoices” of front failed", "Attention")
    assert line["text"].startswith("The job “Nightly invoices”")
    assert {"title": "Application", "value": "front"} in facts["facts"]
    assert facts["facts"][-1]["title"] == "When"


def test_good_news_is_green_and_a_test_says_so() -> None:
    title, *_, note = card("job.backon", is_test=True)
    assert title["color"] == "Good"
    assert note["text"].startswith("This is a test")


def test_markup_in_data_stays_text() -> None:
    hostile = "**b** _i_ [a](https://evil.example) \\[x\\](y)"
    title, line, facts = card("process.down", {"process_name": hostile, "note": hostile})
    values = [fact["value"] for fact in facts["facts"]]
    for shown in (title["text"], line["text"], *values):
        assert not re.search(r"[\[\]()*_]", ESCAPE.sub("", shown))
    assert hostile in [ESCAPE.sub(r"\1", value) for value in values]


def test_the_largest_card_is_within_the_limit() -> None:
    SERVICE.body("process.down", {f"{number}{'😀' * 60}": "\\" * 300 for number in range(18)}, resource="😀" * 300)


def test_a_card_that_were_too_large_loses_its_last_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teams, "_MOST", 8000)
    about = {f"{number}{'😀' * 60}": "\\" * 300 for number in range(18)}
    _, _, facts = card("process.down", about)
    assert facts["facts"][0] == {"title": "Organization", "value": "Acme"}
    assert 4 < len(facts["facts"]) < 10
    assert len(SERVICE.write("process.down", about).body) <= 8000


@pytest.mark.parametrize(
    "host",
    [
        "prod-12.westeurope.logic.azure.com:443",
        "default123.45.environment.api.powerplatform.com",
        "emea.api.powerautomate.com",
        "x.flow.microsoft.com",
    ],
)
def test_a_workflow_s_url_proposes_this_format(host: str) -> None:
    assert propose_format(f"https://{host}/workflows/abc?sig=x").name == "teams"


ANSWERS = [
    Case(202, "", "delivered", "Accepted: the workflow posts it"),
    Case(200, "", "delivered", ""),
    Case(401, {"error": {"code": "DirectApiAuthorizationRequired"}}, "pending", "does not let us trigger it"),
    Case(403, "", "pending", "does not let us trigger it"),
    Case(404, {"error": {"code": "WorkflowNotFound", "message": "…"}}, "pending", "There is no such workflow."),
    Case(
        400,
        {"error": {"code": "TriggerInputSchemaMismatch", "message": "The input body does not fit."}},
        "failed",
        "400 The input body does not fit.",
    ),
    Case(429, {"error": {"code": "TooManyRequests"}}, "pending", "wait 20 s", 20, {"Retry-After": "20"}),
    Case(502, "", "pending", "502"),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("case", ANSWERS, ids=str)
def test_an_answer_is_understood(case: Case, delivering: Delivering) -> None:
    delivering.brings(SERVICE, case)


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (200, "1", None),
        (200, "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 400", "retry"),
        (400, "Bad payload", "gone"),
        (410, "", "gone"),
        (429, "", None),
        (503, "", None),
    ],
)
def test_of_a_retired_connector_it_is_told_what_to_do(status: int, body: str, meaning: str | None) -> None:
    answer = SERVICE.understand(status, body, **CONNECTOR)
    assert answer.meaning == meaning
    assert answer.arrived == (body == "1")
    assert ("Microsoft has retired these connectors" in answer.text) == bool(meaning)
