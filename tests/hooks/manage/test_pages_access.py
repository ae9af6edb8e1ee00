"""Permissions on the pages about hooks, and on the secrets in a URL."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from hooks.models import Endpoint, Hook
from notifications_project.accounts.models import Organization, User
from tests.hooks.pages import FILLED, ClientOf, add_webhook, page_of
from tests.pages import get

CHANGES = ["enable/", "disable/", "pause/", "resume/", "rotate-secret/", "delete/"]


@pytest.mark.parametrize("path", ["notifications/emails/", "notifications/webhooks/", "deliveries/"])
def test_every_member_reads(path: str, home: str, hook: Hook, anna: User, client_of: ClientOf) -> None:
    get(client_of(anna), f"{home}/{path}")


@pytest.mark.parametrize(
    ("path", "tab"),
    [
        ("notifications/emails/", "E-mails"),
        ("notifications/webhooks/", "Webhooks"),
        ("deliveries/", "Deliveries"),
        ("event-types/", "Event types"),
    ],
)
def test_every_tab_of_the_panel_keeps_the_tabs(path: str, tab: str, home: str, anna: User, client_of: ClientOf) -> None:
    html = get(client_of(anna), f"{home}/{path}")
    [tabs] = re.findall(r'<nav class="tabs" aria-label="Notifications">.*?</nav>', html, re.DOTALL)
    assert re.findall(r'aria-current="page">([\w -]+)', tabs) == [tab]
    [crumbs] = re.findall(r'<nav class="crumbs".*?</nav>', html)
    assert "Organization Manager" in crumbs
    assert tab in {"E-mails", "Webhooks"} or f'href="{home}/notifications/emails/">Notifications<' in crumbs


def test_an_outsider_finds_nothing(home: str, hook: Hook, olga: User, client_of: ClientOf) -> None:
    client = client_of(olga)
    for path in ("notifications/webhooks/", "notifications/webhooks/add/", "deliveries/", f"hooks/{hook.public_id}/"):
        assert client.get(f"{home}/{path}").status_code == 404
    for change in CHANGES:
        assert client.post(page_of(home, hook, change)).status_code == 404
    assert Hook.objects.existing().filter(pk=hook.pk, paused=False, enabled=True).exists()


def test_a_stranger_is_asked_to_sign_in(home: str, client: Client) -> None:
    assert client.get(f"{home}/notifications/webhooks/").headers["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("person", ["dave", "anna"])
def test_a_developer_and_an_accountant_cannot_change_hooks(
    person: str, home: str, hook: Hook, client_of: ClientOf, request: pytest.FixtureRequest
) -> None:
    client = client_of(request.getfixturevalue(person))
    for path in ("notifications/webhooks/add/", "notifications/emails/add/", f"hooks/{hook.public_id}/"):
        leads_to_the_list = path.startswith("hooks/")
        assert client.get(f"{home}/{path}").status_code == (302 if leads_to_the_list else 403)
        assert client.post(f"{home}/{path}", FILLED).status_code == 403
    for change in CHANGES:
        assert client.post(page_of(home, hook, change)).status_code == 403
    assert Hook.objects.existing().filter(pk=hook.pk, paused=False, enabled=True).exists()


def test_a_manager_can_change_hooks(home: str, hook: Hook, mary: User, client_of: ClientOf) -> None:
    client = client_of(mary)
    assert client.post(page_of(home, hook, "pause/")).status_code == 302
    assert client.post(page_of(home, hook, "delete/")).status_code == 302
    assert not Hook.objects.existing().filter(pk=hook.pk).exists()


def test_buttons_that_a_role_cannot_use_are_not_shown(
    home: str, hook: Hook, alice: User, dave: User, anna: User, client_of: ClientOf
) -> None:
    seen = {user.name: get(client_of(user), f"{home}/notifications/webhooks/") for user in (alice, dave, anna)}
    assert {name: "/test/" in html for name, html in seen.items()} == {"Alice": True, "Dave": True, "Anna": False}
    for part in ("/pause/", "/delete/", "webhooks/add/"):
        assert {name: part in html for name, html in seen.items()} == {"Alice": True, "Dave": False, "Anna": False}


def test_secrets_in_a_url_are_shown_to_nobody_and_the_path_to_managers_in_the_form(
    home: str, hook: Hook, mary: User, dave: User, client_of: ClientOf
) -> None:
    for user in (mary, dave):
        html = get(client_of(user), f"{home}/notifications/webhooks/")
        assert "t0p" not in html
        assert "ann:secret" not in html
        assert "127.0.0.1:9/" in html
        assert "127.0.0.1:9/in" not in html
    html = get(client_of(mary), page_of(home, hook))
    assert "127.0.0.1:9/in" in html
    assert "t0p" not in html, "it stays when the form is sent as it is"


def test_a_secret_in_the_path_is_read_by_nobody_and_the_path_by_who_manages_hooks(
    home: str, acme: Organization, mary: User, dave: User, client_of: ClientOf
) -> None:
    hook = add_webhook(acme, url="http://127.0.0.1:9/services/a8Vq2LpXzR7mKd3TyWn5Jc9f")
    html = get(client_of(mary), page_of(home, hook))
    assert "services/" in html
    assert "a8Vq2" not in html
    for path in ("notifications/webhooks/", f"hooks/{hook.public_id}/test/"):
        html = get(client_of(dave), f"{home}/{path}")
        assert "a8Vq2" not in html
        assert "services/" not in html


def test_signing_in_may_return_to_a_switch_which_leads_to_the_list_and_does_nothing(
    home: str, hook: Hook, alice: User, client_of: ClientOf
) -> None:
    before = Hook.objects.filter(pk=hook.pk).values().get(), Endpoint.objects.get(hook=hook).secrets
    for change in ("enable/", "disable/", "pause/", "resume/", "rotate-secret/"):
        response = client_of(alice).get(page_of(home, hook, change))
        assert (response.status_code, response.headers.get("Location")) == (302, f"{home}/notifications/webhooks/")
    assert before == (Hook.objects.filter(pk=hook.pk).values().get(), Endpoint.objects.get(hook=hook).secrets)


def test_the_address_of_notifications_leads_to_the_first_tab(home: str, anna: User, client_of: ClientOf) -> None:
    response = client_of(anna).get(f"{home}/notifications/")
    assert (response.status_code, response.headers.get("Location")) == (302, f"{home}/notifications/emails/")
    personal = f"/organizations/{anna.public_id}/notifications/"
    assert client_of(anna).get(personal).headers.get("Location") == f"{personal}emails/"


def test_a_hook_of_another_organization_is_not_found_here(
    home: str, alice: User, olga: User, client_of: ClientOf
) -> None:
    other = Organization.objects.get(name="Other")
    foreign = add_webhook(other)
    assert client_of(alice).get(page_of(home, foreign)).status_code == 404
    assert client_of(alice).post(page_of(home, foreign, "delete/")).status_code == 404
