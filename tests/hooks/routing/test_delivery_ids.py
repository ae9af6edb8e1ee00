"""Ids of deliveries follow from event and endpoint: an event that is routed again gets equal ids."""

from __future__ import annotations

import random
from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as some

from events.intake import NewEvent
from events.intake import record as record_events
from events.models import Event
from hooks import clock
from hooks.deliveries import test_sends
from hooks.engine import lanes, taking
from hooks.models import Delivery, Endpoint, Hook, Lane
from hooks.models.work import derive_delivery_id
from hooks.queue import lanes as queue_lanes
from hooks.routing import router
from notifications_project import ids
from notifications_project.accounts.models import Organization, User
from tests.hooks.pages import Record, Webhook

UUIDS = some.uuids()
Ids = set[tuple[UUID, str, UUID]]


def owed() -> Ids:
    return set(Delivery.objects.values_list("event_id", "endpoint__address", "pk"))


def route_all() -> None:
    while router.route():
        pass


def route_again() -> None:
    """Route all events again, as after the restore of a dump from before the routing."""
    Delivery.objects.all().delete()
    Endpoint.objects.filter(kind="email").delete()
    Event.objects.filter(is_test=False).update(routed_at=None)
    route_all()


# --- The function ----------------------------------------------------------------------------------------------
@settings(max_examples=200)
@given(UUIDS, UUIDS, UUIDS)
def test_an_id_follows_from_event_and_endpoint_and_is_a_version_7(event: UUID, one: UUID, other: UUID) -> None:
    event = UUID(int=event.int & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62)
    made = derive_delivery_id(event, one)
    assert made == derive_delivery_id(UUID(str(event)), UUID(str(one)))
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 62 == event.int >> 62
    assert one == other or made != derive_delivery_id(event, other)


def test_ids_sort_like_those_of_their_events_however_many_are_made_at_once() -> None:
    endpoints = [UUID(int=random.getrandbits(128)) for _ in range(3)]
    events = [ids.uuid7() for _ in range(5_000)]
    for endpoint in endpoints:
        made = [derive_delivery_id(event, endpoint) for event in events]
        assert made == sorted(set(made))
    mixed = [derive_delivery_id(event, random.choice(endpoints)) for event in events]
    assert mixed == sorted(mixed)


def test_ids_stay_in_order_when_the_clock_stands_still_or_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = (timezone.now() + timedelta(hours=1)).timestamp()
    monkeypatch.setattr(ids, "_last", int(ahead * 1000) << 80 | 0x7 << 76 | 0x2 << 62)
    made = [ids.uuid7() for _ in range(10_000)]  # more than the counter of one millisecond holds
    assert made == sorted(set(made))
    assert {each.version for each in made} == {7}
    assert {each.variant for each in made} == {"specified in RFC 4122"}
    assert [derive_delivery_id(each, "a") for each in made] == sorted(derive_delivery_id(each, "a") for each in made)


# --- Routing ---------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_what_is_routed_again_has_the_same_ids(
    webhook: Webhook, record: Record, acme: Organization, dave: User, mary: User
) -> None:
    webhook(name="One")
    webhook(name="Two")
    for number in range(20):
        record(["job.fail", "git.push", "stack.redeploy.ok"][number % 3], number=number)
    route_all()
    before = owed()
    assert len(before) > 60, "two webhooks and three members, of whom mails are new endpoints"
    route_again()
    assert owed() == before


@pytest.mark.django_db
def test_an_address_in_another_case_is_the_same_address(record: Record, acme: Organization, alice: User) -> None:
    record("job.fail")
    route_all()
    [before] = Delivery.objects.values_list("pk", flat=True)
    User.objects.filter(pk=alice.pk).update(email=alice.email.upper())
    route_again()
    assert list(Delivery.objects.values_list("pk", flat=True)) == [before]


@pytest.mark.django_db
def test_a_lane_has_the_order_of_the_events_also_when_all_of_it_was_held(
    webhook: Webhook, record: Record, acme: Organization
) -> None:
    webhook(ordered=True)
    events = record_events(acme, [NewEvent("git.push") for _ in range(300)])
    route_all()
    Delivery.objects.update(due_at=clock.now())
    lane = Lane.objects.get(transport="http")
    queue_lanes.touch([lane.pk])
    [lease] = lanes.claim(1, ["http"])
    taken = taking.take([(lease, 500)])[lane.pk]
    routed = dict(Delivery.objects.values_list("pk", "event_id"))
    assert [routed[each.delivery] for each in taken] == [event.pk for event in events]


@pytest.mark.django_db
def test_an_event_that_is_committed_late_is_told_after_those_that_were_routed_before(
    webhook: Webhook, record: Record
) -> None:
    """A transaction that began first and ended last has an event with a smaller id."""
    webhook(ordered=True)
    late, early = record("git.push", number=1), record("git.push", number=2)
    Event.objects.filter(pk=late.pk).update(routed_at=clock.now())  # hidden: not committed yet
    route_all()
    Event.objects.filter(pk=late.pk).update(routed_at=None)
    route_all()
    lane = Lane.objects.get(transport="http")
    [lease] = lanes.claim(1, ["http"])
    routed = dict(Delivery.objects.filter(lane=lane).values_list("pk", "event_id"))
    assert [routed[each.delivery] for each in taking.take([(lease, 9)])[lane.pk]] == [early.pk, late.pk]


@pytest.mark.django_db
def test_a_test_has_an_id_of_the_same_kind(hook: Hook, alice: User) -> None:
    first, second = (test_sends.send_hook_test(hook, "job.fail", alice) for _ in range(2))
    assert hook.endpoint is not None
    assert first.pk == derive_delivery_id(first.event_id, hook.endpoint.pk)
    assert first.pk < second.pk
