"""Deliveries by API: requests, answers and resending."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from events import representation
from events.models import Event
from hooks import clock
from hooks.manage import rules
from hooks.manage.rules import Notify
from hooks.models import Circuit, Delivery, Endpoint, Hook, Lane
from hooks.routing import router
from notifications_project.accounts.models import AuditEntry, Organization, User
from tests.conftest import Api, Receiver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail")]


@pytest.fixture
def address(acme: Organization) -> str:
    return f"/api/v1/organizations/{acme.public_id}/deliveries/"


@pytest.fixture
def admin(alice: User, api: Callable[..., Api]) -> Api:
    return api(alice)


@pytest.fixture
def hook(webhook: Callable[..., Hook], receiver: Receiver) -> Hook:
    return webhook(events=["stack.redeploy.ok"], url=f"{receiver.url}?token=hush")


@pytest.fixture
def event(hook: Hook, record: Callable[..., Event]) -> Event:
    return record("stack.redeploy.ok", name="Shop")


def test_a_delivery_is_read_with_its_attempts(
    admin: Api, address: str, hook: Hook, event: Event, receiver: Receiver, pump: Callable[[], None]
) -> None:
    receiver.status, receiver.body = 500, "oh"
    pump()
    [listed] = admin.get(address).json()["results"]
    assert "attempts" not in listed
    found = admin.get(f"{address}{listed['id']}").json()
    assert found["event"] == {"id": event.public_id, "type": "stack.redeploy.ok", "test": False}
    assert (found["hook"], found["state"], found["tries"]) == (hook.public_id, "pending", 1)
    assert found["next_try_at"]
    assert found["explanation"]
    assert found["reasons"][0]["name"] == hook.name
    assert hook.name in found["reasons"][0]["explanation"]
    [attempt] = found["attempts"]
    assert (attempt["number"], attempt["code"]) == (1, "500")
    assert attempt["request"]["headers"]["webhook-id"] == listed["id"]
    assert attempt["request"]["body"].encode() == representation.get_bytes(event) == receiver.requests[0].data
    assert attempt["response"]["body"] == "oh"
    assert attempt["explanation"]
    assert attempt["advice"]


def test_what_is_due_says_that_no_worker_is_running(admin: Api, address: str, event: Event) -> None:
    router.route()
    [listed] = admin.get(address).json()["results"]
    assert listed["explanation"] == "To be sent now, attempt 1 of 10"
    Lane.objects.update(next_at=clock.now() - timedelta(minutes=1))
    [listed] = admin.get(address).json()["results"]
    assert listed["explanation"] == "Waits for a worker"
    assert admin.get(f"{address}{listed['id']}/").json()["explanation"] == "Waits for a worker"


def test_the_next_try_is_not_before_its_lane_may_be_tried(
    admin: Api, address: str, event: Event, receiver: Receiver, pump: Callable[[], None]
) -> None:
    receiver.status, receiver.headers = 503, {"Retry-After": "3000"}
    pump()
    Delivery.objects.update(due_at=clock.now())  # as a new one behind it would be
    [listed] = admin.get(address).json()["results"]
    held = Lane.objects.get(transport="http").not_before
    assert held is not None
    assert listed["next_try_at"] == admin.get(f"{address}{listed['id']}/").json()["next_try_at"]
    assert datetime.fromisoformat(listed["next_try_at"]) == held
    assert re.match("Next try in (49|50) min, attempt 2 of 10", listed["explanation"])


def test_the_next_try_of_a_mail_is_not_before_the_relay_may_be_tried(
    admin: Api, address: str, acme: Organization, record: Callable[..., Event]
) -> None:
    rules.create_email_hook(organization=acme, actor=None, name="All", notify=Notify(members=True))
    record("git.push")
    router.route()
    until = clock.now() + timedelta(minutes=7)
    Circuit.objects.create(pk="smtp", not_before=until, failures=3)
    [listed] = admin.get(address).json()["results"]
    assert datetime.fromisoformat(listed["next_try_at"]) == until
    admin.post(f"{address}{listed['id']}/redeliver/")
    assert datetime.fromisoformat(admin.get(address).json()["results"][0]["next_try_at"]) == until
    Circuit.objects.all().delete()
    asked = datetime.fromisoformat(admin.get(address).json()["results"][0]["next_try_at"])
    assert abs(asked - clock.now()) < timedelta(minutes=1)


def test_a_delivery_is_sent_once_more_with_the_same_id_and_body(
    admin: Api, address: str, event: Event, receiver: Receiver, pump: Callable[[], None]
) -> None:
    pump()
    [listed] = admin.get(f"{address}?state=delivered").json()["results"]
    again = admin.post(f"{address}{listed['id']}/redeliver")
    assert (again.status_code, again.json()["state"]) == (202, "pending")
    pump()
    assert [each.headers["webhook-id"] for each in receiver.requests] == [listed["id"]] * 2
    assert receiver.requests[0].data == receiver.requests[1].data
    assert len(admin.get(f"{address}{listed['id']}/").json()["attempts"]) == 2


def test_what_has_nowhere_to_go_is_not_sent_again(
    admin: Api, address: str, hook: Hook, event: Event, pump: Callable[[], None]
) -> None:
    pump()
    rules.delete_hook(hook, None)
    response = admin.post(f"{address}{Delivery.objects.get().public_id}/redeliver/")
    assert response.status_code == 409
    assert response.json()["errors"][0]["message"]


def test_what_has_a_disabled_endpoint_is_not_sent_again_before_a_test(
    admin: Api, address: str, event: Event, pump: Callable[[], None]
) -> None:
    pump()
    Endpoint.objects.filter(kind="webhook").update(disabled_at=clock.now())
    response = admin.post(f"{address}{Delivery.objects.get().public_id}/redeliver/")
    assert response.status_code == 409
    assert "Its hook is disabled. Test it first" in response.json()["errors"][0]["message"]
    assert Delivery.objects.get().state == "delivered"


def test_several_are_sent_once_more_and_what_cannot_be_says_why(
    admin: Api,
    address: str,
    webhook: Callable[..., Hook],
    event: Event,
    record: Callable[..., Event],
    receiver: Receiver,
    pump: Callable[[], None],
) -> None:
    gone = webhook(name="Gone", events=["git.push"])
    record("git.push")
    record("stack.redeploy.ok")
    pump()
    rules.delete_hook(gone, None)
    lost = Delivery.objects.get(hook=gone).public_id
    good = [each.public_id for each in Delivery.objects.exclude(hook=gone).order_by("pk")]
    stranger = "dlv_0193a1b2-0000-7000-8000-000000000000"
    response = admin.post(f"{address}redeliver", {"ids": [*good, good[0], lost, stranger]})
    assert response.status_code == 202, response.content
    assert response.json()["sent"] == good
    why = {each["id"]: each["message"] for each in response.json()["refused"]}
    assert why.keys() == {lost, stranger}
    assert "deleted" in why[lost]
    pump()
    assert sorted(each.headers["webhook-id"] for each in receiver.requests) == sorted([*good, *good, lost])
    assert {row.tries for row in Delivery.objects.exclude(hook=gone)} == {1}
    entries = AuditEntry.objects.filter(action="delivery.redelivered")
    assert sorted(entries.values_list("target", flat=True)) == sorted(good)


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "ids"),
        ({"ids": "dlv_1"}, "ids"),
        ({"ids": ["evt_1"]}, "ids"),
        ({"ids": [], "all": True}, "all"),
        ({"ids": [f"dlv_0193a1b2-0000-7000-8000-{number:012d}" for number in range(101)]}, "ids"),
    ],
)
def test_a_wrong_selection_is_refused(admin: Api, address: str, sent: dict[str, Any], field: str) -> None:
    response = admin.post(f"{address}redeliver/", sent)
    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, field)


def test_the_list_is_filtered_and_paged(
    admin: Api, address: str, hook: Hook, webhook: Callable[..., Hook], record: Callable[..., Event], pump: Any
) -> None:
    other = webhook(name="Other", events=["git.push"])
    events = [record("git.push"), record("stack.redeploy.ok"), record("git.push")]
    pump()

    def ids(query: str) -> list[str]:
        return [each["event"]["id"] for each in admin.get(f"{address}?{query}").json()["results"]]

    assert ids("") == [event.public_id for event in events[::-1]]
    assert ids(f"hook={other.public_id}") == [events[2].public_id, events[0].public_id]
    assert ids(f"event={events[1].public_id}") == [events[1].public_id]
    assert ids("state=failed") == []
    first = admin.get(f"{address}?limit=2&hook={other.public_id}&state=delivered").json()
    assert first["next"] is None
    first = admin.get(f"{address}?limit=1&hook={other.public_id}").json()
    second = admin.get(first["next"]).json()
    assert [each["event"]["id"] for each in second["results"]] == [events[0].public_id]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=lost", "state"),
        ("state=", "state"),
        ("hook=", "hook"),
        ("event=", "event"),
        ("hook=5", "hook"),
        ("event=5", "event"),
        ("stat=failed", "stat"),
    ],
)
def test_a_wrong_parameter_is_named(admin: Api, address: str, query: str, field: str) -> None:
    response = admin.get(f"{address}?{query}")
    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, field)


@pytest.mark.parametrize(
    ("name", "reading", "again"),
    [("alice", 200, 202), ("mary", 200, 202), ("dave", 200, 202), ("anna", 200, 403), ("olga", 404, 404)],
)
def test_who_may_do_what(
    request: pytest.FixtureRequest,
    api: Callable[..., Api],
    address: str,
    event: Event,
    pump: Callable[[], None],
    name: str,
    reading: int,
    again: int,
) -> None:
    pump()
    one = f"{address}{Delivery.objects.get().public_id}/"
    client = api(request.getfixturevalue(name))
    for page in (address, one):
        response = client.get(page)
        assert response.status_code == reading
        assert "hush" not in response.content.decode()
    assert client.post(f"{one}redeliver/").status_code == again
    some = client.post(f"{address}redeliver/", {"ids": [Delivery.objects.get().public_id]})
    assert some.status_code == again


def test_a_delivery_of_another_organization_is_not_there(
    admin: Api, address: str, event: Event, alice: User, pump: Callable[[], None]
) -> None:
    pump()
    personal = Organization.objects.get(pk=alice.pk)
    one = f"/api/v1/organizations/{personal.public_id}/deliveries/{Delivery.objects.get().public_id}/"
    assert admin.get(one).status_code == 404
    assert admin.post(f"{one}redeliver/").status_code == 404
    other = f"/api/v1/organizations/{personal.public_id}/deliveries/redeliver/"
    assert admin.post(other, {"ids": [Delivery.objects.get().public_id]}).json()["sent"] == []
    assert admin.get(f"/api/v1/organizations/{personal.public_id}/deliveries/").json()["results"] == []


def test_a_list_takes_the_same_few_queries_however_long(
    admin: Api, address: str, event: Event, record: Any, pump: Any, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        record("stack.redeploy.ok")
    pump()
    with django_assert_max_num_queries(5):
        assert len(admin.get(address).json()["results"]) == 21
