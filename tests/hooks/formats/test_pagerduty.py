"""PagerDuty: alerts and changes, their keys, and the effect of its answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from events import catalogue, samples
from events.catalogue import Outcome
from hooks.formats import FORMATS, propose_format
from hooks.formats.pagerduty import has_resolving_event
from hooks.models import Attempt
from hooks.wording import tell
from tests.conftest import Receiver
from tests.hooks.formats.services import TIME, TYPES, URL, Case, Delivering, Service, array, obj, text
from tests.hooks.notifications import ORGANIZATION, notification

KEY = "A0123456789abcdef0123456789ABCDE"
LINKS = array(obj({"href": URL, "text": text(100)}), 1, 1)
DETAILS = {"type": "object", "additionalProperties": {"type": "string"}}
PAYLOAD = {"summary": text(1024), "source": text(255), "timestamp": TIME, "custom_details": DETAILS}
EVENT = obj({
    "routing_key": text(32, 32),
    "event_action": {"enum": ["trigger", "resolve"]},
    "dedup_key": text(255),
    "payload": obj(
        {**PAYLOAD, "severity": {"enum": ["critical", "error", "warning", "info"]}},
        **{name: text(255) for name in ("component", "group", "class")},
    ),
    "links": LINKS,
    "client": text(100),
    "client_url": URL,
})  # fmt: skip
CHANGE = obj({"routing_key": text(32, 32), "payload": obj(PAYLOAD), "links": LINKS})
ENQUEUE = "https://events.pagerduty.com/v2/enqueue"


def limits(raw: bytes, body: dict[str, Any]) -> None:
    assert len(raw) <= 512 * 1024


SERVICE = Service("pagerduty", {"oneOf": [EVENT, CHANGE]}, ENQUEUE, {"routing_key": KEY}, limits)


def key(*arguments: Any, **fields: Any) -> str:
    return SERVICE.body(*arguments, **fields)["dedup_key"]


def test_an_alert_tells_the_story() -> None:
    body = SERVICE.body("job.fail")
    assert (body["event_action"], body["routing_key"]) == ("trigger", KEY)
    assert body["payload"]["summary"] == "Job “Nightly invoices” of front failed"
    assert (body["payload"]["severity"], body["payload"]["source"]) == ("error", "front")
    details = body["payload"]["custom_details"]
    assert next(iter(details.items())) == ("message", tell(notification("job.fail")).line)
    assert details["Application"] == "front"
    assert SERVICE.write("job.fail").url == ""


@pytest.mark.parametrize("event_type", TYPES)
def test_bad_news_triggers_and_everything_else_pages_nobody(event_type: str) -> None:
    body = SERVICE.body(event_type)
    bad = catalogue.EVENT_TYPES[event_type].outcome == Outcome.BAD
    assert (body.get("event_action") == "trigger") == bad


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        ("server.stopped", "server.backon"),
        ("job.fail", "job.backon"),
        ("stack.redeploy.fail", "stack.redeploy.ok"),
        ("stack.provision.fail", "stack.provision.ok"),
        ("credits.warning", "credits.added"),
        ("hook.failing", "hook.recovered"),
        ("hook.disabled", "hook.recovered"),
    ],
)
def test_what_went_wrong_is_resolved_by_its_counterpart(bad: str, good: str) -> None:
    assert SERVICE.body(good)["event_action"] == "resolve"
    assert key(bad) == key(good)
    assert key(bad).startswith(f"{ORGANIZATION}/")
    assert key(bad) != key(good, organization_id="orga_11111111-2222-4333-8444-555555555555")


def test_it_is_known_which_trouble_no_event_ends() -> None:
    bodies = [SERVICE.body(event_type) for event_type in TYPES]
    resolved = {body["dedup_key"].split("/")[1] for body in bodies if body.get("event_action") == "resolve"}
    for event_type, body in zip(TYPES, bodies, strict=True):
        if body.get("event_action") == "trigger":
            assert has_resolving_event(event_type) == (body["dedup_key"].split("/")[1] in resolved), event_type
    assert not has_resolving_event("process.down")


def test_troubles_of_different_things_are_kept_apart() -> None:
    first, second = samples.build_server(0), {**samples.build_server(0), "server": "another"}
    keys = [
        key("server.stopped", first),
        key("server.stopped", second),
        key("server.stopped", {"server": {"name": "web1"}}),
        key("server.stopped", {}),
        key("server.stopped", {}, resource=None),
        key("job.fail", {"name": "Nightly"}),
        key("job.fail", {"name": "Hourly"}),
        key("job.fail", {"uid": 7}),
        key("process.down", {"process_name": "nginx", "server": {"name": "a"}}),
        key("process.down", {"process_name": "nginx", "server": {"name": "b"}}),
        key("stack.redeploy.fail"),
        key("stack.provision.fail"),
        key("stack.redeploy.hook.fail"),
    ]
    assert len(set(keys)) == len(keys)


def test_one_server_is_one_trouble_whatever_else_is_said_of_it() -> None:
    assert key("server.stopped", {"server": "s1", "uid": "a"}) == key("server.backon", {"server": {"id": "s1"}})


def test_a_test_never_resolves_what_is_wrong() -> None:
    assert key("server.backon", is_test=True) != key("server.stopped")
    assert key("server.backon", is_test=True) == key("server.stopped", is_test=True)
    assert SERVICE.body("job.fail", is_test=True)["payload"]["summary"].startswith("[Test] Job")


@pytest.mark.parametrize(
    ("url", "posted_to"),
    [
        (ENQUEUE, "https://events.pagerduty.com/v2/change/enqueue"),
        ("https://events.eu.pagerduty.com/v2/enqueue", "https://events.eu.pagerduty.com/v2/change/enqueue"),
        ("https://bridge.example/pd/enqueue", "https://bridge.example/pd/change/enqueue"),
        ("https://bridge.example/", "https://bridge.example/v2/change/enqueue"),
    ],
)
def test_other_news_is_a_change_of_the_same_service(url: str, posted_to: str) -> None:
    message = SERVICE.write("stack.deploy.started", address=url)
    assert message.url == posted_to
    assert "event_action" not in SERVICE.check(message)


@pytest.mark.parametrize(
    ("options", "wrong"),
    [({"routing_key": KEY}, set()), ({}, {"routing_key"}), ({"routing_key": KEY[1:]}, {"routing_key"})],
)
def test_options_are_checked(options: dict[str, str], wrong: set[str]) -> None:
    assert set(FORMATS["pagerduty"].check_options(options)) == wrong


def test_its_url_proposes_this_format() -> None:
    assert propose_format(ENQUEUE).name == "pagerduty"


ANSWERS = [
    Case(202, {"status": "success", "message": "Event processed", "dedup_key": "k"}, "delivered", ""),
    Case(
        400,
        {"status": "invalid event", "message": "Event object is invalid", "errors": ["'routing_key' is invalid"]},
        "failed",
        "PagerDuty refused it: Event object is invalid: 'routing_key' is invalid. No further attempt.",
    ),
    Case(400, "nonsense", "failed", "400 BAD REQUEST."),
    Case(400, {"errors": "none", "message": 5}, "failed", "400 BAD REQUEST."),
    Case(429, "", "pending", "429"),
    Case(500, "", "pending", "500"),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("case", ANSWERS, ids=str)
def test_an_answer_is_understood(case: Case, delivering: Delivering) -> None:
    delivering.brings(SERVICE, case)


@pytest.mark.django_db(transaction=True)
def test_the_key_arrives_and_is_not_recorded(delivering: Delivering, receiver: Receiver) -> None:
    delivery = delivering(SERVICE, ANSWERS[0])
    assert json.loads(receiver.requests[0].data)["routing_key"] == KEY
    assert KEY not in json.dumps(Attempt.objects.get(delivery=delivery).request)


@pytest.mark.django_db(transaction=True)
def test_a_change_is_posted_where_changes_go(delivering: Delivering, receiver: Receiver) -> None:
    delivering(SERVICE, ANSWERS[0], "git.push")
    assert receiver.requests[0].path == "/v2/change/enqueue"
