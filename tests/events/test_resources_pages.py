"""The pages of applications and add-ons."""

from __future__ import annotations

import pytest
from django.urls import reverse

from events import resources, views_resources
from events.models import Resource
from tests import pages

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(acme, alice):
    return resources.create(organization=acme, kind="application", name="shop", actor=alice)


def address(name, acme, *more):
    return reverse(f"events:{name}", args=[acme.public_id, *(each.public_id for each in more)])


def test_an_empty_list_says_what_to_do_next(acme, alice, anna, client_of):
    assert "Add an application" in pages.get(client_of(alice), address("resources", acme))
    assert "Add an application" not in pages.get(client_of(anna), address("resources", acme))
    assert "Nothing is archived" in pages.get(client_of(alice), address("resources", acme) + "?archived")


def test_a_developer_adds_renames_archives_and_restores(acme, dave, client_of):
    client = client_of(dave)
    client.post(address("add_resource", acme), {"kind": "addon", "name": "shop-db"})
    made = Resource.objects.get(name="shop-db")
    assert made.public_id in pages.get(client, address("resources", acme))
    client.post(address("rename_resource", acme, made), {"name": "db"})
    assert "Archive db?" in pages.get(client, address("archive_resource", acme, made))
    client.post(address("archive_resource", acme, made))
    assert made.public_id not in pages.get(client, address("resources", acme))
    assert made.public_id in pages.get(client, address("resources", acme) + "?archived")
    client.post(address("restore_resource", acme, made))
    assert made.public_id in pages.get(client, address("resources", acme))


def test_accounting_and_outsiders_change_nothing(acme, shop, anna, olga, client_of):
    paths = [
        address("add_resource", acme),
        address("rename_resource", acme, shop),
        address("archive_resource", acme, shop),
        address("restore_resource", acme, shop),
    ]
    for user, status in ((anna, 403), (olga, 404)):
        answers = [client_of(user).post(path, {"kind": "addon", "name": "mine"}) for path in paths]
        assert [answer.status_code for answer in answers] == [status] * 4
    shop.refresh_from_db()
    assert (shop.name, shop.archived_at, Resource.objects.count()) == ("shop", None, 1)
    assert "Rename" not in pages.get(client_of(anna), address("resources", acme))


def test_a_resource_of_another_organization_is_not_found_through_mine(acme, shop, olga, client_of):
    other = olga.organizations.get(name="Other")
    assert client_of(olga).post(address("archive_resource", other, shop)).status_code == 404


def test_a_taken_name_is_explained_at_the_field(acme, alice, shop, client_of):
    resources.archive(shop, actor=alice)
    response = client_of(alice).post(address("add_resource", acme), {"kind": "application", "name": "shop"})
    assert response.status_code == 422
    html = pages.assert_strict(response)
    assert "restore it" in html
    assert 'value="shop"' in html


def test_a_refused_new_name_is_explained(acme, alice, shop, client_of):
    resources.create(organization=acme, kind="application", name="blog", actor=alice)
    client = client_of(alice)
    assert "has this name already" in pages.assert_strict(
        client.post(address("rename_resource", acme, shop), {"name": "blog"})
    )
    assert "Rename shop" in pages.get(client, address("rename_resource", acme, shop))


def test_a_name_is_found_in_a_long_list(acme, alice, client_of):
    for number in range(30):
        resources.create(organization=acme, kind="application", name=f"app {number:02}", actor=alice)
    html = pages.get(client_of(alice), address("resources", acme) + "?q=P+07")
    assert "app 07" in html
    assert "app 08" not in html
    assert "No name contains" in pages.get(client_of(alice), address("resources", acme) + "?q=nothing")


def test_a_long_list_comes_in_pages_that_miss_nothing(acme, alice, client_of, monkeypatch):
    monkeypatch.setattr(views_resources, "AT_ONCE", 3)
    for name in "edcba":
        for kind in ("application", "addon"):
            resources.create(organization=acme, kind=kind, name=name, actor=alice)
    seen, after = [], ""
    while True:
        page = client_of(alice).get(address("resources", acme), {"after": after})
        seen += [(each.name, each.kind) for each in page.context["resources"]]
        after = page.context["more"]
        if not after:
            break
    assert seen == [(name, kind) for name in "abcde" for kind in ("addon", "application")]
    pages.get(client_of(alice), address("resources", acme) + "?after=x", status=404)


def test_signing_in_may_return_to_where_one_is_restored_and_nothing_is(acme, dave, client_of, shop, alice):
    resources.archive(shop, actor=alice)
    response = client_of(dave).get(address("restore_resource", acme, shop))
    assert response.headers.get("Location") == address("resources", acme)
    assert Resource.objects.get(pk=shop.pk).archived_at
