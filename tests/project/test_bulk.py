"""Inserting past the model layer gives what the model layer would have given, on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from events.models import Event
from hooks.endpoints.lookup import get_or_create_mail_endpoint
from hooks.models import Attempt, Delivery
from notifications_project import bulk, ids
from notifications_project.accounts.models import Membership, Organization, User
from notifications_project.accounts.roles import Role

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 1, 5, 12, 30, 45, 123456, tzinfo=UTC)
FIELDS = ["id", "organization", "type", "representation", "occurred_at", "idempotency_key", "fingerprint", "is_test"]
DIFFICULT = ["", " ", "NULL", "null", r"\N", "\\", '"', "'", "{}", "{,}", "a,b", "a\tb\nc\r", "%s %%", "né 🎈 漢"]


def event(acme: Organization, text: str = "{}", key: str | None = None, when: datetime = NOON) -> tuple[Any, ...]:
    return ids.uuid7(), acme.pk, "git.push", text, when, key, "", False


@pytest.mark.parametrize("ignore", [False, True])
def test_every_kind_of_value_comes_back_as_it_was(acme: Organization, ignore: bool) -> None:
    rows = [event(acme, text, text.strip() or None, NOON + timedelta(seconds=n)) for n, text in enumerate(DIFFICULT)]
    bulk.insert(Event, FIELDS, rows, ignore_conflicts=ignore)
    names = ["id", "organization_id", *FIELDS[2:]]
    assert list(Event.objects.order_by("id").values_list(*names)) == rows
    fresh = Event.objects.order_by("id")[0]
    assert (fresh.recorded_at is None, fresh.routed_at) == (False, None), "what was left out has its default"


@pytest.mark.parametrize("ignore", [False, True])
def test_json_and_keys_of_related_rows_come_back_as_they_were(acme: Organization, ignore: bool) -> None:
    values: list[Any] = [{"text": each, "list": [1, 2.5, None, True]} for each in DIFFICULT] + [[], {}, "text", 7]
    delivery = a_delivery(acme)
    fields = ["id", "delivery", "number", "started_at", "duration_ms", "verdict", "code", "explanation",
              "request", "response", "timings", "dialled"]  # fmt: skip
    shared = {"same": "for all"}
    rows: list[Any] = [
        (ids.uuid7(), delivery, number, NOON, number, "gone", "410", "", value, shared, {}, "")
        for number, value in enumerate(values)
    ]
    bulk.insert(Attempt, fields, rows, ignore_conflicts=ignore)
    stored = Attempt.objects.order_by("number")
    assert [each.request for each in stored] == values
    assert all((each.delivery_id, each.response) == (delivery, shared) for each in stored)
    assert Attempt.objects.filter(request__text="a\tb\nc\r").count() == 1, "it is JSON to the database too"


@pytest.mark.parametrize("ignore", [False, True])
def test_a_key_that_counts_may_be_left_to_the_database(
    acme: Organization, alice: User, olga: User, ignore: bool
) -> None:
    bulk.insert(
        Membership,
        ["organization", "user", "role", "joined_at"],
        [(acme.pk, olga.pk, Role.DEVELOPER, NOON)],
        ignore_conflicts=ignore,
    )
    found = Membership.objects.get(organization=acme, user=olga)
    assert (found.role, found.joined_at) == (Role.DEVELOPER, NOON)


def test_what_is_there_stays_and_the_others_come_when_conflicts_are_ignored(acme: Organization) -> None:
    bulk.insert(Event, FIELDS, [event(acme, "first", "key")])
    bulk.insert(Event, FIELDS, [event(acme, "second", "key"), event(acme, "other", "new")], ignore_conflicts=True)
    assert set(Event.objects.values_list("representation", flat=True)) == {"first", "other"}


@pytest.mark.django_db(transaction=True)
def test_a_conflict_is_told_as_django_tells_it_and_nothing_is_stored(acme: Organization) -> None:
    with pytest.raises(IntegrityError):
        bulk.insert(Event, FIELDS, [event(acme, "{}", "key"), event(acme, "{}", "key")])
    assert not Event.objects.exists()


def test_more_than_one_batch_is_stored_in_order_and_in_few_statements(acme: Organization) -> None:
    rows: Sequence[tuple[Any, ...]] = [event(acme, str(number)) for number in range(4_001)]
    with CaptureQueriesContext(connection) as captured:
        bulk.insert(Event, FIELDS, rows, ignore_conflicts=True)
    assert list(Event.objects.order_by("id").values_list("representation", flat=True)) == [row[3] for row in rows]
    assert len(captured) <= 5


def test_no_rows_need_no_statement(acme: Organization) -> None:
    with CaptureQueriesContext(connection) as captured:
        bulk.insert(Event, FIELDS, [])
    assert not len(captured)


def test_a_row_that_lacks_a_value_is_refused(acme: Organization) -> None:
    with pytest.raises(ValueError, match="8 fields, but 7 values"):
        bulk.insert(Event, FIELDS, [event(acme)[:-1]])
    with pytest.raises(ValueError, match="shorter"):
        bulk.insert(Event, FIELDS, [event(acme), event(acme)[:-1]])


def a_delivery(acme: Organization) -> UUID:
    owed = Event.objects.create(organization=acme, type="git.push", representation="{}", occurred_at=NOON)
    endpoint = get_or_create_mail_endpoint(acme, "someone@people.example")
    return Delivery.objects.create(organization=acme, event=owed, endpoint=endpoint, lane_id=endpoint.lane_id).pk


def test_objects_are_saved_field_by_field(acme: Organization) -> None:
    bulk.insert(Event, FIELDS, [event(acme), event(acme), event(acme)])
    first, second, third = Event.objects.order_by("id")
    first.routed_at, first.type = NOON, DIFFICULT[-1]
    second.routed_at, second.type = None, "job.fail"
    third.type = "not among the fields"
    third.routed_at = NOON + timedelta(days=1)
    bulk.update(Event, ["routed_at", "type"], [second, first])
    bulk.update(Event, ["routed_at"], [third])
    bulk.update(Event, ["routed_at"], [])
    assert list(Event.objects.order_by("id").values_list("routed_at", "type")) == [
        (NOON, DIFFICULT[-1]),
        (None, "job.fail"),
        (NOON + timedelta(days=1), "git.push"),
    ]
