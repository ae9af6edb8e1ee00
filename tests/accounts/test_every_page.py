"""Every page of the accounts app opens for the right users only, and keeps to the strict policy."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from notifications_project.accounts.tokens import make_token
from tests import pages

pytestmark = pytest.mark.django_db

READ = ["accounts:members", "accounts:leave", "accounts:audit", "events:resources"]
ADMINS = ["accounts:invite", "accounts:edit_organization"]
DEVELOPERS = ["events:add_resource"]
OWN = [
    "accounts:profile",
    "accounts:my_invitations",
    "accounts:tokens",
    "accounts:add_token",
    "accounts:add_organization",
    "account_change_password",
]
ANYBODY = [
    "account_login",
    "account_reset_password",
    "account_reset_password_done",
    "account_signup",
    "account_inactive",
]


@pytest.mark.parametrize("name", READ)
def test_every_member_reads(name, acme, alice, mary, dave, anna, client_of):
    for user in (alice, mary, dave, anna):
        pages.get(client_of(user), reverse(name, args=[acme.public_id]))


@pytest.mark.parametrize("name", ADMINS)
def test_only_admins_manage_members(name, acme, alice, mary, dave, anna, client_of):
    pages.get(client_of(alice), reverse(name, args=[acme.public_id]))
    for user in (mary, dave, anna):
        assert "Roles that may: Administrator." in pages.get(
            client_of(user), reverse(name, args=[acme.public_id]), status=403
        )


@pytest.mark.parametrize("name", DEVELOPERS)
def test_accounting_does_not_manage_resources(name, acme, alice, mary, dave, anna, client_of):
    for user in (alice, mary, dave):
        pages.get(client_of(user), reverse(name, args=[acme.public_id]))
    pages.get(client_of(anna), reverse(name, args=[acme.public_id]), status=403)


@pytest.mark.parametrize("name", READ + ADMINS + DEVELOPERS)
def test_an_outsider_finds_nothing(name, acme, olga, client_of):
    pages.get(client_of(olga), reverse(name, args=[acme.public_id]), status=404)


@pytest.mark.parametrize("name", READ + ADMINS + DEVELOPERS)
def test_a_stranger_is_asked_to_sign_in(name, acme, client):
    response = client.get(reverse(name, args=[acme.public_id]))
    assert response.status_code == 302
    assert response.url.startswith(reverse("account_login"))


@pytest.mark.parametrize("name", OWN)
def test_account_settings_are_for_who_is_signed_in(name, alice, client_of, client):
    pages.get(client_of(alice), reverse(name))
    assert client.get(reverse(name)).status_code == 302


@pytest.mark.parametrize("name", ANYBODY)
def test_sign_in_pages_open_for_anybody(name, client, db):
    pages.get(client, reverse(name))


def test_pages_about_one_member_or_token(acme, alice, dave, client_of):
    client = client_of(alice)
    token, _ = make_token(user=alice, name="script", organization=acme, lasts=None)
    for name in ("accounts:change_role", "accounts:remove_member"):
        assert "Dave" in pages.get(client, reverse(name, args=[acme.public_id, dave.public_id]))
    assert "script" in pages.get(client, reverse("accounts:revoke_token", args=[token.token_key]))
    pages.get(client, reverse("account_logout"))


def test_the_personal_space_explains_itself(alice, client_of):
    space = alice.organizations.get(kind="personal")
    html = pages.get(client_of(alice), reverse("accounts:members", args=[space.public_id]))
    assert "It has one member: you" in html
    assert "Invite somebody" not in html


def test_nothing_at_an_unknown_address(client, db):
    assert "Nothing here" in pages.get(client, "/nowhere", status=404)


def test_a_forged_form_is_refused_in_plain_words(alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    response = client.post(reverse("accounts:profile"), {"name": "Mallory", "time_zone": "UTC"})
    assert response.status_code == 403
    assert "Please try again" in pages.assert_strict(response)


def test_a_fault_of_ours_shows_a_page_of_its_own(alice, client_of, monkeypatch):
    client = client_of(alice)
    client.raise_request_exception = False
    monkeypatch.setattr("notifications_project.accounts.views_profile.ProfileForm", None)
    response = client.get(reverse("accounts:profile"))
    assert response.status_code == 500
    assert "Something went wrong" in pages.assert_strict(response)


def test_the_helper_finds_what_is_inline():
    bad = '<p style="x"><style></style><script>1</script><script src="a"></script><a onclick="x" href="javascript:1">'
    assert pages.inline_parts(bad) == ["<p style>", "<style>", "<script>", "<a onclick>", "<a href>"]
