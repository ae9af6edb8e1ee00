"""Intake stores events, refuses invalid ones, and stores a repeated idempotency key once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from events import representation, signals
from events.intake import Conflict, InvalidEvents, NewEvent, record
from events.models import Event, Resource
from notifications_project.accounts.models import AuditEntry, Organization, User

pytestmark = pytest.mark.django_db


def new(type: str = "job.fail", **fields: Any) -> NewEvent:
    return NewEvent(type, **fields)


def refusal(organization: Organization, *events: NewEvent) -> list[tuple[int, str]]:
    with pytest.raises(InvalidEvents) as refused:
        record(organization, events)
    return [(error.index, error.field) for error in refused.value.errors]


def nested(depth: int) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for _ in range(depth - 1):
        data = {"inner": data}
    return data


# --- What is stored --------------------------------------------------------------------------------------------
def test_an_event_is_stored_with_its_representation(acme: Organization) -> None:
    [event] = record(
        acme,
        [
            new(
                data={"name": "Zoë"},
                resource={"kind": "application", "name": "Shop"},
                occurred_at="2026-01-05T14:30:45+02:00",
            )
        ],
    )
    shop = Resource.objects.get()
    assert json.loads(representation.get_bytes(Event.objects.get())) == {
        "event_type": "job.fail",
        "timestamp": 1767616245,
        "event_id": event.public_id,
        "test": False,
        "organization": {"id": acme.public_id, "name": "Acme"},
        "resource": {"id": shop.public_id, "kind": "application", "name": "Shop"},
        "meta": {"version": 1, "occurred_at": "2026-01-05T12:30:45.000Z", "source": "api"},
        "name": "Zoë",
    }
    assert event.occurred_at == datetime(2026, 1, 5, 12, 30, 45, tzinfo=UTC)
    assert event.routed_at is None


def test_a_representation_stays_as_it_was_whatever_is_renamed_later(acme: Organization) -> None:
    [event] = record(acme, [new(resource={"kind": "addon", "name": "Database"})])
    before = representation.get_bytes(event)
    Resource.objects.update(name="Old database")
    acme.name = "Acme & Sons"
    acme.save()
    assert representation.get_bytes(Event.objects.get()) == before


def test_without_a_time_an_event_happened_now(acme: Organization) -> None:
    [event] = record(acme, [new()])
    assert abs(event.occurred_at - timezone.now()) < timedelta(seconds=30)
    event.refresh_from_db()
    assert abs(event.recorded_at - timezone.now()) < timedelta(seconds=30)


def test_ids_have_the_order_of_the_list(acme: Organization) -> None:
    keys = ["z", None, "a", "m"]
    events = record(acme, [new(idempotency_key=key) for key in keys])
    assert [event.idempotency_key for event in events] == keys
    assert [event.pk for event in events] == sorted(event.pk for event in events)


def test_a_test_event_is_never_to_be_routed(acme: Organization) -> None:
    [event] = record(acme, [new(is_test=True)])
    assert event.routed_at is not None


@pytest.mark.parametrize("organization_is_personal", [False, True])
def test_a_representation_names_its_organization_by_public_id(
    organization_is_personal: bool, acme: Organization, alice: User
) -> None:
    owner = Organization.objects.get(pk=alice.pk) if organization_is_personal else acme
    [event] = record(owner, [new()])
    assert json.loads(event.representation)["organization"]["id"] == owner.public_id


# --- Whom it tells ---------------------------------------------------------------------------------------------
@pytest.fixture
def told() -> Any:
    heard: list[Any] = []

    def listen(sender: object, organization_id: object, **kwargs: object) -> None:
        heard.append(organization_id)

    signals.events_recorded.connect(listen)
    yield heard
    signals.events_recorded.disconnect(listen)


def test_listeners_are_told_once_after_the_commit(
    acme: Organization, told: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        record(acme, [new(), new()])
        assert told == []
    assert told == [acme.pk]


def test_nobody_is_told_about_tests_and_repetitions(
    acme: Organization, told: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    record(acme, [new(idempotency_key="k")])
    with django_capture_on_commit_callbacks(execute=True):
        record(acme, [new(idempotency_key="k")])
        record(acme, [new(is_test=True)])
    assert told == []


@pytest.mark.django_db(transaction=True)
def test_a_listener_that_fails_takes_nothing_back(acme: Organization) -> None:
    def fail(**kwargs: object) -> None:
        raise ConnectionError("no broker")

    signals.events_recorded.connect(fail)
    try:
        record(acme, [new()])
    finally:
        signals.events_recorded.disconnect(fail)
    assert Event.objects.count() == 1


# --- What is refused -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        pytest.param({"type": "job.exploded"}, "type", id="an unknown type"),
        pytest.param({"type": "deployment-result"}, "type", id="a group"),
        pytest.param({"type": None}, "type", id="no type"),
        pytest.param({"type": ["job.fail"]}, "type", id="a type that is a list"),
        pytest.param({"data": []}, "data", id="data that is a list"),
        pytest.param({"data": None}, "data", id="data that is null"),
        pytest.param({"data": {"timestamp": 1}}, "data.timestamp", id="a reserved name"),
        pytest.param({"data": {"organization": {}}}, "data.organization", id="another reserved name"),
        pytest.param({"data": {"text": "x" * 262_145}}, "data", id="over-long data"),
        pytest.param({"data": {"text": "é" * 131_073}}, "data", id="over-long data counted in bytes"),
        pytest.param({"data": nested(21)}, "data" + ".inner" * 20, id="deep data"),
        pytest.param({"data": {"a": [{"b": "x\0"}]}}, "data.a[0].b", id="a NUL"),
        pytest.param({"data": {"a\0": 1}}, "data", id="a NUL in a name"),
        pytest.param({"data": {"a": "\ud800"}}, "data.a", id="half a surrogate pair"),
        pytest.param({"data": {"a": float("nan")}}, "data.a", id="NaN"),
        pytest.param({"data": {"a": [float("inf")]}}, "data.a[0]", id="infinity"),
        pytest.param({"data": {"a": 2**63}}, "data.a", id="a number beyond 64 bits"),
        pytest.param({"data": {1: 2}}, "data", id="a name that is no text"),
        pytest.param({"data": {"a": {1, 2}}}, "data.a", id="no JSON"),
        pytest.param({"occurred_at": "yesterday"}, "occurred_at", id="no time"),
        pytest.param({"occurred_at": 1767616245}, "occurred_at", id="a number as time"),
        pytest.param({"occurred_at": "2026-01-05T12:30:45"}, "occurred_at", id="a time without offset"),
        pytest.param({"occurred_at": "1999-12-31T23:59:59Z"}, "occurred_at", id="an absurdly old time"),
        pytest.param({"occurred_at": "0001-01-01T00:00:00+23:59"}, "occurred_at", id="the oldest time"),
        pytest.param({"occurred_at": "9999-12-31T23:59:59-23:59"}, "occurred_at", id="the last time"),
        pytest.param({"idempotency_key": ""}, "idempotency_key", id="an empty key"),
        pytest.param({"idempotency_key": "k" * 256}, "idempotency_key", id="a long key"),
        pytest.param({"idempotency_key": "a\nb"}, "idempotency_key", id="a key of two lines"),
        pytest.param({"idempotency_key": 7}, "idempotency_key", id="a key that is a number"),
        pytest.param({"resource": 7}, "resource", id="a resource that is a number"),
        pytest.param({"resource": {"kind": "server", "name": "a"}}, "resource.kind", id="an unknown kind"),
        pytest.param({"resource": {"kind": ["addon"], "name": "a"}}, "resource.kind", id="a kind that is a list"),
        pytest.param({"resource": {"kind": "addon", "name": " "}}, "resource.name", id="a blank name"),
        pytest.param({"resource": {"kind": "addon", "name": 7}}, "resource.name", id="a name that is a number"),
        pytest.param({"resource": {"kind": "addon", "name": "n" * 101}}, "resource.name", id="a long name"),
        pytest.param({"resource": {"kind": "addon", "name": "a", "zone": "b"}}, "resource.zone", id="another field"),
        pytest.param({"resource": {"id": 7}}, "resource.id", id="an id that is a number"),
        pytest.param({"resource": "app_nonsense"}, "resource", id="nonsense as id"),
        pytest.param(
            {"resource": {"id": "evt_3c2b8a52-4e1f-4f0b-9d3e-2a7f5f6b7c81"}}, "resource.id", id="an id of another kind"
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_field(acme: Organization, fields: dict[str, Any], field: str) -> None:
    assert refusal(acme, new(**fields)) == [(0, field)]
    assert not Event.objects.exists()


def test_what_just_fits_is_stored(acme: Organization) -> None:
    tomorrow = (timezone.now() + timedelta(hours=23)).isoformat()
    events = record(
        acme,
        [
            new(data={"text": "x" * (262_144 - len('{"text":""}'))}),
            new(data=nested(20)),
            new(data={"a": 2**63 - 1, "b": -(2**63) + 1, "c": 1e308, "d": "\u2028 😀", "": None}),
            new(occurred_at="2000-01-01T00:00:00Z"),
            new(occurred_at=tomorrow),
            new(idempotency_key="k" * 255),
            new(resource={"kind": "addon", "name": "n" * 100}),
        ],
    )
    for event in Event.objects.filter(pk__in=[event.pk for event in events]):
        json.loads(representation.get_bytes(event))


def test_a_time_too_far_ahead_is_refused(acme: Organization) -> None:
    assert refusal(acme, new(occurred_at=(timezone.now() + timedelta(hours=25)).isoformat())) == [(0, "occurred_at")]


def test_one_bad_event_keeps_all_others_out_and_every_bad_one_is_named(acme: Organization) -> None:
    bad = new(type="no.such"), new(data=[]), new(resource={"kind": "addon", "name": "Made by nobody"})
    assert refusal(acme, new(), bad[0], new(), bad[1], bad[2]) == [(1, "type"), (3, "data")]
    assert not Event.objects.exists()
    assert not Resource.objects.exists()


def test_a_list_has_one_to_a_thousand_events(acme: Organization) -> None:
    assert refusal(acme) == [(0, "events")]
    assert refusal(acme, *[new()] * 1001) == [(0, "events")]


# --- Resources -------------------------------------------------------------------------------------------------
@pytest.fixture
def shop(acme: Organization) -> Resource:
    return Resource.objects.create(organization=acme, kind="application", name="Shop")


@pytest.mark.parametrize("archived", [False, True])
def test_a_resource_is_found_by_id_or_by_kind_and_name_archived_or_not(
    acme: Organization, shop: Resource, archived: bool
) -> None:
    Resource.objects.update(archived_at=timezone.now() if archived else None)
    said = [
        shop.public_id,
        {"id": shop.public_id},
        {"id": shop.public_id, "kind": "application", "name": "Its name of last year"},
        {"id": None, "kind": "application", "name": " Shop "},
        {"kind": "application", "name": "Shop"},
        shop,
    ]
    assert {event.resource for event in record(acme, [new(resource=each) for each in said])} == {shop}
    assert Resource.objects.count() == 1


def test_a_name_is_created_once_per_kind_and_noted_in_the_audit_log(acme: Organization, dave: User) -> None:
    said = [("application", "Shop"), ("addon", "Shop"), ("application", "Shop"), ("application", "Blog")]
    record(acme, [new(resource={"kind": kind, "name": name}) for kind, name in said], actor=dave)
    assert sorted(Resource.objects.values_list("kind", "name")) == sorted(set(said))
    entries = AuditEntry.objects.filter(organization=acme, actor=dave).values_list("action", "target")
    assert sorted(entries) == [("addon.added", "Shop"), ("application.added", "Blog, Shop")]


def test_an_unknown_a_foreign_and_a_misspelt_id_are_refused_alike(acme: Organization, olga: User) -> None:
    foreign = Resource.objects.create(organization=Organization.objects.get(name="Other"), kind="addon", name="x")
    said = [
        foreign.public_id,
        "addon_3c2b8a52-4e1f-4f0b-9d3e-2a7f5f6b7c81",
        foreign.public_id.replace("addon", "app"),
        foreign.public_id.upper(),
    ]
    messages = set()
    for each in said:
        with pytest.raises(InvalidEvents) as refused:
            record(acme, [new(), new(resource=each)])
        [error] = refused.value.errors
        assert (error.index, error.field) == (1, "resource")
        messages.add(error.message)
    assert len(messages) == 1


def test_an_id_with_another_kind_is_refused(acme: Organization, shop: Resource) -> None:
    assert refusal(acme, new(resource={"id": shop.public_id, "kind": "addon"})) == [(0, "resource.kind")]


# --- Idempotency -----------------------------------------------------------------------------------------------
def test_the_same_key_with_the_same_content_gives_the_same_event(acme: Organization) -> None:
    sent = new(data={"a": 1, "b": [2]}, idempotency_key="k", resource={"kind": "addon", "name": "Database"})
    [first] = record(acme, [sent])
    Resource.objects.update(name="Renamed since")
    reordered = new(data={"b": [2], "a": 1}, idempotency_key="k", resource={"name": "Database", "kind": "addon"})
    assert record(acme, [sent]) == record(acme, [reordered]) == [first]
    assert Event.objects.count() == Resource.objects.count() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"type": "job.backon"},
        {"data": {"a": 2}},
        {"data": {"a": True}},
        {"resource": {"kind": "addon", "name": "Database"}},
        {"occurred_at": "2026-01-05T12:30:45Z"},
    ],
)
def test_the_same_key_with_another_content_is_a_conflict(acme: Organization, change: dict[str, Any]) -> None:
    record(acme, [new(data={"a": 1}, idempotency_key="k")])
    with pytest.raises(Conflict) as conflict:
        record(acme, [new(), NewEvent(**({"type": "job.fail", "data": {"a": 1}, "idempotency_key": "k"} | change))])
    assert (conflict.value.index, conflict.value.key) == (1, "k")
    assert Event.objects.count() == 1


def test_a_key_twice_in_one_list_is_one_event(acme: Organization) -> None:
    events = record(acme, [new(idempotency_key="k"), new(), new(idempotency_key="k")])
    assert events[0] == events[2] != events[1]
    assert Event.objects.count() == 2


def test_a_key_twice_in_one_list_with_another_content_is_a_conflict(acme: Organization) -> None:
    with pytest.raises(Conflict) as conflict:
        record(acme, [new(idempotency_key="k"), new("job.backon", idempotency_key="k")])
    assert conflict.value.index == 1
    assert not Event.objects.exists()


def test_a_list_may_mix_what_was_stored_before_with_what_is_new(acme: Organization) -> None:
    [first] = record(acme, [new(idempotency_key="1")])
    events = record(acme, [new(idempotency_key="1"), new(idempotency_key="2"), new(idempotency_key="1")])
    assert events[0] == events[2] == first
    assert events[1] != first


def test_keys_of_different_organizations_are_different(acme: Organization, alice: User) -> None:
    other = Organization.objects.get(pk=alice.pk)
    assert record(acme, [new(idempotency_key="k")]) != record(other, [new(idempotency_key="k")])


def test_nothing_stays_when_the_transaction_around_it_fails(acme: Organization) -> None:
    with transaction.atomic():
        record(acme, [new(resource={"kind": "addon", "name": "Database"})])
        transaction.set_rollback(True)
    assert not Event.objects.exists()
    assert not Resource.objects.exists()


# --- Bulk ------------------------------------------------------------------------------------------------------
def test_a_thousand_events_take_a_few_queries(acme: Organization, django_assert_max_num_queries: Any) -> None:
    events = [
        new(
            resource={"kind": "application", "name": f"App {number % 50}"},
            idempotency_key=f"key {number}",
            data={"number": number},
        )
        for number in range(1000)
    ]
    with django_assert_max_num_queries(60):
        first = record(acme, events)
    with django_assert_max_num_queries(10):
        assert record(acme, events) == first
    assert Event.objects.count() == 1000
    assert Resource.objects.count() == 50
