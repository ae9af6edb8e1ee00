"""*My notifications* for one organization or application: its texts, and the links to it."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from events.models import Resource
from hooks.models import NotificationSetting
from hooks.preferences.notification_settings import Scope
from notifications_project.accounts import organizations
from notifications_project.accounts.models import Organization, User
from tests.hooks.grid import DOWN, EMAIL, PAGE, button, chosen, press
from tests.hooks.pages import ClientOf
from tests.pages import get


@pytest.fixture
def client(dave: User, client_of: ClientOf) -> Client:
    """Return a client that is signed in as Dave, a developer in Acme."""
    return client_of(dave)


@pytest.fixture
def shop(acme: Organization) -> Resource:
    return Resource.objects.create(organization=acme, kind="application", name="shop")


def test_an_override_is_marked_counted_and_said_where_it_differs(
    client: Client, dave: User, acme: Organization
) -> None:
    html = press(client, f"{DOWN} email off", acme.public_id)
    assert "Process is down: E-mail is off, for Acme." in html
    assert re.search(r'aria-current="page"[^>]*>Acme<span class="n">1 changed', html)
    assert "own" in button(html, EMAIL)["class"]
    other = button(html, "Server heartbeat stopped: E-mail")
    assert ("default" in other["class"], other["title"]) == (True, "On by default")

    everything = get(client, PAGE)
    shown = button(everything, EMAIL)
    assert "differs" in shown["class"]
    assert shown["title"] == "On by default; differs in Acme (off)"
    assert "1 changed" in everything

    html = press(client, button(html, f"{EMAIL} (As the general setting)")["value"], acme.public_id)
    assert chosen(dave, Scope(organization=acme)) == {}
    assert "Process is down: E-mail is as the general setting again, for Acme." in html


def test_one_application_inherits_from_its_organization(client: Client, acme: Organization, shop: Resource) -> None:
    press(client, f"{DOWN} email off", acme.public_id)
    html = get(client, f"{PAGE}?scope={shop.public_id}")
    assert button(html, EMAIL)["title"] == "As for Acme: off, you chose it"
    press(client, f"{DOWN} email on", shop.public_id)
    assert ">shop<" in get(client, PAGE)  # now it has a tab


@pytest.mark.parametrize("what", ["organization", "resource", "nonsense"])
def test_what_is_others_is_not_there(client: Client, olga: User, what: str) -> None:
    other = Organization.objects.get(name="Other")
    theirs = Resource.objects.create(organization=other, kind="application", name="theirs")
    scope = {"organization": other.public_id, "resource": theirs.public_id, "nonsense": "orga_1"}[what]
    get(client, f"{PAGE}?scope={scope}", 404)
    get(client, f"{PAGE}last-days/?scope={scope}", 404)
    html = press(client, f"{DOWN} email off", scope)
    assert "You are not a member there any more. Nothing was changed." in html
    assert not NotificationSetting.objects.exists()


def test_of_many_organizations_the_changed_ones_have_tabs_and_all_can_be_found(client: Client, dave: User) -> None:
    made = [organizations.create_organization(name=f"Team {each:02}", admin=dave) for each in range(40)]
    press(client, f"{DOWN} email off", made[33].public_id)
    html = get(client, PAGE)
    tabs = html[html.index('id="scopes"') : html.index("</nav>", html.index('id="scopes"'))]
    assert tabs.count("<a ") <= 8
    assert "Team 33" in tabs
    assert "Team 38" not in tabs
    assert 'aria-current="page">Team 38' in get(client, f"{PAGE}?scope={made[38].public_id}")

    found = get(client, f"{PAGE}choose/?q=team+38")
    assert f"?scope={made[38].public_id}" in found
    assert "Nothing found" in get(client, f"{PAGE}choose/?q=nothing+at+all")


def test_applications_are_found_by_name_and_others_are_not(client: Client, shop: Resource, olga: User) -> None:
    other = Organization.objects.get(name="Other")
    Resource.objects.create(organization=other, kind="application", name="shop of others")
    html = get(client, f"{PAGE}choose/?q=SHOP")
    assert f"?scope={shop.public_id}" in html
    assert "shop of others" not in html
