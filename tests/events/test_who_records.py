"""A token for deployments cannot record types that only the console knows of, nor types about access."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from events.catalogue import EVENT_TYPES, TYPES
from events.intake import InvalidEvents, NewEvent, record
from events.models import Event
from events.representation import Source
from notifications_project.accounts.models import Organization, User
from notifications_project.accounts.roles import PERMISSIONS, Permission
from tests.conftest import Api
from tests.pages import read

pytestmark = pytest.mark.django_db

CONSOLES = ["hook.failing", "hook.disabled", "hook.recovered", "account.digest"]
ACCESS = [
    "app.auth", "app.deauth", "account.created", "account.edited", "account.deleted",
    "organization.created", "organization.edited", "organization.deleted", "organization.member_added",
]  # fmt: skip


def events_of(organization: Organization) -> str:
    return f"/api/v1/organizations/{organization.public_id}/events/"


def test_the_catalogue_says_of_each_type_who_may_record_it() -> None:
    assert [each.name for each in TYPES if each.permission is None] == CONSOLES
    assert {each.name for each in TYPES if each.permission == Permission.RECORD_ACCESS_EVENTS} == set(ACCESS)
    families = ("app.", "account.", "organization.", "hook.")
    assert not [each for each in TYPES if each.name.startswith(families) and each.permission == "record_events"]


@pytest.mark.parametrize("event_type", CONSOLES)
def test_what_only_the_console_can_know_is_refused_from_outside_even_of_an_admin(
    event_type: str, alice: User, acme: Organization, api: Callable[..., Api]
) -> None:
    answer = api(alice).post(events_of(acme), {"type": event_type, "data": {"reason": "Send me your password."}})
    message = "Is recorded by the console alone: nobody else can know of it."
    assert (answer.status_code, answer.json()) == (422, {"errors": [{"field": "type", "message": message}]})
    assert not Event.objects.exists()


@pytest.mark.parametrize("event_type", CONSOLES)
@pytest.mark.parametrize("source", [Source.API, Source.INBOUND])
def test_no_permission_opens_what_only_the_console_can_know(
    source: Source, event_type: str, acme: Organization
) -> None:
    with pytest.raises(InvalidEvents):
        record(acme, [NewEvent(event_type)], source=source, permissions=list(Permission))
    assert record(acme, [NewEvent(event_type)], source=Source.CONSOLE)[0].type == event_type


@pytest.mark.parametrize("event_type", ACCESS)
def test_events_about_access_and_accounts_take_an_admin(
    event_type: str, alice: User, mary: User, dave: User, acme: Organization, api: Callable[..., Api]
) -> None:
    for user in (mary, dave):
        answer = api(user).post(events_of(acme), {"type": event_type})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (403, "type")
        assert answer.json()["errors"][0]["message"] == "Is recorded by administrators only."
    assert not Event.objects.exists()
    assert api(alice).post(events_of(acme), {"type": event_type}).status_code == 202


def test_a_list_with_one_that_is_not_theirs_is_refused_as_a_whole(
    dave: User, acme: Organization, api: Callable[..., Api]
) -> None:
    answer = api(dave).post(events_of(acme), [{"type": "job.fail"}, {"type": "app.auth"}])
    assert (answer.status_code, [each["index"] for each in answer.json()["errors"]]) == (403, [1])
    answer = api(dave).post(events_of(acme), [{"type": "no.such"}, {"type": "app.auth"}, {"type": "hook.failing"}])
    assert (answer.status_code, [each["index"] for each in answer.json()["errors"]]) == (422, [0, 1, 2])
    assert not Event.objects.exists()


def test_who_calls_without_a_word_about_rights_has_the_least(acme: Organization) -> None:
    for event_type in (*CONSOLES, *ACCESS):
        with pytest.raises(InvalidEvents):
            record(acme, [NewEvent(event_type)])


def test_the_catalogue_by_api_says_what_it_takes(dave: User, api: Callable[..., Api]) -> None:
    types = {each["name"]: each for each in api(dave).get("/api/v1/event-types/").json()["types"]}
    shown = {name: (each["recordable"], each["required_permission"]) for name, each in types.items()}
    assert shown["job.fail"] == (True, "record_events")
    assert shown["app.auth"] == (True, "record_access_events")
    assert shown["hook.failing"] == (False, None)


def test_only_admins_have_the_right(acme: Organization) -> None:
    assert [role for role, may in PERMISSIONS.items() if Permission.RECORD_ACCESS_EVENTS in may] == ["admin"]


def test_the_page_of_event_types_says_so(client_of: Callable[[User], object], dave: User, acme: Organization) -> None:
    html = read(client_of(dave).get(f"/organizations/{acme.public_id}/event-types/"))  # type: ignore[attr-defined]
    assert html.count("Only the console records it") == sum(
        name in EVENT_TYPES and EVENT_TYPES[name].offered for name in CONSOLES
    )
    assert html.count("Roles that may record it: Administrator<") == len(ACCESS)
