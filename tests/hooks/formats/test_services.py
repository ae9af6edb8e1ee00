"""Promises for every service with a JSON body: each type in each language, any data, any answer, a preview."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from django.conf import LazySettings
from django.template.loader import render_to_string
from hypothesis import given, settings

from hooks.formats import FORMATS
from hooks.messages import Notification
from hooks.wording import tell
from tests.hooks.formats import test_discord, test_google_chat, test_ntfy, test_pagerduty, test_teams, test_telegram
from tests.hooks.formats.anything import notifications
from tests.hooks.formats.services import LANGUAGES, TYPES, Html, Service
from tests.hooks.notifications import notification

MODULES = (test_discord, test_teams, test_google_chat, test_ntfy, test_pagerduty, test_telegram)
SERVICES: list[Service] = [module.SERVICE for module in MODULES]
TAGS = {"div", "p", "b", "i", "span", "a", "dl", "dt", "dd", "code", "svg", "use"}
every_service = pytest.mark.parametrize("service", SERVICES, ids=[service.name for service in SERVICES])


@every_service
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_message_of_every_type_is_valid(language: str, service: Service, settings: LazySettings) -> None:
    settings.MESSAGE_LANGUAGE = language
    for event_type in TYPES:
        body = json.dumps(service.body(event_type), ensure_ascii=False)
        assert ("Organisation" in body) == (language == "fr"), event_type


@every_service
def test_a_format_says_what_it_is_and_where_to_get_what_it_needs(service: Service) -> None:
    known = FORMATS[service.name]
    assert known.label
    assert known.help.endswith(".")
    assert known.setup.count(".") >= 2
    assert not known.signed
    assert known.check_options(service.options) == {}
    assert known.is_meant_by(known.default_url or service.address)


@settings(max_examples=60, deadline=None)
@given(about=notifications())
def test_any_data_makes_a_valid_message(about: Notification) -> None:
    for service in SERVICES:
        about = replace(about, format=service.name, options=dict(service.options), address=service.address)
        service.check(FORMATS[service.name].write(about))


@every_service
@pytest.mark.parametrize("representation", ["", "[]", "null", "1" * 5000, "[" * 100_000])
def test_what_is_no_representation_makes_a_valid_message(representation: str, service: Service) -> None:
    service.body("job.fail", representation=representation, organization="", resource=None)


ANYTHING = [
    "", "null", "[]", "[" * 4096, "1" * 4096, '{"error": []}', '{"message": {}, "code": []}', "\0",
    '{"retry_after": 1e999, "parameters": [], "ok": false}', '{"retry_after": NaN, "parameters": {"retry_after": -1}}',
    '{"ok": false, "parameters": {"migrate_to_chat_id": true, "retry_after": true}, "error_code": null}',
    '{"error": {"details": [1, {}], "message": 5}, "errors": [{}, 7]}',
]  # fmt: skip


@every_service
@pytest.mark.parametrize("status", [200, 202, 204, 302, 400, 401, 403, 404, 410, 429, 500])
def test_whatever_is_answered_is_understood(status: int, service: Service) -> None:
    for said in ANYTHING:
        answer = service.understand(status, said)
        assert answer.arrived == (status < 300)
        assert answer.meaning in {None, "retry", "failed", "gone"}
        assert len(answer.text) <= 200
        assert answer.retry_after is None or 0 <= answer.retry_after < 1e8


# --- As a page shows it ----------------------------------------------------------------------------------------
def drawn(service: Service, body: dict[str, Any]) -> Html:
    """Return the preview of a body, parsed; fails on tags that previews do not use."""
    page = Html(render_to_string(f"hooks/preview/{service.name}.html", {"body": body}))
    assert {tag for tag, _ in page.tags} <= TAGS
    assert {name for _, given in page.tags for name in given} <= {"class", "href", "rel", "aria-hidden", "translate"}
    page.text = page.text.replace("\u2060", "")  # the joiner that breaks mentions is invisible
    return page


@every_service
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_preview_shows_the_message(service: Service, language: str, settings: LazySettings) -> None:
    settings.MESSAGE_LANGUAGE, settings.PUBLIC_URL = language, "https://console.example"
    for event_type in TYPES:
        about = notification(event_type, is_test=True)
        shown, story = drawn(service, service.body(event_type, is_test=True)), tell(about)
        for told in (story.title, story.line, story.note, *story.facts[0]):
            assert told in shown.text, event_type
        assert story.url in [given.get("href") for _, given in shown.tags]


@every_service
def test_a_preview_shows_data_as_text(service: Service) -> None:
    data = {"process_name": "<script>x</script> [a](b) *c*", "items": "<b>d</b>"}
    shown = drawn(service, service.body("process.down", data))
    assert "<script>x</script> [a](b) *c*" in shown.text
    assert "<b>d</b>" in shown.text


@settings(max_examples=60, deadline=None)
@given(about=notifications())
def test_any_message_is_drawn(about: Notification) -> None:
    for service in SERVICES:
        about = replace(about, format=service.name, options=dict(service.options), address=service.address)
        drawn(service, service.check(FORMATS[service.name].write(about)))


@every_service
@pytest.mark.parametrize("body", ["", "a text", {}, [], None])
def test_what_is_no_message_is_drawn_as_nothing(body: Any, service: Service) -> None:
    drawn(service, body)


@pytest.mark.parametrize(
    ("event_type", "words", "tone"),
    [
        ("server.stopped", ["Triggered", "until good news with the same key resolves it"], "bad"),
        ("process.down", ["Triggered", "Resolve the alert in PagerDuty: no event resolves it."], "bad"),
        ("stack.redeploy.hook.fail", ["Triggered", "Resolve the alert in PagerDuty: no event resolves it."], "bad"),
        ("server.backon", ["Resolved", "It resolves the alert with the key"], "good"),
        ("git.push", ["Change event", "pages nobody"], None),
    ],
)
def test_the_preview_of_pagerduty_says_what_becomes_of_it(event_type: str, words: list[str], tone: str | None) -> None:
    body = test_pagerduty.SERVICE.body(event_type)
    shown = drawn(test_pagerduty.SERVICE, body)
    assert all(each in shown.text for each in words)
    assert shown.tags[0][1]["class"] == " ".join(filter(None, ["preview pagerduty", tone]))
    assert body["routing_key"] not in shown.text
    assert body.get("dedup_key", "") in shown.text


def test_the_preview_of_ntfy_shows_how_much_it_insists() -> None:
    said = {name: drawn(test_ntfy.SERVICE, test_ntfy.SERVICE.body(name, is_test=True)).text for name in TYPES}
    assert "🚨" in said["job.fail"]
    assert "High priority" in said["job.fail"]
    assert "Low priority" in said["git.push"]
    assert "priority" not in said["stack.redeploy.ok"]
