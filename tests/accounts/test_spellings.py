"""All spellings of an address are one account, for signing in, members and commands."""

from __future__ import annotations

import io

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.urls import reverse

from notifications_project.accounts import organizations
from notifications_project.accounts.models import User
from notifications_project.mail.addresses import BadMailAddress

pytestmark = pytest.mark.django_db

UNICODE, STORED = "ops@Faß.example", "ops@xn--fa-hia.example"
WRONG = "bad@exam\u202cple.net"


@pytest.fixture
def user() -> User:
    return organizations.create_user(email=UNICODE, password="correct horse")


@pytest.mark.parametrize("spelling", [UNICODE, STORED, "OPS@fa\u00df.example"])
def test_any_spelling_signs_in(client: Client, user: User, spelling: str) -> None:
    cache.clear()
    assert user.email == STORED
    response = client.post(reverse("account_login"), {"login": spelling, "password": "correct horse"})
    assert (response.status_code, response.headers.get("Location")) == (302, "/")


def test_the_look_alike_of_older_rules_is_another_account(client: Client, user: User) -> None:
    cache.clear()
    response = client.post(reverse("account_login"), {"login": "ops@fass.example", "password": "correct horse"})
    assert response.status_code != 302


def test_signing_up_stores_the_one_form_and_refuses_what_is_no_address(client, settings, mailoutbox) -> None:
    cache.clear()
    settings.SIGN_UP_OPEN = settings.MAIL_CONFIGURED = True
    typed = {"password1": "long enough 9 words", "password2": "long enough 9 words"}
    refused = client.post(reverse("account_signup"), {"email": WRONG, **typed})
    assert not User.objects.exists()
    assert b"is not an e-mail address" in refused.content
    client.post(reverse("account_signup"), {"email": UNICODE, **typed})
    assert User.objects.get().email == STORED


def test_an_address_is_invited_by_any_spelling(acme, alice, user, client_of) -> None:
    path = reverse("accounts:invite", args=[acme.public_id])
    client_of(alice).post(path, {"email": UNICODE, "role": "developer"})
    assert acme.invitations.get().email == user.email == STORED
    refused = client_of(alice).post(path, {"email": WRONG, "role": "developer"})
    assert b"contains an invisible character" in refused.content


def test_commands_take_any_spelling_and_refuse_what_is_none() -> None:
    call_command("create_organization", "Works", "--admin", UNICODE, stdout=io.StringIO())
    call_command("create_organization", "Works", "--admin", STORED, stdout=io.StringIO())
    assert User.objects.get().email == STORED
    with pytest.raises(CommandError, match="invisible character"):
        call_command("create_organization", "Works", "--admin", WRONG, stdout=io.StringIO())


def test_no_user_is_made_with_an_address_that_cannot_be_mailed(db: None) -> None:
    with pytest.raises(BadMailAddress):
        organizations.create_user(email=WRONG, password=None)
