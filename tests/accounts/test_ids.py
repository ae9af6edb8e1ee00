"""The prefix of an organization's id says its kind; the other prefix opens nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from notifications_project.accounts.models import Organization, User
from tests import pages
from tests.conftest import Api

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("address", ["/organizations/{}/members/", "/api/v1/organizations/{}/events/"])
def test_the_prefix_must_fit_the_kind(
    acme: Organization, alice: User, client_of: Callable[[User], Client], api: Callable[..., Api], address: str
) -> None:
    client = api(alice) if "/api/" in address else client_of(alice)
    for right, wrong in ((f"orga_{acme.pk}", f"user_{acme.pk}"), (f"user_{alice.pk}", f"orga_{alice.pk}")):
        assert client.get(address.format(right)).status_code == 200
        assert client.get(address.format(wrong)).status_code == 404


def test_a_member_of_the_address_is_not_taken_for_its_organization(
    alice: User, client_of: Callable[[User], Client]
) -> None:
    pages.get(client_of(alice), f"/organizations/orga_{alice.pk}/members/user_{alice.pk}/role/", status=404)


def test_commands_know_the_one_id_too(acme: Organization, olga: User) -> None:
    with pytest.raises(CommandError, match="There is no organization user_"):
        call_command("add_member", f"user_{acme.pk}", olga.email, "--role", "manager")
