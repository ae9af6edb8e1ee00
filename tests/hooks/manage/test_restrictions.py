"""Restrictions: null means no restriction, an empty list matches nothing."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from events.models import Resource
from hooks.manage import deletion_impact, rules
from hooks.models import Delivery, Hook
from hooks.preferences import naming_hooks
from hooks.presentation import hook_sentences
from notifications_project import ids
from notifications_project.accounts.models import Organization, User
from tests.conftest import Api
from tests.hooks.pages import FILLED, ClientOf, Record, Webhook, add_webhook, page_of
from tests.pages import get, read

pytestmark = pytest.mark.django_db

URL = "http://127.0.0.1:9/in"
WEBHOOK = {"kind": "webhook", "name": "Chat", "url": URL}
Pump = Callable[[], Any]


@pytest.fixture
def address(acme: Organization) -> str:
    return f"/api/v1/organizations/{acme.public_id}/hooks/"


@pytest.fixture
def admin(alice: User, api: Callable[..., Api]) -> Api:
    return api(alice)


@pytest.fixture
def shop(acme: Organization) -> Resource:
    return Resource.objects.create(organization=acme, kind="application", name="shop")


def naming_of(user: User) -> list[naming_hooks.Naming]:
    return [
        each for found in naming_hooks.find_naming_hooks(user, list(user.memberships.all())).values() for each in found
    ]


def stored(hook: dict[str, Any]) -> Hook:
    return Hook.objects.get(pk=ids.decode(hook["id"], "hook"))


# --- By API ----------------------------------------------------------------------------------------------------
def test_a_hook_whose_applications_are_gone_is_read_and_put_back_and_still_matches_nothing(
    admin: Api, address: str, shop: Resource, record: Record, pump: Pump
) -> None:
    made = admin.post(address, {**WEBHOOK, "resources": [shop.public_id]}).json()
    shop.delete()
    one = f"{address}{made['id']}/"
    read = admin.get(one).json()
    assert (read["resources"], read["events"]) == ([], None)
    for send in (admin.put, admin.patch):
        assert send(one, read).json() == read
        assert stored(made).restricted
    copy = admin.post(address, {**WEBHOOK, "resources": read["resources"], "events": read["events"]}).json()
    record("job.fail")
    pump()
    assert not Delivery.objects.filter(hook__in=[stored(made), stored(copy)]).exists()


@pytest.mark.parametrize("chosen", [{"events": []}, {"resources": []}, {"events": [], "resources": []}])
def test_an_empty_list_is_nothing_and_says_so(
    chosen: dict[str, Any], admin: Api, address: str, record: Record, pump: Pump, shop: Resource
) -> None:
    made = admin.post(address, WEBHOOK | chosen).json()
    assert {name: made[name] for name in chosen} == chosen
    assert made["state"] == "matches_nothing"
    record("job.fail", shop)
    pump()
    assert not Delivery.objects.filter(hook=stored(made)).exists()
    lifted = admin.patch(f"{address}{made['id']}/", dict.fromkeys(chosen)).json()
    assert {name: lifted[name] for name in chosen} == dict.fromkeys(chosen)
    record("job.fail", shop)
    pump()
    assert Delivery.objects.filter(hook=stored(made)).count() == 1


def test_null_is_no_restriction_and_the_default(admin: Api, address: str) -> None:
    for sent in (WEBHOOK, {**WEBHOOK, "events": None, "resources": None}):
        made = admin.post(address, sent).json()
        assert (made["events"], made["resources"]) == (None, None)
        assert made["description"] == "Every event, for every application and add-on"


@pytest.mark.parametrize("name", ["events", "resources"])
@pytest.mark.parametrize("value", [{}, "all", [None], [[]]])
def test_what_is_neither_a_list_nor_null_is_refused(name: str, value: Any, admin: Api, address: str) -> None:
    answer = admin.post(address, WEBHOOK | {name: value})
    assert (answer.status_code, [each["field"] for each in answer.json()["errors"]]) == (422, [name])
    assert answer.json()["errors"][0]["message"] == "Must be a list, each a text, or null."


def test_a_change_between_nothing_and_everything_is_a_change(admin: Api, address: str, acme: Organization) -> None:
    one = f"{address}{admin.post(address, WEBHOOK).json()['id']}/"
    for events, resources in ((None, None), ([], None), ([], []), ([], []), (None, [])):
        admin.patch(one, {"events": events, "resources": resources})
    entries = acme.audit_entries.filter(action="hook.changed").order_by("pk")
    assert [entry.detail["fields"] for entry in entries] == [["events"], ["resources"], ["events"]]


# --- Wherever it is read ---------------------------------------------------------------------------------------
def test_a_mail_hook_for_no_event_tells_nobody_anywhere(acme: Organization, dave: User, record: Record) -> None:
    everybody = rules.Notify(members=True)
    hook = rules.create_email_hook(organization=acme, actor=None, name="None", notify=everybody, events=[])
    assert hook_sentences.describe_hook(hook) == "Nothing: no event type is chosen"
    assert [each.types for each in naming_of(dave) if each.name == "None"] == [frozenset()]
    everything = rules.create_email_hook(organization=acme, actor=None, name="All", notify=everybody)
    assert [each.types for each in naming_of(dave) if each.name == "All"] != [frozenset()]
    assert deletion_impact.find_deletion_impact(everything).stop > 0


def test_why_a_hook_for_no_event_was_not_told(
    acme: Organization, alice: User, record: Record, client_of: ClientOf, pump: Pump
) -> None:
    add_webhook(acme, name="Silent", events=[])
    event = record("job.fail")
    pump()
    html = get(client_of(alice), f"/organizations/{acme.public_id}/events/{event.public_id}/explain/")
    assert "asks for no event at all" in html


# --- In the forms ----------------------------------------------------------------------------------------------
def test_taking_the_last_choice_away_is_refused_unless_everything_is_ticked(
    home: str, acme: Organization, shop: Resource, alice: User, client_of: ClientOf
) -> None:
    hook = add_webhook(acme, events=["job.fail"], resources=[shop.pk], url=URL)
    client, typed = client_of(alice), FILLED | {"name": hook.name, "url": URL}
    html = read(client.post(page_of(home, hook), typed))
    assert "Choose at least one, or tick “Tell about every event from now on”." in html
    assert "Choose at least one, or tick “Tell about every application and add-on from now on”." in html
    hook.refresh_from_db()
    assert (hook.events, hook.restricted) == (["job.fail"], True)
    assert client.post(page_of(home, hook), typed | {"every_event": "on", "unrestrict": "on"}).status_code == 302
    hook.refresh_from_db()
    assert (hook.events, hook.restricted, hook.resources.count()) == (None, False, 0)


def test_a_tick_for_everything_goes_before_what_is_still_chosen(
    home: str, acme: Organization, shop: Resource, alice: User, client_of: ClientOf
) -> None:
    hook = add_webhook(acme, events=["job.fail"], resources=[shop.pk], url=URL)
    chosen = {"events": ["job.fail"], "resources": [str(shop.pk)], "every_event": "on", "unrestrict": "on"}
    client_of(alice).post(page_of(home, hook), FILLED | {"name": hook.name, "url": URL} | chosen)
    hook.refresh_from_db()
    assert (hook.events, hook.restricted) == (None, False)


def test_a_hook_for_nothing_stays_so_when_its_form_is_saved(
    home: str, acme: Organization, alice: User, client_of: ClientOf
) -> None:
    hook = add_webhook(acme, events=[], resources=[], url=URL)
    client = client_of(alice)
    assert "No event is chosen, so it matches nothing at the moment." in get(client, page_of(home, hook))
    client.post(page_of(home, hook), FILLED | {"name": "Renamed", "url": URL})
    hook.refresh_from_db()
    assert (hook.name, hook.events, hook.restricted) == ("Renamed", [], True)


def test_a_new_hook_for_which_nothing_is_chosen_is_for_everything(home: str, alice: User, client_of: ClientOf) -> None:
    client_of(alice).post(f"{home}/notifications/webhooks/add/", FILLED)
    hook = Hook.objects.get(name="Audit trail")
    assert (hook.events, hook.restricted) == (None, False)


# --- What was stored before ------------------------------------------------------------------------------------
def test_the_migration_keeps_what_hooks_meant(webhook: Webhook) -> None:
    migration = import_module("hooks.migrations.0009_no_restriction_is_null")
    every, some, gone = webhook(name="Every"), webhook(name="Some", events=["job.fail"]), webhook(name="Gone")
    Hook.objects.filter(pk__in=[every.pk, gone.pk]).update(events=[])
    Hook.objects.filter(pk=gone.pk).update(restricted=True)
    editor = SimpleNamespace(connection=connection)
    migration.have_no_list_for_every_event(apps, editor)
    stored = {hook.name: (hook.events, hook.restricted) for hook in Hook.objects.filter(kind="webhook")}
    assert stored == {"Every": (None, False), "Some": (["job.fail"], False), "Gone": (None, True)}
    Hook.objects.filter(pk=some.pk).update(events=[])
    migration.have_an_empty_list_for_every_event(apps, editor)
    assert Hook.objects.get(pk=every.pk).events == []
    assert Hook.objects.get(pk=some.pk).events == ["nothing"]
