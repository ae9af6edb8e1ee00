"""A user changes the own name and time zone."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from notifications_project.accounts import audit
from notifications_project.accounts.models import User
from tests import pages

pytestmark = pytest.mark.django_db

PROFILE = reverse("accounts:profile")


def test_the_name_is_saved_and_the_address_is_shown(alice, client_of):
    client = client_of(alice)
    response = client.post(PROFILE, {"name": "Alice B.", "time_zone": "UTC"}, follow=True)
    html = pages.assert_strict(response)
    assert "Your profile is saved." in html
    assert 'value="Alice B."' in html
    assert alice.email in html


def test_times_are_shown_in_the_chosen_zone(alice, acme, client_of):
    client = client_of(alice)
    client.post(PROFILE, {"name": "Alice", "time_zone": "Asia/Tokyo"})
    audit.record(acme, alice, "hook.created", "x")
    html = pages.get(client, reverse("accounts:audit", args=[acme.public_id]))
    assert "JST" in html
    assert timezone.get_current_timezone_name() == "UTC"


def test_an_unknown_zone_is_refused_and_the_page_still_shows_who_is_signed_in(alice, client_of):
    response = client_of(alice).post(PROFILE, {"name": "Someone else", "time_zone": "Mars/Olympus"})
    assert response.status_code == 422
    alice.refresh_from_db()
    assert (alice.name, alice.time_zone) == ("Alice", "UTC")


def test_a_stored_zone_that_the_machine_lost_does_not_close_the_pages(alice, client_of):
    User.objects.update(time_zone="Mars/Olympus")
    pages.get(client_of(alice), PROFILE)


def test_the_page_of_several_addresses_is_closed(alice, client_of):
    assert client_of(alice).get("/accounts/email/").url == PROFILE
    assert client_of(alice).post("/accounts/email/", {"action_add": "", "email": "x@people.example"}).url == PROFILE
