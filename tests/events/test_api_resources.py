"""Applications and add-ons by API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from events.models import Resource
from notifications_project.accounts.models import Organization, User
from tests.conftest import Api

pytestmark = pytest.mark.django_db


@pytest.fixture
def address(acme: Organization) -> str:
    return f"/api/v1/organizations/{acme.public_id}/resources/"


@pytest.fixture
def dave_api(dave: User, api: Callable[..., Api]) -> Api:
    return api(dave)


def test_a_resource_is_added_renamed_archived_and_restored(dave_api: Api, address: str) -> None:
    created = dave_api.post(address, {"kind": "application", "name": " Shop "})
    assert created.status_code == 201
    shop = created.json()
    assert (shop["kind"], shop["name"], shop["archived"]) == ("application", "Shop", False)
    assert shop["id"].startswith("app_")
    assert dave_api.get(f"{address}{shop['id']}").json() == shop
    changed = dave_api.patch(f"{address}{shop['id']}/", {"name": "Store", "archived": True}).json()
    assert (changed["name"], changed["archived"]) == ("Store", True)
    assert changed["archived_at"]
    assert dave_api.patch(f"{address}{shop['id']}/", {"archived": False}).json()["archived"] is False
    assert [each["name"] for each in dave_api.get(address).json()["results"]] == ["Store"]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"kind": "application"}, "name"),
        ({"kind": "application", "name": ""}, "name"),
        ({"kind": "application", "name": "Taken"}, "name"),
        ({"kind": "application", "name": 7}, "name"),
        ({"kind": "application", "name": "a\0"}, "name"),
        ({"kind": "server", "name": "x"}, "kind"),
        ({"kind": "addon", "name": "x", "zone": "par"}, "zone"),
        ({"kind": "addon", "name": "x", "archived": True}, "archived"),
    ],
)
def test_what_cannot_be_added_is_named(
    dave_api: Api, address: str, acme: Organization, sent: dict[str, Any], field: str
) -> None:
    Resource.objects.create(organization=acme, kind="application", name="Taken")
    response = dave_api.post(address, sent)
    assert response.status_code == 422
    assert [each["field"] for each in response.json()["errors"]] == [field]


def test_a_change_is_made_whole_or_not_at_all(dave_api: Api, address: str, acme: Organization) -> None:
    Resource.objects.create(organization=acme, kind="addon", name="Taken")
    mine = Resource.objects.create(organization=acme, kind="addon", name="Mine")
    for sent, field in [({"archived": True, "name": "Taken"}, "name"), ({"archived": "yes"}, "archived")]:
        response = dave_api.patch(f"{address}{mine.public_id}/", sent)
        assert (response.status_code, response.json()["errors"][0]["field"]) == (422, field)
    mine.refresh_from_db()
    assert (mine.name, mine.archived_at) == ("Mine", None)


@pytest.mark.parametrize(
    ("name", "reading", "writing"),
    [("alice", 200, 201), ("mary", 200, 201), ("dave", 200, 201), ("anna", 200, 403), ("olga", 404, 404)],
)
def test_members_read_and_all_but_accounting_add(
    request: pytest.FixtureRequest, api: Callable[..., Api], address: str, name: str, reading: int, writing: int
) -> None:
    client = api(request.getfixturevalue(name))
    assert client.get(address).status_code == reading
    assert client.post(address, {"kind": "addon", "name": "Database"}).status_code == writing


def test_a_foreign_resource_is_not_there(dave_api: Api, address: str, olga: User) -> None:
    foreign = Resource.objects.create(organization=Organization.objects.get(name="Other"), kind="addon", name="x")
    assert dave_api.get(f"{address}{foreign.public_id}/").status_code == 404
    assert dave_api.patch(f"{address}{foreign.public_id}/", {"name": "y"}).status_code == 404
