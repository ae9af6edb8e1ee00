"""Recording and reading events by API."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from events import catalogue, representation
from events.intake import NewEvent, record
from events.models import Event, Resource
from notifications_project.accounts.models import Organization, User
from tests.conftest import Api

pytestmark = pytest.mark.django_db


def events_of(organization: Organization) -> str:
    return f"/api/v1/organizations/{organization.public_id}/events/"


@pytest.fixture
def dave_api(dave: User, api: Callable[..., Api]) -> Api:
    return api(dave)


def post_bytes(client: Api, organization: Organization, body: bytes, content_type: str = "application/json") -> Any:
    return client.post(events_of(organization), body, content_type=content_type)


def errors(response: Any) -> list[tuple[int | None, str | None]]:
    """Return index and field of each error; each must have the API's form."""
    found = response.json()["errors"]
    assert all({"field", "message"} <= each.keys() <= {"field", "message", "index"} for each in found)
    assert all(each["message"] for each in found)
    return [(each.get("index"), each["field"]) for each in found]


# --- Recording -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("slash", ["/", ""])
def test_one_event_is_accepted_with_and_without_the_trailing_slash(
    dave_api: Api, acme: Organization, slash: str
) -> None:
    response = dave_api.post(events_of(acme).rstrip("/") + slash, {"type": "job.fail", "data": {"name": "Invoices"}})
    assert response.status_code == 202
    event = Event.objects.get()
    assert response.json() == {"id": event.public_id}
    assert json.loads(event.representation)["name"] == "Invoices"


def test_a_list_is_accepted_in_its_order(dave_api: Api, acme: Organization) -> None:
    response = dave_api.post(events_of(acme), [{"type": "job.fail"}, {"type": "job.backon"}])
    assert response.status_code == 202
    stored = {event.public_id: event.type for event in Event.objects.all()}
    assert [stored[each["id"]] for each in response.json()["events"]] == ["job.fail", "job.backon"]


def test_the_idempotency_key_header_makes_a_repetition_harmless(dave_api: Api, acme: Organization) -> None:
    send = [dave_api.post(events_of(acme), {"type": "job.fail"}, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [each.status_code for each in send] == [202, 202]
    assert send[0].json() == send[1].json()
    other = dave_api.post(events_of(acme), {"type": "job.backon"}, headers={"Idempotency-Key": "k"})
    assert (other.status_code, errors(other)) == (409, [(None, "idempotency_key")])
    assert Event.objects.count() == 1


def test_a_key_in_the_body_and_one_in_the_header_are_the_same_kind_of_key(dave_api: Api, acme: Organization) -> None:
    first = dave_api.post(events_of(acme), {"type": "job.fail"}, headers={"Idempotency-Key": "k"})
    second = dave_api.post(events_of(acme), [{"type": "job.fail", "idempotency_key": "k"}])
    assert second.json()["events"] == [first.json()]


def test_a_conflict_in_a_list_names_the_index_and_stores_nothing(dave_api: Api, acme: Organization) -> None:
    dave_api.post(events_of(acme), {"type": "job.fail", "idempotency_key": "k"})
    response = dave_api.post(events_of(acme), [{"type": "job.fail"}, {"type": "job.backon", "idempotency_key": "k"}])
    assert (response.status_code, errors(response)) == (409, [(1, "idempotency_key")])
    assert Event.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "key", "status", "where"),
    [
        pytest.param({"type": "no.such"}, None, 422, (None, "type"), id="an unknown type"),
        pytest.param({}, None, 422, (None, "type"), id="no type"),
        pytest.param({"type": "job.fail", "colour": 1}, None, 422, (None, "colour"), id="an unknown field"),
        pytest.param({"type": "job.fail", "data": {"event_id": 1}}, None, 422, (None, "data.event_id"), id="reserved"),
        pytest.param({"type": "job.fail", "resource": "app_1"}, None, 422, (None, "resource"), id="no such resource"),
        pytest.param([{"type": "job.fail"}, {"type": "no.such"}], None, 422, (1, "type"), id="in a list"),
        pytest.param([{"type": "job.fail"}, {"colour": 1}], None, 422, (1, "colour"), id="unknown field in a list"),
        pytest.param([{"type": "job.fail"}, "job.fail"], None, 422, (1, None), id="no object in a list"),
        pytest.param([], None, 422, (None, "events"), id="an empty list"),
        pytest.param([{"type": "job.fail"}] * 1001, None, 422, (None, "events"), id="too many"),
        pytest.param("job.fail", None, 400, (None, None), id="a text"),
        pytest.param([{"type": "job.fail"}], "k", 400, (None, None), id="header with a list"),
        pytest.param(
            {"type": "job.fail", "idempotency_key": "other"}, "k", 400, (None, "idempotency_key"), id="two keys"
        ),
        pytest.param({"type": "job.fail"}, "", 422, (None, "idempotency_key"), id="an empty header"),
        pytest.param({"type": "job.fail", "data": {"n": "1e999"}}, None, None, None, id="a number as text is fine"),
    ],
)
def test_a_request_that_cannot_be_recorded_names_its_field(
    dave_api: Api, acme: Organization, body: Any, key: str | None, status: int | None, where: Any
) -> None:
    headers = {} if key is None else {"Idempotency-Key": key}
    response = dave_api.post(events_of(acme), body, headers=headers)
    if status is None:
        assert response.status_code == 202
        return
    assert (response.status_code, errors(response)) == (status, [where])
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"{", 400, id="cut"),
        pytest.param(b'{"type": "job.fail", "data": {"a": NaN}}', 400, id="NaN"),
        pytest.param(b'{"type": "job.fail", "data": {"a": -Infinity}}', 400, id="infinity"),
        pytest.param(b'{"type": "job.fail", "data": {"a": 1e999}}', 422, id="a number without end"),
        pytest.param(b'{"type": "job.fail", "data": {"a": ' + b"9" * 5000 + b"}}", 400, id="a number without sense"),
        pytest.param(b'{"type": "job.fail", "data": {"a": ' + b"9" * 20_000 + b"}}", 400, id="a number beyond Python"),
        pytest.param(b'{"type": "job.fail", "type": "job.backon"}', 400, id="a name twice"),
        pytest.param(b'{"type": "job.fail", "data": {"a": "\xff"}}', 400, id="no UTF-8"),
        pytest.param(b'{"type": "job.fail", "data": {"a": "\\ud800"}}', 422, id="half a surrogate pair"),
        pytest.param(b'{"type": "job.fail", "data": {"a": "\\u0000"}}', 422, id="NUL"),
        pytest.param(b'{"type": "job.fail", "\\ud800": 1}', 422, id="half a pair as a name"),
        pytest.param(b'{"type": "job.fail", "resource": {"\\ud800": 1}}', 422, id="half a pair as a resource's name"),
        pytest.param(b"[" * 100_000, 400, id="endless nesting"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, 400, id="endless objects"),
        pytest.param(b"", 422, id="nothing"),
        pytest.param(b"null", 400, id="null"),
    ],
)
def test_what_is_not_json_is_refused(dave_api: Api, acme: Organization, body: bytes, status: int) -> None:
    response = post_bytes(dave_api, acme, body)
    assert response.status_code == status, response.content
    assert errors(response)
    assert "set_int_max_str_digits" not in response.content.decode()
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    ("resource", "field"),
    [
        (b'{"id": "ID", "kind": "application", "name": 1e999}', "resource.name"),
        (b'{"id": "ID", "name": [[[[]]]]}', "resource.name"),
        (b'{"id": "ID", "name": ""}', "resource.name"),
        (b'{"id": "ID", "name": "a\\u0000b"}', "resource.name"),
        (b'{"id": "ID", "name": "' + b"x" * 101 + b'"}', "resource.name"),
        (b'{"id": "ID", "kind": 1e999}', "resource.kind"),
        (b'{"id": "ID", "kind": "application", "deep": ' + b"[" * 500 + b"]" * 500 + b"}", "resource.deep"),
        (b'{"id": 1e999}', "resource.id"),
        (b'{"id": null, "kind": "application", "name": 1e999}', "resource.name"),
        (b'{"kind": "application", "name": "a\\u0000b"}', "resource.name"),
        (b"1e999", "resource"),
    ],
)
def test_a_resource_is_checked_also_where_its_id_says_it_all(
    dave_api: Api, acme: Organization, resource: bytes, field: str
) -> None:
    shop = Resource.objects.create(organization=acme, kind="application", name="Shop")
    sent = b'{"type": "job.fail", "idempotency_key": "k", "resource": ' + resource + b"}"
    response = post_bytes(dave_api, acme, sent.replace(b"ID", shop.public_id.encode()))
    assert (response.status_code, errors(response)) == (422, [(None, field)])
    assert not Event.objects.exists()


def test_a_resource_may_have_been_renamed_since(dave_api: Api, acme: Organization) -> None:
    shop = Resource.objects.create(organization=acme, kind="application", name="Shop")
    sent = {"id": shop.public_id, "kind": "application", "name": "As it was called"}
    assert dave_api.post(events_of(acme), {"type": "job.fail", "resource": sent}).status_code == 202
    assert Event.objects.get().resource == shop


def test_a_body_over_one_mebibyte_is_413_and_just_below_is_read(dave_api: Api, acme: Organization) -> None:
    event = json.dumps({"type": "job.fail", "data": {"text": "x" * 200_000}})
    body = f"[{','.join([event] * 5)}]".encode()
    assert post_bytes(dave_api, acme, body).status_code == 202
    body += b" " * (1024 * 1024 - len(body) + 1)
    response = post_bytes(dave_api, acme, body)
    assert (response.status_code, errors(response)) == (413, [(None, None)])


def test_another_content_type_is_415(dave_api: Api, acme: Organization) -> None:
    response = post_bytes(dave_api, acme, b"type=job.fail", "application/x-www-form-urlencoded")
    assert (response.status_code, errors(response)) == (415, [(None, None)])


# --- Who may ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "reading", "recording"),
    [("alice", 200, 202), ("mary", 200, 202), ("dave", 200, 202), ("anna", 200, 403), ("olga", 404, 404)],
)
def test_members_read_and_all_but_accounting_record(
    request: pytest.FixtureRequest, api: Callable[..., Api], acme: Organization, name: str, reading: int, recording: int
) -> None:
    client = api(request.getfixturevalue(name))
    [event] = record(acme, [NewEvent("job.fail")])
    for address in (events_of(acme), f"{events_of(acme)}{event.public_id}/"):
        assert client.get(address).status_code == reading
    assert client.get(f"{events_of(acme)}{event.public_id}/representation/").status_code == reading
    assert client.post(events_of(acme), {"type": "job.fail"}).status_code == recording


def test_a_token_for_another_organization_does_not_open_this_one(
    api: Callable[..., Api], acme: Organization, alice: User
) -> None:
    personal = Organization.objects.get(pk=alice.pk)
    assert api(alice, personal).get(events_of(acme)).status_code == 404
    assert api(alice, acme).get(events_of(acme)).status_code == 200


def test_without_a_token_there_is_401_in_the_same_form(client: Any, acme: Organization) -> None:
    response = client.post(events_of(acme), {"type": "job.fail"}, content_type="application/json")
    assert (response.status_code, errors(response)) == (401, [(None, None)])
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_a_session_cookie_is_no_token(client_of: Any, alice: User, acme: Organization) -> None:
    assert client_of(alice).get(events_of(acme)).status_code == 401


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("DELETE", "events/", 405),
        ("GET", "events/evt_01928d3e-0000-7000-8000-000000000000/", 404),
        ("GET", "events/evt_nonsense/", 404),
        ("GET", "nothing/", 404),
    ],
)
def test_every_error_has_the_one_form(
    dave_api: Api, acme: Organization, method: str, address: str, status: int
) -> None:
    response = dave_api.generic(method, f"/api/v1/organizations/{acme.public_id}/{address}")
    assert (response.status_code, errors(response)) == (status, [(None, None)])


# --- Reading ---------------------------------------------------------------------------------------------------
def test_an_event_is_read_with_its_representation(dave_api: Api, acme: Organization) -> None:
    [event] = record(acme, [NewEvent("job.fail", {"n": 1.0, "é": "ü"}, {"kind": "addon", "name": "Db"}, is_test=True)])
    address = f"{events_of(acme)}{event.public_id}/"
    found = dave_api.get(address).json()
    resource = Resource.objects.get()
    assert found | {"occurred_at": "", "recorded_at": ""} == {
        "id": event.public_id,
        "type": "job.fail",
        "resource": {"id": resource.public_id, "kind": "addon", "name": "Db"},
        "occurred_at": "",
        "recorded_at": "",
        "test": True,
        "representation": json.loads(event.representation),
    }
    assert representation.get_bytes(event) in dave_api.get(address).content
    assert dave_api.get(f"{address}representation/").content == representation.get_bytes(event)


def test_the_list_is_paged_by_key_newest_first(dave_api: Api, acme: Organization) -> None:
    ids = [event.public_id for event in record(acme, [NewEvent("job.fail")] * 5)][::-1]
    seen, address = [], f"{events_of(acme)}?limit=2&type=job.fail"
    while address:
        page = dave_api.get(address).json()
        seen.append([each["id"] for each in page["results"]])
        address = page["next"]
    assert seen == [ids[:2], ids[2:4], ids[4:]]


def test_the_list_is_filtered_by_type_group_and_resource(dave_api: Api, acme: Organization, olga: User) -> None:
    shop = {"kind": "application", "name": "Shop"}
    record(acme, [NewEvent("job.fail", resource=shop), NewEvent("stack.redeploy.ok"), NewEvent("git.push")])
    record(Organization.objects.get(name="Other"), [NewEvent("job.fail")])
    shop_id = Resource.objects.get().public_id

    def types(query: str) -> list[str]:
        return [each["type"] for each in dave_api.get(f"{events_of(acme)}?{query}").json()["results"]]

    assert types("") == ["git.push", "stack.redeploy.ok", "job.fail"]
    assert types("type=job.fail") == ["job.fail"]
    assert types("type=deployment-result") == ["stack.redeploy.ok"]
    assert types(f"resource={shop_id}") == ["job.fail"]
    assert types(f"resource={shop_id}&type=git.push") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("type=no.such", "type"),
        ("typ=job.fail", "typ"),
        ("resource=5", "resource"),
        ("before=5", "before"),
        ("before=dlv_01928d3e-0000-7000-8000-000000000000", "before"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=²", "limit"),
        ("limit=" + "1" * 5000, "limit"),
        ("limit=0001000000000000000000000", "limit"),
        ("limit=00010000000", "limit"),
        ("limit=", "limit"),
        ("type=", "type"),
        ("resource=", "resource"),
        ("before=", "before"),
    ],
)
def test_a_wrong_parameter_is_named(dave_api: Api, acme: Organization, query: str, field: str) -> None:
    response = dave_api.get(f"{events_of(acme)}?{query}")
    assert (response.status_code, errors(response)) == (422, [(None, field)])


def test_a_list_takes_the_same_few_queries_however_long(
    dave_api: Api, acme: Organization, django_assert_max_num_queries: Any
) -> None:
    record(acme, [NewEvent("job.fail", resource={"kind": "addon", "name": f"Db {n}"}) for n in range(60)])
    with django_assert_max_num_queries(5):
        assert len(dave_api.get(events_of(acme)).json()["results"]) == 50


# --- The catalogue ---------------------------------------------------------------------------------------------
def test_the_catalogue_lists_what_programs_receive_though_no_hook_can_choose_it(dave_api: Api) -> None:
    types = {each["name"]: each for each in dave_api.get("/api/v1/event-types").json()["types"]}
    assert set(types) == set(catalogue.EVENT_TYPES)
    digest = types["account.digest"]
    assert (digest["selectable"], digest["recordable"]) == (False, False)
    assert digest["sample"]["notifications"]


def test_the_catalogue_can_be_read(dave_api: Api) -> None:
    found = dave_api.get("/api/v1/event-types").json()
    assert found["types"][5] | {"sample": {}} == {
        "name": "server.backon",
        "label": "Server heartbeat restored",
        "subject": "server",
        "outcome": "good",
        "email_default": "on",
        "category": "servers",
        "category_label": "Servers",
        "selectable": True,
        "recordable": True,
        "required_permission": "record_events",
        "sample": {},
    }
    assert found["groups"][0]["label"] == "Result of deployments (success/fail)"
