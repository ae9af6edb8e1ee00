"""Names, keys, search terms and passwords have one spelling, so that texts which look the same are equal."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connection
from django.test import Client
from django.urls import reverse

from events import resources
from events.intake import NewEvent, record
from events.models import Event, Resource
from hooks.endpoints import devices
from hooks.manage import rules
from hooks.models import Hook
from notifications_project.accounts import organizations
from notifications_project.accounts.models import Organization, User
from notifications_project.spelling import is_visible, normalize_text
from tests.conftest import Api

pytestmark = pytest.mark.django_db

CAFE, SPLIT = "caf\u00e9", "cafe\u0301"
HIDDEN = ["a\u200bb", "a\u202eb", "\u2066a", "a\u00adb", "a\u115fb", "a\u3164", "a\u2800b", "a\u034fb", "a\ufeffb"]
HIDDEN += ["my\ufe0fshop", "é\ufe00", "❤\ufe0f\ufe0f", "\ufe0fa", "a- \ufe0e"]


def about(name: str) -> NewEvent:
    return NewEvent("job.fail", resource={"kind": "application", "name": name})


# --- Names -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("other", [SPLIT, f"\u00a0{CAFE}\u2003", f" {SPLIT} "])
def test_two_spellings_of_a_name_are_one_application(other: str, acme: Organization) -> None:
    events = [record(acme, [about(name)])[0] for name in (CAFE, other)]
    assert Resource.objects.get().name == CAFE
    assert {event.resource_id for event in events} == {Resource.objects.get().pk}
    with pytest.raises(resources.ResourceError):
        resources.create(organization=acme, kind="application", name=other, actor=None)


def test_a_hook_made_by_one_spelling_hears_of_the_other(acme: Organization, alice: User) -> None:
    cafe = resources.create(organization=acme, kind="application", name=SPLIT, actor=None)
    hook, _ = rules.create_webhook(
        organization=acme,
        actor=None,
        spec=rules.WebhookSpec.of(name=SPLIT, url="http://127.0.0.1:9/in", resources=[cafe.pk]),
    )
    assert hook.name == CAFE
    assert record(acme, [about(CAFE)])[0].resource_id == cafe.pk


@pytest.mark.parametrize("name", HIDDEN)
def test_what_cannot_be_seen_is_refused_in_names(
    name: str, acme: Organization, alice: User, api: Callable[..., Api], client_of: Callable[[User], Client]
) -> None:
    assert not is_visible(name)
    base = f"/api/v1/organizations/{acme.public_id}"
    webhook = {"kind": "webhook", "name": name, "url": "http://127.0.0.1:9/in"}
    for path, sent in (("resources", {"kind": "addon", "name": name}), ("hooks", webhook)):
        answer = api(alice).post(f"{base}/{path}/", sent)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "name")
    client_of(alice).post(reverse("accounts:add_organization"), {"name": name})
    assert not Organization.objects.filter(name=name).exists()
    assert not Resource.objects.exists()


@pytest.mark.parametrize("name", ["Ωmega", "सेवा", "한국", "❤️", "1️⃣ ℹ️ ‼️ ↔︎", "ไทย", "naïve — “quoted”"])
def test_names_of_all_scripts_stay_as_they_are(name: str) -> None:
    assert is_visible(name)
    assert normalize_text(normalize_text(name)) == normalize_text(name)


def test_every_name_is_stored_in_its_one_spelling(acme: Organization, alice: User) -> None:
    made = organizations.create_organization(name=f" {SPLIT} ", admin=alice)
    assert made.name == CAFE
    assert organizations.rename_organization(organization=acme, name=SPLIT, actor=alice).name == CAFE
    device, _ = devices.register(alice, "ab" * 32, SPLIT)
    assert device.name == CAFE
    hook = Hook.objects.filter(organization=acme).get()
    assert rules.update_hook(hook, None, name=f" {SPLIT} ").name == CAFE


# --- Keys and searches -----------------------------------------------------------------------------------------
def test_two_spellings_of_a_key_are_one_event(acme: Organization) -> None:
    first, second = (record(acme, [NewEvent("job.fail", idempotency_key=key)])[0] for key in (SPLIT, CAFE))
    assert first.pk == second.pk
    both = [NewEvent("job.fail", idempotency_key=f"{key} 2") for key in (CAFE, SPLIT)]
    assert len({event.pk for event in record(acme, both)}) == 1
    assert Event.objects.count() == 2


def test_a_key_that_was_stored_in_another_spelling_is_known_when_it_comes_again(acme: Organization) -> None:
    [first] = record(acme, [NewEvent("job.fail", idempotency_key=CAFE)])
    Event.objects.update(idempotency_key=SPLIT)
    assert record(acme, [NewEvent("job.fail", idempotency_key=SPLIT)])[0].pk == first.pk


def test_a_search_finds_a_name_however_it_is_typed(
    acme: Organization, alice: User, client_of: Callable[[User], Client]
) -> None:
    resources.create(organization=acme, kind="application", name=CAFE, actor=None)
    page = client_of(alice).get(f"/organizations/{acme.public_id}/applications/", {"q": SPLIT})
    assert CAFE in page.content.decode()


# --- Passwords -------------------------------------------------------------------------------------------------
def signs_in(user: User, password: str) -> bool:
    answer = Client().post(reverse("account_login"), {"login": user.email, "password": password})
    return answer.status_code == 302


@pytest.mark.parametrize(("chosen", "typed"), [(CAFE, SPLIT), (SPLIT, CAFE), ("\uff41bc-e\u0301", "abc-\u00e9")])
def test_a_password_is_the_same_on_every_keyboard(chosen: str, typed: str, alice: User) -> None:
    alice.set_password(f"{chosen} au lait 42")
    alice.save()
    assert signs_in(alice, f"{typed} au lait 42")
    assert not signs_in(alice, "cafe au lait 42")


def test_a_password_that_was_set_before_signs_in_as_it_was_typed_and_then_in_both(alice: User) -> None:
    AbstractBaseUser.set_password(alice, f"{SPLIT} au lait 42")
    alice.save()
    assert not signs_in(alice, f"{CAFE} au lait 42")
    assert signs_in(alice, f"{SPLIT} au lait 42")
    assert signs_in(alice, f"{CAFE} au lait 42")


def test_a_user_without_a_password_has_none_in_any_spelling(alice: User) -> None:
    alice.set_password(None)
    alice.save()
    assert not alice.has_usable_password()
    assert not alice.check_password("")
    assert not alice.check_password(SPLIT)


# --- What was stored before ------------------------------------------------------------------------------------
def test_the_migration_renames_where_it_is_free_and_shows_where_it_is_not(acme: Organization) -> None:
    def stored(name: str, kind: str = "application") -> Resource:
        return Resource.objects.create(organization=acme, kind=kind, name=name)

    free, taken, twin = stored("re\u0301sume\u0301"), stored(CAFE), stored(SPLIT)
    other = stored(SPLIT, kind="addon")
    migration = import_module("events.migrations.0003_names_in_one_spelling")
    for _ in range(2):
        migration.give_names_one_spelling(apps, SimpleNamespace(connection=connection))
    names = dict(Resource.objects.values_list("pk", "name"))
    assert names == {free.pk: "r\u00e9sum\u00e9", taken.pk: CAFE, twin.pk: f"{CAFE} (other spelling)", other.pk: CAFE}
    renamed = acme.audit_entries.filter(action__endswith=".renamed").values_list("actor_name", "target")
    assert sorted(renamed) == sorted(("system", name) for name in ("re\u0301sume\u0301", SPLIT, SPLIT))


def test_the_migrations_give_other_names_their_spelling(acme: Organization, alice: User) -> None:
    Organization.objects.filter(pk=acme.pk).update(name=SPLIT)
    User.objects.filter(pk=alice.pk).update(name=SPLIT)
    Hook.objects.filter(organization=acme).update(name=SPLIT)
    for name in ("hooks.migrations.0013_names_in_one_spelling",
                 "notifications_project.accounts.migrations.0006_names_in_one_spelling"):  # fmt: skip
        import_module(name).give_names_one_spelling(apps, SimpleNamespace(connection=connection))
    assert Organization.objects.get(pk=acme.pk).name == CAFE
    assert User.objects.get(pk=alice.pk).name == CAFE
    assert Hook.objects.get(organization=acme).name == CAFE
