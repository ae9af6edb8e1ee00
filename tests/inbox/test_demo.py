"""The demo starts with people and resources, and a second start leaves everything as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from events.models import Event, Resource
from hooks.models import Delivery, Hook
from notifications_project.accounts.models import ApiToken, Organization, User
from notifications_project.inbox import demo

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def directory(settings: Settings, tmp_path: Path) -> Path:
    settings.DEMO_DIR = tmp_path / ".demo"
    return Path(settings.DEMO_DIR)


def test_the_demo_starts_honest() -> None:
    made = demo.prepare()

    assert made.organization.name == "Analytical Engines"
    roles = {m.user.email: m.role for m in made.organization.memberships.select_related("user")}
    assert roles == {
        "ada@example.com": "admin",
        "grace@example.com": "manager",
        "alan@example.com": "developer",
        "joan@example.com": "accounting",
    }
    assert sorted(made.organization.resources.values_list("name", flat=True)) == ["blog", "shop", "shop-db"]
    assert [hook.name for hook in Hook.objects.filter(organization=made.organization)] == [
        "Default deployment result e-mails"
    ]
    assert not Event.objects.exists()
    assert not Delivery.objects.exists()


def test_the_printed_sign_in_works() -> None:
    made = demo.prepare()
    client = Client()
    client.post("/accounts/login/", {"login": made.email, "password": made.password})

    assert client.get("/inbox/").status_code == 200


def test_the_printed_token_works_and_stays_the_same(directory: Path) -> None:
    first, second = demo.prepare(), demo.prepare()

    assert first == second
    assert ApiToken.objects.count() == 1
    assert (directory / "token").stat().st_mode & 0o777 == 0o600
    headers = {"Authorization": f"Bearer {first.token}"}
    answer = Client().get(f"/api/v1/organizations/{first.organization.public_id}/hooks/", headers=headers)
    assert answer.status_code == 200


def test_a_revoked_token_is_replaced() -> None:
    first = demo.prepare()
    ApiToken.objects.all().delete()

    assert demo.prepare().token != first.token
    assert ApiToken.objects.count() == 1


def test_what_was_changed_since_the_first_start_stays_so() -> None:
    made = demo.prepare()
    made.organization.name = "Difference Engines"
    made.organization.save()
    Resource.objects.filter(name="blog").delete()
    Hook.objects.filter(organization=made.organization).delete()
    ada = User.objects.get(email="ada@example.com")
    ada.set_password("a password of her own")
    ada.save()

    again = demo.prepare()

    assert again.organization == made.organization
    assert Organization.objects.filter(kind="team").count() == 1
    assert not Resource.objects.filter(name="blog").exists()
    assert not Hook.objects.filter(organization=made.organization).exists()
    assert again.password == ""  # nothing is printed that would not work
