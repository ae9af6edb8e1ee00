"""The names that the console alone sets in what receivers get: `test` and `meta` beside those of the event."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from events import representation
from events.intake import NewEvent, record
from events.models import Event
from events.representation import RESERVED, Source
from hooks.deliveries import test_sends
from hooks.models import Hook
from notifications_project.accounts.models import Organization, User
from tests.conftest import Api

pytestmark = pytest.mark.django_db

NAMES = ["event_type", "timestamp", "event_id", "test", "organization", "resource", "meta"]


def events_of(organization: Organization) -> str:
    return f"/api/v1/organizations/{organization.public_id}/events/"


def told(event: Event) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(representation.get_bytes(event))
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [True, None, {"version": 9}])
def test_data_cannot_use_a_reserved_name(
    name: str, value: Any, dave: User, acme: Organization, api: Callable[..., Api]
) -> None:
    answer = api(dave).post(events_of(acme), {"type": "job.fail", "data": {"name": "x", name: value}})
    assert (answer.status_code, [each["field"] for each in answer.json()["errors"]]) == (422, [f"data.{name}"])
    assert "give it another name, or nest it" in answer.json()["errors"][0]["message"]
    assert not Event.objects.exists()


def test_deeper_down_a_reserved_name_is_nobodys(dave: User, acme: Organization, api: Callable[..., Api]) -> None:
    data = {"run": {"test": True, "meta": [{"event_id": 1}]}, "Test": 1}
    assert api(dave).post(events_of(acme), {"type": "job.fail", "data": data}).status_code == 202
    found = told(Event.objects.get())
    assert (found["run"], found["Test"], found["test"]) == (data["run"], 1, False)


def test_the_names_stand_first_and_in_their_order(acme: Organization) -> None:
    when = datetime(2026, 11, 30, 17, 0, 0, 123_999, tzinfo=UTC)
    [event] = record(acme, [NewEvent("job.fail", {"name": "Invoices"}, occurred_at=when)])
    assert list(told(event)) == [*NAMES, "name"]
    assert set(NAMES) == RESERVED
    assert told(event)["timestamp"] == int(when.timestamp())
    assert told(event)["meta"] == {"version": 1, "occurred_at": "2026-11-30T17:00:00.123Z", "source": "api"}


@pytest.mark.parametrize("source", list(Source))
def test_the_source_is_the_door_by_which_it_came(source: Source, acme: Organization) -> None:
    [event] = record(acme, [NewEvent("job.fail")], source=source)
    assert told(event)["meta"]["source"] == {"API": "api", "CONSOLE": "console", "INBOUND": "source"}[source.name]


def test_a_time_with_an_offset_is_told_in_utc(acme: Organization) -> None:
    [event] = record(acme, [NewEvent("job.fail", occurred_at="2026-11-30T19:00:00+02:00")])
    assert told(event)["meta"]["occurred_at"] == "2026-11-30T17:00:00.000Z"


def test_a_test_is_marked_by_the_console(alice: User, acme: Organization) -> None:
    delivery = test_sends.send_hook_test(Hook.objects.get(organization=acme), "job.fail", alice)
    assert (told(delivery.event)["test"], told(delivery.event)["meta"]["source"]) == (True, "console")


def test_what_was_stored_before_keeps_its_bytes(dave: User, acme: Organization, api: Callable[..., Api]) -> None:
    [event] = record(acme, [NewEvent("job.fail")])
    before = '{"event_type":"job.fail","timestamp":1,"event_id":"x","organization":null,"resource":null,"test":true}'
    Event.objects.filter(pk=event.pk).update(representation=before)
    answer = api(dave).get(f"{events_of(acme)}{event.public_id}/representation/")
    assert answer.content.decode() == before
