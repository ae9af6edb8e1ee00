"""The pages about events: the list, one event, the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from events.catalogue import GROUPS, OFFERED
from events.intake import NewEvent, record
from events.models import Event, Resource
from hooks.deliveries import test_sends
from hooks.models import Hook
from hooks.tasks import pump
from notifications_project.accounts.models import Organization, User
from tests.pages import get

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client_of: Callable[[User], Client], dave: User, acme: Organization) -> Callable[..., str]:
    """Return a function that fetches a page of Acme as Dave."""
    client = client_of(dave)

    def read(path: str, status: int = 200) -> str:
        return unescape(get(client, f"/organizations/{acme.public_id}/{path}", status))

    return read


def event(acme: Organization, type: str = "process.down", **fields: Any) -> Event:
    return record(acme, [NewEvent(type, **fields)])[0]


def test_an_empty_list_shows_how_to_record_the_first_event(page: Any, acme: Organization) -> None:
    html = page("events")
    assert f"curl http://localhost:8000/api/v1/organizations/{acme.public_id}/events/" in html
    assert "YOUR_API_TOKEN" in html
    assert 'href="/account/tokens/"' in html


def test_the_list_says_what_happened_to_what(page: Any, acme: Organization) -> None:
    stored = event(acme, resource={"kind": "application", "name": "Shop & Co"})
    html = page("events/")
    assert "Process is down" in html
    assert "Shop & Co" in html
    assert f"events/{stored.public_id}/" in html
    assert "Bad" in html


def test_the_list_is_filtered_by_type_group_and_resource(page: Any, acme: Organization) -> None:
    shop = event(acme, resource={"kind": "application", "name": "Shop"})
    deployed = event(acme, "stack.redeploy.ok")
    shop_id = Resource.objects.get().public_id
    for query, shown, hidden in [
        ("type=process.down", shop, deployed),
        ("type=deployment-result", deployed, shop),
        (f"resource={shop_id}", shop, deployed),
    ]:
        html = page(f"events/?{query}")
        assert shown.public_id in html
        assert hidden.public_id not in html
    assert "No event matches" in page("events/?type=job.fail")


def test_a_type_that_there_is_not_is_called_so(page: Any, acme: Organization) -> None:
    stored = event(acme)
    html = page("events/?type=no.such")
    assert "There is no event type or group “no.such”." in html
    assert stored.public_id not in html


def test_an_archived_resource_can_still_be_the_filter(page: Any, acme: Organization) -> None:
    stored = event(acme, resource={"kind": "application", "name": "Shop"})
    Resource.objects.update(archived_at=timezone.now())
    assert stored.public_id in page(f"events/?resource={Resource.objects.get().public_id}")


def test_the_list_is_paged_by_key(page: Any, acme: Organization) -> None:
    stored = record(acme, [NewEvent("git.push") for _ in range(60)])
    first = page("events/?type=git.push")
    assert stored[59].public_id in first
    assert f"type=git.push&before={stored[10].public_id}" in first
    second = page(f"events/?before={stored[10].public_id}")
    assert stored[9].public_id in second
    assert stored[10].public_id not in second.split("<main")[1].split("pager")[0]


@pytest.mark.parametrize("query", ["before=5", "resource=5", "before=dlv_01928d3e-0000-7000-8000-000000000000"])
def test_an_id_that_is_none_is_not_found(page: Any, query: str) -> None:
    page(f"events/?{query}", 404)


def test_an_event_is_shown_with_its_json_and_safe_from_its_own_data(
    client_of: Any, dave: User, acme: Organization
) -> None:
    stored = event(acme, data={"process_name": "<script>alert(1)</script>"}, idempotency_key="build-7")
    html = get(client_of(dave), f"/organizations/{acme.public_id}/events/{stored.public_id}/")
    assert "&lt;script&gt;alert(1)" in html
    assert "<script>alert(1)" not in html
    assert "build-7" in html
    assert "This is not known yet" in html


@pytest.mark.django_db(transaction=True)
def test_an_event_lists_who_is_told_and_why(page: Any, acme: Organization, alice: User) -> None:
    stored = event(acme, "stack.redeploy.ok")
    pump()
    html = page(f"events/{stored.public_id}")
    delivery = stored.deliveries.get(endpoint__address=alice.email)
    assert f"deliveries/{delivery.public_id}/" in html
    assert alice.email in html
    assert "Default deployment result e-mails" in html
    quiet = event(acme, "git.push")
    pump()
    assert "Nobody: when it was recorded, no hook" in page(f"events/{quiet.public_id}")


def test_a_test_is_marked_as_one(page: Any, acme: Organization, alice: User) -> None:
    delivery = test_sends.send_hook_test(Hook.objects.get(organization=acme), "job.fail", alice)
    html = page(f"events/{delivery.event.public_id}")
    assert "This is a test with sample data" in html
    assert delivery.public_id in html
    assert ">test<" in page("events")


def test_the_catalogue_shows_every_type_and_group(page: Any) -> None:
    html = page("event-types")
    assert "account.digest" in html
    for each in OFFERED:
        assert f'id="{each.name}"' in html
        assert str(each.label) in html
    for group in GROUPS.values():
        assert str(group.label) in html


@pytest.mark.parametrize("path", ["events/", "event-types/", "events/{event}/"])
def test_pages_are_for_members_only(client_of: Any, acme: Organization, olga: User, anna: User, path: str) -> None:
    address = f"/organizations/{acme.public_id}/{path.format(event=event(acme).public_id)}"
    assert client_of(anna).get(address).status_code == 200
    assert client_of(olga).get(address).status_code == 404
    assert Client().get(address).status_code == 302


def test_an_event_of_another_organization_is_not_there(client_of: Any, acme: Organization, alice: User) -> None:
    personal = Organization.objects.get(pk=alice.pk)
    get(client_of(alice), f"/organizations/{personal.public_id}/events/{event(acme).public_id}/", 404)


def test_a_list_takes_the_same_few_queries_however_long(
    client_of: Any, dave: User, acme: Organization, django_assert_max_num_queries: Any
) -> None:
    record(acme, [NewEvent("git.push", resource={"kind": "addon", "name": f"Db {n}"}) for n in range(50)])
    client = client_of(dave)
    client.get(f"/organizations/{acme.public_id}/events/")
    with django_assert_max_num_queries(13):
        client.get(f"/organizations/{acme.public_id}/events/")
