"""Slack: messages, the effect of its answers, and messages for services that imitate Slack."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from hypothesis import given, settings
from hypothesis import strategies as some
from slack_sdk.models.attachments import Attachment, AttachmentField, BlockAttachment
from slack_sdk.models.blocks import Block

from events.catalogue import EVENT_TYPES
from hooks.formats import FORMATS, propose_format
from hooks.formats.slack import escape
from hooks.messages import Notification
from hooks.models import Attempt, Delivery, Endpoint
from hooks.wording import tell
from tests.conftest import Receiver
from tests.hooks.formats.anything import HOSTILE, notifications
from tests.hooks.formats.services import LANGUAGES, TYPES, URL, Case, Delivering, Service, array, obj, text
from tests.hooks.notifications import notification

SLACK = "https://hooks.slack.com/services/T0/B0/xyz"
GOV = "https://hooks.slack-gov.com/services/T0/B0/xyz"
ELSEWHERE = "https://chat.example.com/hooks/xyz"
CALL = re.compile(r"(?<![A-Za-z0-9])@(?=\w)|@(?:channel|here|all|everyone)\b", re.IGNORECASE)


# --- What Slack takes -----------------------------------------------------------------------------------------------
def plain_text(most: int) -> dict[str, Any]:
    return obj({"type": {"const": "plain_text"}, "text": text(most), "emoji": {"const": False}})


def either_text(most: int) -> dict[str, Any]:
    mrkdwn = obj({"type": {"const": "mrkdwn"}, "text": text(most), "verbatim": {"const": True}})
    return {"oneOf": [plain_text(most), mrkdwn]}


COLOUR = {"type": "string", "pattern": "^#[0-9a-f]{6}$"}
HEADER = obj({"type": {"const": "header"}, "text": plain_text(150)})
SECTION = obj({"type": {"const": "section"}}, text=either_text(3000), fields=array(either_text(2000), 10, 1))
CONTEXT = obj({"type": {"const": "context"}, "elements": array(either_text(3000), 10, 1)})
BLOCKS = array({"oneOf": [HEADER, SECTION | {"minProperties": 2}, CONTEXT]}, 50, 1)
BLOCK_BOX = obj({"color": COLOUR, "fallback": text(40_000), "blocks": BLOCKS})
FIELD = obj({"title": text(2000), "value": text(2000), "short": {"type": "boolean"}})
PLAIN_BOX = obj(
    {
        "fallback": text(40_000),
        "color": COLOUR,
        "title": text(150),
        "title_link": URL,
        "text": text(3100),
        "footer": text(300, 0),
        "ts": {"type": "integer"},
        "fields": array(FIELD, 25),
    }
)


def texts(part: Any) -> Iterator[str]:
    """Yield all texts of a message."""
    if isinstance(part, dict):
        for name, value in part.items():
            if name not in {"type", "color", "title_link"}:
                yield from texts(value)
    elif isinstance(part, list):
        for each in part:
            yield from texts(each)
    elif isinstance(part, str):
        yield part


def parsed_by_slack_sdk(raw: bytes, body: dict[str, Any]) -> None:
    box = body["attachments"][0]
    blocks = [*body["blocks"], *box["blocks"]]
    for block in blocks:
        parsed = Block.parse(block)
        assert parsed is not None
        parsed.to_dict()
    BlockAttachment(**box).to_dict()
    assert len(json.dumps(blocks, ensure_ascii=False)) < 10_000


def short_enough_for_others(raw: bytes, body: dict[str, Any]) -> None:
    box = dict(body["attachments"][0])
    Attachment(**box | {"fields": [AttachmentField(**field) for field in box["fields"]]}).to_dict()
    assert sum(map(len, texts(body))) < 16_383


FOR_SLACK = Service(
    "slack",
    obj({"text": text(40_000), "blocks": BLOCKS, "attachments": array(BLOCK_BOX, 1, 1)}),
    SLACK,
    limits=parsed_by_slack_sdk,
)
FOR_OTHERS = Service(
    "slack",
    obj({"text": text(40_000), "attachments": array(PLAIN_BOX, 1, 1)}),
    ELSEWHERE,
    limits=short_enough_for_others,
)


def links(shown: str) -> int:
    return shown.count("<https://") + shown.count("<http://")


# --- Every type --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("event_type", TYPES)
@pytest.mark.parametrize("is_test", [False, True])
def test_slack_takes_every_type(
    event_type: str, language: str, is_test: bool, settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.MESSAGE_LANGUAGE = language
    story = tell(notification(event_type, is_test=is_test))
    with caplog.at_level(logging.WARNING):
        body = FOR_SLACK.body(event_type, is_test=is_test)
    assert not caplog.records, "slack_sdk knows every key"
    shown = "\n".join(texts(body))
    for part in (story.title, story.line, story.when[1], story.link, story.note, "Acme"):
        assert escape(part) in shown
    for label, value in story.facts[1:]:
        assert f"*{escape(label)}*\n{escape(value)}" in shown
    assert links(shown) == 1
    assert f"<{story.url}|" in shown
    assert body["text"].startswith("[Test] ") == is_test


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("event_type", TYPES)
def test_others_get_the_same_facts_without_blocks(event_type: str, language: str, settings: LazySettings) -> None:
    settings.MESSAGE_LANGUAGE = language
    about = notification(event_type)
    story, body = tell(about), FOR_OTHERS.body(event_type)
    box = body["attachments"][0]
    assert box["title_link"] == story.url
    assert (box["title"], box["text"]) == (escape(story.title), escape(story.line))
    assert [(field["title"], field["value"]) for field in box["fields"]] == [
        (escape(label), escape(value)) for label, value in story.facts[1:]
    ]
    assert (box["footer"], box["ts"]) == ("Acme", int(about.occurred_at.timestamp()))


def test_a_test_says_so() -> None:
    note = tell(notification("git.push", is_test=True)).note
    first = FOR_SLACK.body("git.push", is_test=True)["attachments"][0]["blocks"][0]
    assert first["elements"][0]["text"] == f"*{note}*"
    assert FOR_OTHERS.body("git.push", is_test=True)["attachments"][0]["text"].startswith(f"{note}\n")


def test_the_colour_is_the_outcome_s() -> None:
    def colours(service: Service, *types: str) -> list[str]:
        return [service.body(event_type)["attachments"][0]["color"] for event_type in types]

    assert len({*colours(FOR_SLACK, "stack.redeploy.ok", "stack.redeploy.fail", "stack.deploy.started")}) == 3
    assert colours(FOR_SLACK, *EVENT_TYPES) == colours(FOR_OTHERS, *EVENT_TYPES)


@pytest.mark.parametrize(("address", "blocks"), [(SLACK, True), (GOV, True), (ELSEWHERE, False), ("https://[", False)])
def test_only_slack_itself_gets_blocks(address: str, blocks: bool) -> None:
    body = json.loads(FOR_SLACK.write("git.push", address=address).body)
    assert ("blocks" in body) == ("blocks" in body["attachments"][0]) == blocks


def test_a_slack_url_proposes_the_format() -> None:
    assert propose_format(SLACK) is propose_format(GOV) is FORMATS["slack"]
    assert not FORMATS["slack"].is_meant_by("https://hooks.slack.com.evil.example/services/T0/B0/x")


# --- Anybody's data ----------------------------------------------------------------------------------------------
def assert_harmless(body: dict[str, Any], own_links: int) -> None:
    found = list(texts(body))
    assert sum(each.count("<") for each in found) == sum(each.count(">") for each in found) == own_links
    for each in found:
        assert "](" not in each
        assert not CALL.search(each)
        assert each.count("&") == sum(map(each.count, ("&amp;", "&lt;", "&gt;"))), "no entity is cut in two"


@pytest.mark.parametrize("service", [FOR_SLACK, FOR_OTHERS], ids=["slack", "others"])
@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_data_calls_nobody_and_makes_no_link(hostile: str, service: Service) -> None:
    data = {"process_name": hostile, "reason": hostile, hostile: hostile, "server": {"name": hostile, "uid": hostile}}
    body = service.body("process.down", data, resource=hostile, organization=hostile)
    assert_harmless(body, own_links=int(service is FOR_SLACK))


def test_the_three_characters_are_escaped_once() -> None:
    assert escape("a & b < c > d &amp;") == "a &amp; b &lt; c &gt; d &amp;amp;"


def test_addresses_of_people_stay_as_they_are() -> None:
    assert escape("grace@example.com") == "grace@example.com"


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(about=notifications(address=some.sampled_from([SLACK, ELSEWHERE])))
def test_any_data_makes_a_message_within_the_limits(about: Notification) -> None:
    service = FOR_SLACK if about.address == SLACK else FOR_OTHERS
    assert_harmless(service.check(FORMATS["slack"].write(about)), own_links=int(service is FOR_SLACK))


def test_much_data_is_cut_and_the_first_facts_stay() -> None:
    data = {f"key_{number}": "&" * 190 for number in range(40)}
    shown = "\n".join(texts(FOR_SLACK.body("process.down", {"process_name": "nginx", **data})))
    assert "*Process*\nnginx" in shown
    assert "*key_0*" in shown
    assert "key_19" not in shown


# --- What Slack answers ------------------------------------------------------------------------------------------
GONE = [
    Case(404, "no_service", "gone", "Slack says that this webhook was removed or switched off. Make a new webhook"),
    Case(404, "no_service_id", "gone", "Make a new webhook in Slack and put its URL here."),
    Case(404, "no_service\n", "gone", "Make a new webhook in Slack and put its URL here."),
    Case(404, "no_active_hooks", "gone", "Switch them on in the app's settings"),
    Case(404, "no_team", "gone", "Slack knows no workspace for this URL"),
    Case(403, "team_disabled", "gone", "This Slack workspace is deactivated. Have its owner activate it again"),
    Case(403, "invalid_token", "gone", "Copy the URL from the app's settings in Slack again."),
    Case(410, "channel_is_archived", "gone", "The Slack channel of this webhook is archived. Unarchive it"),
    Case(404, "channel_not_found", "gone", "Make a webhook for another channel and put its URL here."),
    Case(403, "action_prohibited", "gone", "Ask them to allow it"),
]
OTHERS = [
    *(
        Case(400, word, "failed", f"({word}). No further attempt.")
        for word in ("invalid_payload", "no_text", "too_many_attachments", "invalid_blocks", "user_not_found")
    ),
    Case(400, "msg_blocks_too_long", "failed", "Slack finds this message too long"),
    Case(400, "<p>Bad request</p>", "failed", "400 "),
    Case(500, "rollup_error", "pending", "Slack could not post this just now"),
    Case(403, "posting_to_general_channel_denied", "pending", "Ask them to allow it"),
    Case(403, "", "pending", "check its permissions"),
    Case(404, "<html>no_service</html>", "pending", "check its path"),
    Case(410, "", "gone", "gone for good"),
    Case(429, "rate_limited", "pending", "asked to wait 30 s", waits=30, headers={"Retry-After": "30"}),
    Case(503, "", "pending", "503"),
    Case(200, "ok", "delivered", ""),
    Case(200, "no_text", "delivered", ""),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("case", [*GONE, *OTHERS], ids=str)
def test_an_answer_of_slack_is_understood(case: Case, delivering: Delivering) -> None:
    delivering.brings(FOR_OTHERS, case)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("case", GONE, ids=str)
def test_people_are_told_what_to_do_about_a_webhook_that_is_gone(case: Case, delivering: Delivering) -> None:
    delivery = delivering(FOR_OTHERS, case)
    delivering.pump()
    explanation = Attempt.objects.get(delivery=delivery).explanation
    assert Endpoint.objects.get(pk=delivery.endpoint_id).last_answer == f"{case.status} {explanation}", "nothing is cut"
    told = Delivery.objects.get(event__type="hook.disabled")
    assert json.loads(told.event.representation)["reason"] == explanation


@pytest.mark.django_db(transaction=True)
def test_a_receiver_gets_the_message_unsigned(delivering: Delivering, receiver: Receiver) -> None:
    delivering(FOR_OTHERS, Case(200, "ok", "delivered", ""), "stack.redeploy.fail")
    request = receiver.requests[0]
    assert request.content_type == "application/json"
    assert json.loads(request.data)["attachments"][0]["color"] == "#e01e5a"
    assert "webhook-signature" not in request.headers
