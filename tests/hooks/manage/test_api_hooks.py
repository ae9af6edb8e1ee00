"""Hooks by API."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from events.models import Event, Resource
from hooks.models import Delivery, Endpoint, Hook
from notifications_project import ids
from notifications_project.accounts.models import Organization, User
from tests.conftest import Api, Receiver

pytestmark = pytest.mark.django_db

URL = "http://127.0.0.1:9/in?token=hush"
WEBHOOK = {"kind": "webhook", "name": "Chat", "url": URL}
EMAIL = {"kind": "email", "name": "Everybody", "notify": {"members": True}}


@pytest.fixture
def address(acme: Organization) -> str:
    return f"/api/v1/organizations/{acme.public_id}/hooks/"


@pytest.fixture
def admin(alice: User, api: Callable[..., Api]) -> Api:
    return api(alice)


@pytest.fixture
def shop(acme: Organization) -> Resource:
    return Resource.objects.create(organization=acme, kind="application", name="Shop")


def fields(response: Any) -> list[str | None]:
    assert all(each["message"] for each in response.json()["errors"])
    return [each["field"] for each in response.json()["errors"]]


# --- Creating and reading --------------------------------------------------------------------------------------
@pytest.mark.parametrize("slash", ["/", ""])
def test_a_webhook_is_created_with_a_secret_that_is_shown_this_once(
    admin: Api, address: str, shop: Resource, slash: str
) -> None:
    sent = {
        "kind": "webhook",
        "name": "Chat",
        "url": URL,
        "format": "raw",
        "options": {},
        "ordered": True,
        "rate_limit": {"per_second": 0.5, "burst": 10},
        "events": ["deployment-result", "job.fail"],
        "resources": [shop.public_id],
        "paused": False,
        "enabled": True,
    }
    response = admin.post(address.rstrip("/") + slash, sent)
    assert response.status_code == 201, response.content
    created = response.json()
    assert created["secret"].startswith("whsec_")
    assert created["id"].startswith("hook_")
    assert {name: created[name] for name in sent} == sent | {"url": "http://127.0.0.1:9/in?••••••"}
    read = admin.get(f"{address}{created['id']}").json()
    assert "secret" not in read
    assert read | {"secret": created["secret"]} == created
    assert created["secret"] not in admin.get(address).content.decode()


def test_an_email_hook_is_created_as_it_was_sent(
    admin: Api, address: str, alice: User, dave: User, shop: Resource
) -> None:
    sent = {
        "kind": "email",
        "name": "Mails",
        "notify": {
            "members": False,
            "roles": ["manager"],
            "users": [dave.public_id],
            "addresses": ["ops@people.example"],
        },
        "events": ["credits.warning"],
        "resources": [shop.public_id],
        "paused": True,
        "enabled": False,
    }
    response = admin.post(address, sent)
    assert response.status_code == 201, response.content
    created = response.json()
    assert {name: created[name] for name in sent} == sent
    assert "secret" not in created
    assert created["health"] is None
    assert admin.get(f"{address}{created['id']}/").json() == created


def test_what_is_not_sent_has_its_default(admin: Api, address: str) -> None:
    webhook = admin.post(address, WEBHOOK).json()
    defaults: dict[str, Any] = {
        "format": "raw",
        "options": {},
        "events": None,
        "resources": None,
        "paused": False,
        "enabled": True,
    }
    defaults |= {"ordered": False, "rate_limit": None}
    assert {name: webhook[name] for name in defaults} == defaults
    email = admin.post(address, EMAIL).json()
    assert email["notify"] == {"members": True, "roles": [], "users": [], "addresses": []}


def test_the_list_has_the_default_hook_and_can_be_filtered_by_kind(admin: Api, address: str) -> None:
    admin.post(address, WEBHOOK)
    hooks = admin.get(address).json()
    assert hooks["next"] is None
    assert [each["name"] for each in hooks["results"]] == ["Chat", "Default deployment result e-mails"]
    assert [each["name"] for each in admin.get(f"{address}?kind=webhook").json()["results"]] == ["Chat"]
    assert fields(admin.get(f"{address}?kind=phone")) == ["kind"]


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        pytest.param({"name": "x"}, ["kind"], id="no kind"),
        pytest.param({**WEBHOOK, "kind": "phone"}, ["kind"], id="another kind"),
        pytest.param({**WEBHOOK, "kind": ["webhook"]}, ["kind"], id="a kind that is a list"),
        pytest.param({"kind": "webhook"}, ["name", "url"], id="nothing else"),
        pytest.param({"kind": "email", "name": "x"}, ["notify"], id="nobody"),
        pytest.param({**EMAIL, "notify": {}}, ["notify"], id="still nobody"),
        pytest.param({**EMAIL, "notify": {"everybody": True}}, ["notify.everybody"], id="an unknown group"),
        pytest.param({**EMAIL, "notify": {"roles": ["king"]}}, ["notify"], id="an unknown role"),
        pytest.param({**EMAIL, "notify": {"users": ["dave"]}}, ["notify.users"], id="no user id"),
        pytest.param({**EMAIL, "notify": {"addresses": ["ops"]}}, ["notify"], id="no address"),
        pytest.param({**EMAIL, "notify": {"addresses": "ops@people.example"}}, ["notify.addresses"], id="no list"),
        pytest.param({**EMAIL, "notify": {"members": "yes"}}, ["notify.members"], id="no truth"),
        pytest.param({**EMAIL, "url": URL}, ["url"], id="a URL for e-mails"),
        pytest.param({**WEBHOOK, "notify": {"members": True}}, ["notify"], id="members for a webhook"),
        pytest.param({**WEBHOOK, "secret": "whsec_mine"}, ["secret"], id="an own secret"),
        pytest.param({**WEBHOOK, "colour": 1, "size": 2}, ["colour", "size"], id="unknown fields"),
        pytest.param({**WEBHOOK, "name": " "}, ["name"], id="a blank name"),
        pytest.param({**WEBHOOK, "name": 7}, ["name"], id="a number as name"),
        pytest.param({**WEBHOOK, "name": "a\0"}, ["name"], id="NUL in the name"),
        pytest.param({**WEBHOOK, "url": "ftp://example.com"}, ["url"], id="another scheme"),
        pytest.param({**WEBHOOK, "url": "http://10.0.0.1/"}, ["url"], id="a private network"),
        pytest.param({**WEBHOOK, "url": 7}, ["url"], id="a number as URL"),
        pytest.param({**WEBHOOK, "format": "telex"}, ["format"], id="an unknown format"),
        pytest.param({**WEBHOOK, "options": []}, ["options"], id="options that are a list"),
        pytest.param({**WEBHOOK, "options": {"colour": 1}}, ["options.colour"], id="an unknown option"),
        pytest.param({**WEBHOOK, "options": {"a": "\0"}}, ["options.a"], id="NUL in the options"),
        pytest.param({**WEBHOOK, "events": ["no.such"]}, ["events"], id="an unknown type"),
        pytest.param({**WEBHOOK, "events": "job.fail"}, ["events"], id="events that are no list"),
        pytest.param({**WEBHOOK, "events": [None]}, ["events"], id="events that are no texts"),
        pytest.param({**WEBHOOK, "resources": ["shop"]}, ["resources"], id="no resource id"),
        pytest.param(
            {**WEBHOOK, "resources": ["app_3c2b8a52-4e1f-4f0b-9d3e-2a7f5f6b7c81"]}, ["resources"], id="no such resource"
        ),
        pytest.param({**WEBHOOK, "paused": None}, ["paused"], id="no truth again"),
        pytest.param({**WEBHOOK, "enabled": 1}, ["enabled"], id="a number as truth"),
        pytest.param({**WEBHOOK, "ordered": "yes"}, ["ordered"], id="a word as order"),
        pytest.param({**WEBHOOK, "rate_limit": 5}, ["rate_limit"], id="a number as rate limit"),
        pytest.param({**WEBHOOK, "rate_limit": {}}, ["rate_limit.per_second"], id="no rate"),
        pytest.param({**WEBHOOK, "rate_limit": {"per_second": True}}, ["rate_limit.per_second"], id="truth as rate"),
        pytest.param({**WEBHOOK, "rate_limit": {"per_second": "5"}}, ["rate_limit.per_second"], id="a text as rate"),
        pytest.param(
            {**WEBHOOK, "rate_limit": {"per_second": 5, "burst": 1.5}}, ["rate_limit.burst"], id="half a burst"
        ),
        pytest.param({**WEBHOOK, "rate_limit": {"per_second": 5, "per": 1}}, ["rate_limit.per"], id="an unknown rate"),
        pytest.param({**WEBHOOK, "rate_limit": {"per_second": 0}}, ["rate_limit"], id="never"),
        pytest.param({**WEBHOOK, "rate_limit": {"per_second": 10**400}}, ["rate_limit"], id="beyond all numbers"),
        pytest.param({**EMAIL, "ordered": True}, ["ordered"], id="order for e-mails"),
    ],
)
def test_what_cannot_be_a_hook_names_the_field(
    admin: Api, address: str, sent: dict[str, Any], wrong: list[str]
) -> None:
    before = Hook.objects.count()
    response = admin.post(address, sent)
    assert (response.status_code, fields(response)) == (422, wrong)
    assert Hook.objects.count() == before


def test_a_body_that_is_no_object_is_400(admin: Api, address: str) -> None:
    assert admin.post(address, [WEBHOOK]).status_code == 400


def test_resources_and_users_of_others_cannot_be_chosen(admin: Api, address: str, olga: User) -> None:
    other = Organization.objects.get(name="Other")
    foreign = Resource.objects.create(organization=other, kind="addon", name="x")
    assert fields(admin.post(address, {**WEBHOOK, "resources": [foreign.public_id]})) == ["resources"]
    assert fields(admin.post(address, {**EMAIL, "notify": {"users": [olga.public_id]}})) == ["notify"]


# --- Changing --------------------------------------------------------------------------------------------------
def test_patch_changes_what_is_named_and_nothing_else(admin: Api, address: str, shop: Resource) -> None:
    created = admin.post(address, {**WEBHOOK, "events": ["job.fail"], "resources": [shop.public_id]}).json()
    del created["secret"]
    changed = admin.patch(f"{address}{created['id']}/", {"paused": True, "name": "Quiet"}).json()
    assert changed == created | {"paused": True, "name": "Quiet", "state": "paused"}


def test_put_sets_everything_and_takes_back_what_is_left_out(admin: Api, address: str, shop: Resource) -> None:
    created = admin.post(address, {**WEBHOOK, "events": ["job.fail"], "resources": [shop.public_id]}).json()
    changed = admin.put(f"{address}{created['id']}/", {"name": "Chat", "url": URL})
    assert changed.status_code == 200, changed.content
    assert (changed.json()["events"], changed.json()["resources"]) == (None, None)
    missing = admin.put(f"{address}{created['id']}/", {"paused": True})
    assert (missing.status_code, fields(missing)) == (422, ["name", "url"])


def test_order_and_rate_are_changed_and_taken_back(admin: Api, address: str) -> None:
    one = f"{address}{admin.post(address, WEBHOOK).json()['id']}/"
    paced = {"ordered": True, "rate_limit": {"per_second": 5}}
    changed = admin.patch(one, paced).json()
    assert (changed["ordered"], changed["rate_limit"]) == (True, {"per_second": 5, "burst": 1})
    assert admin.patch(one, {"name": "Else"}).json() == changed | {"name": "Else"}
    assert admin.patch(one, {"rate_limit": None}).json()["rate_limit"] is None
    assert admin.put(one, {"name": "Chat", "url": URL}).json()["ordered"] is False


PACED = {**WEBHOOK, "ordered": True, "rate_limit": {"per_second": 2, "burst": 3}}


@pytest.mark.parametrize("sent", [WEBHOOK, EMAIL, PACED])
def test_a_hook_that_was_read_can_be_put_back(admin: Api, address: str, sent: dict[str, Any]) -> None:
    read = admin.get(f"{address}{admin.post(address, sent).json()['id']}/").json()
    response = admin.put(f"{address}{read['id']}/", read)
    assert (response.status_code, response.json()) == (200, read)


def test_recipients_are_changed_as_a_whole(admin: Api, address: str, dave: User) -> None:
    hook = admin.post(address, EMAIL).json()
    changed = admin.patch(f"{address}{hook['id']}/", {"notify": {"users": [dave.public_id]}}).json()
    assert changed["notify"] == {"members": False, "roles": [], "users": [dave.public_id], "addresses": []}


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [({"kind": "email"}, "kind"), ({"notify": {}}, "notify"), ({"url": "nowhere"}, "url"), ({"secret": "x"}, "secret")],
)
def test_a_change_that_cannot_be_made_names_the_field(
    admin: Api, address: str, sent: dict[str, Any], wrong: str
) -> None:
    hook = admin.post(address, WEBHOOK).json()
    response = admin.patch(f"{address}{hook['id']}/", sent)
    assert (response.status_code, fields(response)) == (422, [wrong])


def test_a_deleted_hook_is_gone(admin: Api, address: str) -> None:
    one = f"{address}{admin.post(address, WEBHOOK).json()['id']}/"
    assert admin.delete(one).status_code == 204
    assert [admin.get(one).status_code, admin.patch(one, {}).status_code, admin.delete(one).status_code] == [404] * 3


def test_a_new_secret_is_shown_once_and_only_for_webhooks(admin: Api, address: str) -> None:
    created = admin.post(address, WEBHOOK).json()
    rotated = admin.post(f"{address}{created['id']}/rotate-secret").json()["secret"]
    assert rotated.startswith("whsec_")
    assert rotated != created["secret"]
    email = admin.post(address, EMAIL).json()
    assert fields(admin.post(f"{address}{email['id']}/rotate-secret/")) == ["secret"]


# --- Testing ---------------------------------------------------------------------------------------------------
def test_a_test_makes_a_delivery_of_a_test_event(admin: Api, address: str) -> None:
    hook = admin.post(address, {**WEBHOOK, "events": ["job.backon", "credits"]}).json()
    response = admin.post(f"{address}{hook['id']}/test/")
    assert response.status_code == 202
    delivery = Delivery.objects.get()
    assert response.json() == {"delivery": delivery.public_id}
    assert (delivery.event.type, delivery.event.is_test) == ("job.backon", True)
    admin.post(f"{address}{hook['id']}/test/", {"event_type": "app.auth"})
    assert Event.objects.order_by("-pk")[0].type == "app.auth"


@pytest.mark.parametrize(
    ("sent", "wrong"), [({"event_type": "no.such"}, "event_type"), ({"event_type": 7}, "event_type"), ({"a": 1}, "a")]
)
def test_a_test_of_something_unknown_is_refused(admin: Api, address: str, sent: dict[str, Any], wrong: str) -> None:
    hook = admin.post(address, WEBHOOK).json()
    response = admin.post(f"{address}{hook['id']}/test/", sent)
    assert (response.status_code, fields(response)) == (422, [wrong])
    assert not Delivery.objects.exists()


# --- Who may ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "reading", "managing", "testing"),
    [
        ("alice", True, True, True),
        ("mary", True, True, True),
        ("dave", True, False, True),
        ("anna", True, False, False),
        ("olga", False, False, False),
    ],
)
def test_who_may_do_what(
    request: pytest.FixtureRequest,
    api: Callable[..., Api],
    admin: Api,
    address: str,
    name: str,
    reading: bool,
    managing: bool,
    testing: bool,
) -> None:
    one = f"{address}{admin.post(address, WEBHOOK).json()['id']}/"
    client = api(request.getfixturevalue(name))
    refused = 403 if reading else 404
    assert client.get(address).status_code == client.get(one).status_code == (200 if reading else 404)
    assert client.post(f"{one}test/").status_code == (202 if testing else refused)
    assert client.post(address, WEBHOOK).status_code == (201 if managing else refused)
    assert client.patch(one, {"name": "Mine"}).status_code == (200 if managing else refused)
    assert client.put(one, WEBHOOK).status_code == (200 if managing else refused)
    assert client.post(f"{one}rotate-secret/").status_code == (200 if managing else refused)
    assert client.delete(one).status_code == (204 if managing else refused)


@pytest.mark.parametrize(("name", "seen"), [("mary", True), ("dave", False), ("anna", False)])
def test_nobody_sees_the_secrets_in_a_url_and_who_manages_hooks_its_path(
    request: pytest.FixtureRequest, api: Callable[..., Api], admin: Api, address: str, name: str, seen: bool
) -> None:
    one = f"{address}{admin.post(address, WEBHOOK).json()['id']}/"
    client = api(request.getfixturevalue(name))
    for path in (one, address):
        text = client.get(path).content.decode()
        assert ("127.0.0.1:9/in" in text) is seen
        assert "hush" not in text


def test_a_hook_of_another_organization_is_not_there(
    api: Callable[..., Api], admin: Api, address: str, alice: User
) -> None:
    hook = admin.post(address, WEBHOOK).json()["id"]
    personal = Organization.objects.get(pk=alice.pk)
    one = f"/api/v1/organizations/{personal.public_id}/hooks/{hook}/"
    assert admin.get(one).status_code == 404
    assert admin.delete(one).status_code == 404
    assert admin.post(f"{one}test/").status_code == 404


def test_a_list_takes_the_same_few_queries_however_long(
    admin: Api, address: str, receiver: Receiver, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        admin.post(address, {**(WEBHOOK if number % 2 else EMAIL), "name": f"Hook {number}"})
    with django_assert_max_num_queries(8):
        assert len(admin.get(address).json()["results"]) == 13


def test_an_empty_kind_is_no_filter(admin: Api, address: str) -> None:
    response = admin.get(f"{address}?kind=")
    assert (response.status_code, fields(response)) == (422, ["kind"])


def test_a_text_that_cannot_be_stored_is_refused_in_plain_words(admin: Api, address: str) -> None:
    sent = json.dumps(WEBHOOK | {"name": "a\0b", "events": ["\ud800"]})
    response = admin.post(address, sent, content_type="application/json")
    assert {each["field"]: each["message"] for each in response.json()["errors"]} == {
        "name": "Must not contain control characters such as NUL.",
        "events": "Contains half of a surrogate pair, which is no character.",
    }


# --- What the audit log is told ----------------------------------------------------------------------------------
def changed_fields(organization: Organization) -> list[list[str]]:
    entries = organization.audit_entries.filter(action="hook.changed").order_by("pk")
    return [entry.detail["fields"] for entry in entries]


def test_a_change_that_changes_nothing_is_not_in_the_audit_log(
    admin: Api, address: str, acme: Organization, shop: Resource, dave: User
) -> None:
    notify = {"roles": ["manager"], "users": [dave.public_id], "addresses": ["ops@people.example"]}
    for sent in (
        WEBHOOK | {"resources": [shop.public_id], "events": ["job.fail"], "rate_limit": {"per_second": 2}},
        EMAIL | {"notify": notify, "paused": True},
    ):
        made = admin.post(address, sent).json()
        one = f"{address}{made['id']}/"
        read = admin.get(one).json()
        assert admin.patch(one, {}).status_code == 200
        assert admin.patch(one, read).status_code == 200
        assert admin.put(one, read).status_code == 200
        assert admin.get(one).json() == read
    assert changed_fields(acme) == []


def test_the_audit_log_names_what_was_changed_and_nothing_else(
    admin: Api, address: str, acme: Organization, shop: Resource
) -> None:
    one = f"{address}{admin.post(address, WEBHOOK | {'resources': [shop.public_id]}).json()['id']}/"
    read = admin.get(one).json()
    assert admin.put(one, read | {"name": "Talk", "ordered": True}).json()["name"] == "Talk"
    admin.put(one, read | {"name": "Talk", "ordered": True, "resources": None, "events": ["job.fail"]})
    admin.patch(one, {"name": "Talk", "rate_limit": {"per_second": 2}, "paused": True, "url": f"{URL}&more=1"})
    assert changed_fields(acme) == [["name", "ordered"], ["events", "resources"], ["paused", "rate_limit", "url"]]


def test_what_puts_a_stopped_endpoint_to_work_again_is_a_change(admin: Api, address: str, acme: Organization) -> None:
    hook = admin.post(address, WEBHOOK).json()
    Endpoint.objects.filter(hook=ids.decode(hook["id"], "hook")).update(disabled_at=timezone.now())
    assert admin.patch(f"{address}{hook['id']}/", {"enabled": True}).json()["health"]["disabled_at"] is None
    assert changed_fields(acme) == [["enabled"]]


def test_a_restriction_to_nothing_that_is_lifted_is_a_change(
    admin: Api, address: str, acme: Organization, shop: Resource
) -> None:
    hook = admin.post(address, WEBHOOK | {"resources": [shop.public_id]}).json()
    Resource.objects.all().delete()
    admin.patch(f"{address}{hook['id']}/", {"resources": None})
    assert changed_fields(acme) == [["resources"]]
    assert not Hook.objects.get(pk=ids.decode(hook["id"], "hook")).restricted


def test_problems_are_in_english_whatever_the_user_s_language(admin: Api, address: str, alice: User) -> None:
    alice.language = "fr"
    alice.save(update_fields=["language"])
    sent = {"kind": "webhook", "name": " ", "url": "ftp://example.org", "format": "telegram", "options": {"chat": "-1"}}
    refused = admin.post(address, sent, headers={"Accept-Language": "fr"})
    assert {each["message"] for each in refused.json()["errors"]} >= {"Give the hook a name.", "Bot token is needed."}
    assert "Bot token" in admin.get("/api/v1/formats/", headers={"Accept-Language": "fr"}).text
