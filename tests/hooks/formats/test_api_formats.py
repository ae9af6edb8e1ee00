"""Formats by API: what there is, and hooks in a format that takes options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hooks.formats import list_webhook_formats
from hooks.models import Endpoint, Hook
from notifications_project.accounts.models import Organization, User
from tests.conftest import Api

pytestmark = pytest.mark.django_db

TOKEN = "tOkEn-4711-of-the-room"
HIPCHAT = {
    "kind": "webhook",
    "name": "Ops room",
    "format": "hipchat",
    "url": "http://127.0.0.1:9",
    "options": {"token": TOKEN, "room": "Ops"},
}
NTFY = {
    "kind": "webhook",
    "name": "Phones",
    "format": "ntfy",
    "url": "http://127.0.0.1:9",
    "options": {"topic": "ops", "token": TOKEN},
}


@pytest.fixture
def address(acme: Organization) -> str:
    return f"/api/v1/organizations/{acme.public_id}/hooks/"


@pytest.fixture
def admin(alice: User, api: Callable[..., Api]) -> Api:
    return api(alice)


def fields(response: Any) -> list[str | None]:
    return [each["field"] for each in response.json()["errors"]]


def test_the_formats_are_listed_with_what_each_of_them_takes(admin: Api) -> None:
    listed = admin.get("/api/v1/formats/").json()
    assert listed["next"] is None
    formats = {each["name"]: each for each in listed["results"]}
    assert list(formats) == [known.name for known in list_webhook_formats()]
    assert [option["name"] for option in formats["raw"]["options"]] == ["ca_certificates"]
    assert formats["teams"]["options"] == []
    assert [name for name, each in formats.items() if each["verifiable"]] == ["hipchat"]
    hipchat = formats["hipchat"]
    assert hipchat["default_url"].startswith("https://")
    assert hipchat["setup"]
    token, _, version, _ = hipchat["options"]
    assert (token["name"], token["required"], token["secret"], token["choices"]) == ("token", True, True, [])
    assert [each["value"] for each in version["choices"]] == ["1", "2"]


def test_the_formats_are_for_users_only(client: Any) -> None:
    assert client.get("/api/v1/formats/").status_code == 401


def test_a_secret_option_is_read_back_masked_and_kept_encrypted(admin: Api, address: str) -> None:
    created = admin.post(address, HIPCHAT)
    assert created.status_code == 201, created.content
    assert created.json()["options"] == {"token": f"{TOKEN[:4]}••••••", "room": "Ops"}
    one = f"{address}{created.json()['id']}/"
    for response in (created, admin.get(one), admin.get(address)):
        assert TOKEN not in response.content.decode()
    endpoint = Endpoint.objects.get(hook__name="Ops room")
    assert TOKEN not in str(endpoint.options)
    assert endpoint.secrets["options"] == {"token": TOKEN}


def test_a_secret_stays_unless_another_is_sent(admin: Api, address: str) -> None:
    read = admin.post(address, HIPCHAT).json()
    del read["secret"]
    one = f"{address}{read['id']}/"

    def stored() -> Any:
        return Endpoint.objects.get(hook__name="Ops room").secrets["options"].get("token")

    assert admin.put(one, read).json() == read
    assert stored() == TOKEN
    admin.patch(one, {"options": {"room": "Else"}})
    assert stored() == TOKEN
    admin.patch(one, {"options": {"room": "Else", "token": "another-token"}})
    assert stored() == "another-token"
    assert fields(admin.patch(one, {"options": {"room": "Else", "token": None}})) == ["options.token"]


def test_a_secret_that_is_not_needed_can_be_taken_away(admin: Api, address: str) -> None:
    one = f"{address}{admin.post(address, NTFY).json()['id']}/"
    changed = admin.patch(one, {"options": {"topic": "ops", "token": None}})
    assert changed.json()["options"] == {"topic": "••••••"}
    assert Endpoint.objects.get(hook__name="Phones").secrets["options"] == {"topic": "ops"}


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({}, ["options.token", "options.room"]),
        ({"token": TOKEN, "room": "Ops", "colour": "red"}, ["options.colour"]),
        ({"token": TOKEN, "room": 7}, ["options.room"]),
        ({"token": TOKEN, "room": "Ops", "version": "3"}, ["options.version"]),
    ],
)
def test_a_problem_names_its_option(admin: Api, address: str, options: dict[str, Any], wrong: list[str]) -> None:
    response = admin.post(address, HIPCHAT | {"options": options})
    assert (response.status_code, fields(response)) == (422, wrong)
    assert not Hook.objects.filter(name="Ops room").exists()


def test_without_a_url_a_format_goes_where_it_always_goes(admin: Api, address: str) -> None:
    sent = {name: value for name, value in HIPCHAT.items() if name != "url"}
    created = admin.post(address, sent)
    assert created.status_code == 201, created.content
    assert created.json()["url"] == "https://api.hipchat.com"
    one = f"{address}{created.json()['id']}/"
    assert admin.patch(one, {"url": "http://127.0.0.1:9"}).json()["url"] == "http://127.0.0.1:9"
    assert admin.patch(one, {"url": ""}).json()["url"] == "https://api.hipchat.com"
    assert fields(admin.patch(one, {"url": "", "format": "raw", "options": {}})) == ["url"]


@pytest.mark.parametrize("value", [["a", "list"], {"an": "object"}, 4711, True])
def test_an_option_that_is_no_text_is_refused_and_what_was_stored_stays(value: Any, admin: Api, address: str) -> None:
    one = f"{address}{admin.post(address, NTFY).json()['id']}/"
    response = admin.patch(one, {"options": {"topic": "ops", "token": value}})
    assert (response.status_code, fields(response)) == (422, ["options.token"])
    endpoint = Endpoint.objects.get(kind="webhook")
    assert endpoint.secrets["options"] == {"topic": "ops", "token": TOKEN}
