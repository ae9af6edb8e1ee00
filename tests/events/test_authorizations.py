"""Making and revoking an API token records an event in the user's own space, as the platform does for other apps."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from events import authorizations
from events.models import Event
from hooks.models import Delivery
from hooks.routing import router
from notifications_project.accounts.models import ApiToken, Organization, User

pytestmark = pytest.mark.django_db


def make(client: Client, organization: str = "all") -> None:
    form = {"name": "Nightly build", "organization": organization, "lifetime": "90"}
    answer = client.post(reverse("accounts:add_token"), form)
    assert answer.status_code == 302, answer.text


def test_a_token_that_is_made_and_revoked_is_told_to_its_user(
    alice: User, acme: Organization, client_of: Callable[[User], Client]
) -> None:
    browser = client_of(alice)
    make(browser)
    event = Event.objects.get(type="app.auth")
    assert event.organization_id == alice.pk
    told = json.loads(event.representation)
    assert (told["user"], told["app"]) == (alice.email, "Nightly build")
    browser.post(reverse("accounts:revoke_token", args=[ApiToken.objects.get().token_key]))
    assert Event.objects.get(type="app.deauth").organization_id == alice.pk
    while router.route():
        pass
    assert set(Delivery.objects.values_list("endpoint__address", "organization_id")) == {(alice.email, alice.pk)}
    assert Delivery.objects.count() == 2


def test_a_token_for_one_organization_is_its_user_s_matter_too(
    alice: User, acme: Organization, client_of: Callable[[User], Client]
) -> None:
    make(client_of(alice), acme.public_id)
    assert Event.objects.get(type="app.auth").organization_id == alice.pk


def test_the_operator_s_first_token_is_no_news() -> None:
    call_command("create_organization", "Acme", "--admin", "carol@people.example", "--token", verbosity=0)
    assert ApiToken.objects.exists()
    assert not Event.objects.exists()


def test_another_kind_of_app_is_told_alike(alice: User) -> None:
    event = authorizations.record(alice, "Chat bridge", authorized=False)
    assert (event.type, event.organization_id, event.is_test) == ("app.deauth", alice.pk, False)
