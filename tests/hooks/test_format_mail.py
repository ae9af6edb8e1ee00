"""What an e-mail says of an event's data."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from events import catalogue
from hooks.formats import FORMATS
from hooks.messages import Message, Notification


def written(data: dict[str, Any], event_type: str = "process.down") -> Message:
    ours = {"event_type": event_type, "timestamp": 1, "event_id": "evt_1", "organization": {}, "resource": None}
    return FORMATS["mail"].write(
        Notification(
            delivery=uuid4(),
            endpoint=uuid4(),
            webhook_id="dlv_1",
            tries=0,
            event_type=event_type,
            representation=json.dumps(data | ours),
            occurred_at=datetime(2026, 11, 22, 12, tzinfo=UTC),
            is_test=False,
            organization="Acme",
            organization_id="orga_1",
            resource="shop",
            address="grace@example.com",
            format="mail",
            options={},
            signing_keys=(),
            reasons=(),
        )
    )


def facts(data: dict[str, Any]) -> list[str]:
    """The lines between the heading and the time."""
    text = written(data).body.decode()
    return [line for line in text[: text.index("when: ")].splitlines()[1:] if line]


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        ({"process_name": "nginx", "server": {"name": "Meerkat"}}, ["process_name: nginx", "server.name: Meerkat"]),
        ({"a": {"b": {"c": 1}}}, ["a.b.c: 1"]),
        ({"a": {"b": {"c": {"d": 1, "e": 2}}}}, ["a.b.c: (2 values)"]),
        ({"paused": False, "active": True}, ["paused: no", "active: yes"]),
        ({"tags": ["web", 2, True, None]}, ["tags: web, 2, yes, none"]),
        ({"commits": [{"id": "1"}, {"id": "2"}]}, ["commits: (2 entries)"]),
        ({"left": None, "out": {}, "also": [], "zero": 0, "empty": ""}, ["zero: 0"]),
        ({"amount": 12.5, "text": "ü"}, ["amount: 12.5", "text: ü"]),
    ],
)
def test_data_is_told_without_the_signs_of_json(data: dict[str, Any], lines: list[str]) -> None:
    assert facts(data) == lines


def test_no_more_than_twenty_facts_are_told() -> None:
    lines = facts({f"name{number}": number for number in range(25)})
    assert len(lines) == 21
    assert lines[-1] == "more: 5 in the console"
    assert len(facts({"all": {f"name{number}": number for number in range(20)}})) == 20


def test_a_long_value_is_cut() -> None:
    (line,) = facts({"log": "x" * 1000})
    assert len(line) < 220
    assert line.endswith("…")


@pytest.mark.parametrize("event_type", catalogue.EVENT_TYPES)
def test_no_sample_shows_json_to_a_person(event_type: str) -> None:
    text = written(dict(catalogue.EVENT_TYPES[event_type].sample), event_type).body.decode()
    assert "{" not in text
    assert "[" not in text
