"""The commands with which operators script their installation."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from notifications_project.accounts.models import ApiToken, Membership, Organization, User
from notifications_project.accounts.tokens import make_token

pytestmark = pytest.mark.django_db


def run(*words: str) -> dict:
    out = io.StringIO()
    call_command(*words, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_it_makes_the_organization_its_admin_and_a_token_that_works(client):
    made = run(
        "create_organization", "Engines", "--admin", "ada@example.org", "--password", "analytical 1843", "--token"
    )
    organization = Organization.objects.get(name="Engines")
    ada = User.objects.get(email="ada@example.org")
    assert made["organization"] == organization.public_id
    assert made["admin"] == ada.public_id
    assert made["created"]
    assert made["admin_created"]
    assert ada.check_password("analytical 1843")
    answer = client.get("/api/v1/organizations/", headers={"authorization": f"Bearer {made['token']}"})
    assert [each["name"] for each in answer.json()["results"]] == ["Engines"]


def test_a_second_run_finds_the_same_and_changes_nothing():
    words = ("create_organization", "Engines", "--admin", "ada@example.org", "--token")
    first = run(*words, "--password", "analytical 1843")
    second = run(*words[:3], "ADA@example.org", "--token", "--password", "another 1844")
    assert second["organization"] == first["organization"]
    assert not second["created"]
    assert not second["admin_created"]
    assert second["token"] is None
    assert "was made before" in second["note"]
    assert "The password was ignored" in second["note"]
    assert ApiToken.objects.count() == 1
    assert User.objects.get().check_password("analytical 1843")


def test_an_expired_token_is_replaced():
    words = ("create_organization", "Engines", "--admin", "ada@example.org", "--token")
    run(*words)
    ApiToken.objects.update(expiry="2020-01-01T00:00:00Z")
    assert run(*words)["token"]


@pytest.mark.parametrize("name", ["Acme", "ACME"])
def test_an_organization_of_a_name_that_another_admin_has_is_made_only_if_that_is_meant(acme, name):
    words = ("create_organization", name, "--admin", "ada@example.org")
    with pytest.raises(CommandError) as error:
        call_command(*words)
    for part in (acme.public_id, "alice@people.example", "--new", "add_member"):
        assert part in str(error.value)
    assert not User.objects.filter(email="ada@example.org").exists()
    made = run(*words, "--new")
    assert made["created"]
    assert made["organization"] != acme.public_id
    again = run(*words, "--new")
    assert (again["created"], again["organization"]) == (False, made["organization"])
    assert run(*words)["organization"] == made["organization"]


def test_lines_for_people_say_the_same():
    out = io.StringIO()
    call_command("create_organization", "Engines", "--admin", "ada@example.org", stdout=out)
    assert f"organization: {Organization.objects.get(name='Engines').public_id}\n" in out.getvalue()
    assert "token" not in out.getvalue()
    assert "The administrator has no password yet" in out.getvalue()


def test_the_password_may_come_from_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("analytical 1843\n"))
    run("create_organization", "Engines", "--admin", "ada@example.org", "--password", "-")
    assert User.objects.get().check_password("analytical 1843")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("Engines", "--admin", "ada"), "'ada' is not an e-mail address."),
        (("  ", "--admin", "ada@example.org"), "The name cannot be used"),
        (("Engines", "--admin", "ada@example.org", "--password", "123"), "The password cannot be used"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(words, says):
    with pytest.raises(CommandError) as error:
        call_command("create_organization", *words)
    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert not User.objects.exists()
    assert not Organization.objects.exists()


def test_add_member_twice_is_once(acme, olga):
    words = ("add_member", acme.public_id, "OLGA@people.example", "--role", "manager")
    assert run(*words) == {
        "organization": acme.public_id,
        "user": olga.public_id,
        "email": olga.email,
        "role": "manager",
        "added": True,
    }
    assert run(*words)["added"] is False
    assert Membership.objects.filter(organization=acme, user=olga).count() == 1


@pytest.mark.parametrize(
    ("organization", "email", "role", "says"),
    [
        (None, "nobody@people.example", "manager", "Nobody signs in here"),
        (None, "olga@people.example", "owner", "The role must be one of admin, manager"),
        (None, "alice@people.example", "manager", "is a member already, as admin"),
        ("acme", "olga@people.example", "manager", "'acme' is not the id of an organization"),
        ("orga_00000000-0000-4000-8000-000000000000", "olga@people.example", "manager", "There is no organization"),
    ],
)
def test_add_member_refuses_in_one_line(acme, olga, organization, email, role, says):
    with pytest.raises(CommandError, match=says) as error:
        call_command("add_member", organization or acme.public_id, email, "--role", role)
    assert "\n" not in str(error.value)
    assert not Membership.objects.filter(organization=acme, user=olga).exists()


def test_add_member_refuses_personal_spaces(alice, olga):
    with pytest.raises(CommandError, match="one member"):
        call_command("add_member", alice.public_id, olga.email, "--role", "manager")


def test_a_token_of_the_page_does_not_stand_in_for_that_of_the_command(acme, alice):
    make_token(user=alice, name="script", organization=acme, lasts=None)
    assert run("create_organization", "Acme", "--admin", alice.email, "--token")["token"]


def test_without_mail_an_admin_without_password_gets_one_by_running_it_again(settings):
    settings.MAIL_CONFIGURED = False
    words = ("create_organization", "Engines", "--admin", "ada@example.org")
    for made in (run(*words), run(*words)):
        assert made["note"] == "The administrator has no password yet: run this again with --password -, and type one."
    again = run(*words, "--password", "analytical 1843")
    assert (again["created"], again["note"]) == (False, "The password was set, as the administrator had none.")
    assert User.objects.get().check_password("analytical 1843")


def test_with_mail_an_admin_without_password_chooses_one_by_mail(settings):
    settings.MAIL_CONFIGURED = True
    assert "“Forgot your password?”" in run("create_organization", "Engines", "--admin", "ada@example.org")["note"]


def test_a_password_for_who_has_one_is_ignored_and_that_is_said(alice):
    made = run("create_organization", "Engines", "--admin", alice.email, "--password", "analytical 1843")
    assert made["note"] == "The password was ignored: the administrator has one already."
    assert not User.objects.get().check_password("analytical 1843")


def test_a_weak_password_is_refused_for_who_has_none_too():
    words = ("create_organization", "Engines", "--admin", "ada@example.org")
    run(*words)
    with pytest.raises(CommandError, match="The password cannot be used"):
        call_command(*words, "--password", "123")
    assert not User.objects.get().has_usable_password()


# --- create_user ---------------------------------------------------------------------------------------------


def test_a_user_made_by_the_operator_signs_in_although_sign_up_is_closed(client, settings):
    settings.SIGN_UP_OPEN = False
    made = run("create_user", "Grace@Example.org", "--name", "Grace", "--password", "analytical 1843")
    grace = User.objects.get()
    assert made == {
        "user": grace.public_id,
        "email": "Grace@example.org",
        "name": "Grace",
        "created": True,
        "note": "",
    }
    assert Organization.objects.get(pk=grace.pk).is_personal
    answer = client.post("/accounts/login/", {"login": "grace@example.org", "password": "analytical 1843"})
    assert answer.status_code == 302


def test_a_second_run_of_create_user_changes_nothing_but_a_missing_password(settings):
    settings.MAIL_CONFIGURED = False
    first = run("create_user", "grace@example.org")
    assert first["note"] == "The user has no password yet: run this again with --password -, and type one."
    second = run("create_user", "GRACE@example.org", "--password", "analytical 1843", "--name", "Hopper")
    assert (second["user"], second["created"]) == (first["user"], False)
    assert second["note"].startswith("The password was set, as the user had none. The name was ignored")
    third = run("create_user", "grace@example.org", "--password", "another 1844")
    assert third["note"] == "The password was ignored: the user has one already."
    assert User.objects.get().check_password("analytical 1843")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("grace",), "'grace' is not an e-mail address"),
        (("grace@example.org", "--password", "123"), "The password cannot be used"),
        (("grace@example.org", "--name", "x" * 101), "The name cannot be used"),
        (("grace@example.org", "--name", "a\nb"), "The name cannot be used"),
    ],
)
def test_create_user_refuses_in_one_line_and_leaves_nothing(words, says):
    with pytest.raises(CommandError) as error:
        call_command("create_user", *words)
    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert not User.objects.exists()


def test_create_user_does_not_bring_back_who_is_deactivated(alice):
    User.objects.update(is_active=False)
    with pytest.raises(CommandError, match="is not active"):
        call_command("create_user", alice.email, "--password", "analytical 1843")
