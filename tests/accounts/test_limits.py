"""Limits of the sign-in pages: many other counts do not lift one, and the owner gets in on a known browser."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from notifications_project.accounts import counters, devices, upkeep
from notifications_project.accounts.models import Counter
from tests.conftest import person

pytestmark = pytest.mark.django_db

RIGHT, WRONG = "correct horse", "wrong"


@pytest.fixture(autouse=True)
def nobody_tried_before(db):
    cache.clear()


def browser(number: int = 1) -> Client:
    """Return a new browser at an IP address of its own, as tries are counted for each address too."""
    return Client(REMOTE_ADDR=f"203.0.113.{number}")


def sign_in(client: Client, email: str, password: str = RIGHT, **headers: str) -> bool:
    path = reverse("account_login")
    signed_in = client.post(path, {"login": email, "password": password}, headers=headers).status_code == 302
    if signed_in:
        client.post(reverse("account_logout"))
    return signed_in


def lock(email: str, number: int = 99) -> None:
    for _ in range(5):
        assert not sign_in(browser(number), email, WRONG)


def test_many_counts_of_others_do_not_free_an_account_whose_password_is_guessed(alice):
    lock(alice.email)
    for number in range(400):
        cache.add(f"somebody else {number}", [time.time()], 300)
    assert not sign_in(browser(), alice.email)
    upkeep.run()
    assert not sign_in(browser(), alice.email)


def test_wrong_passwords_of_others_do_not_lock_the_owner_out_of_a_known_browser(alice):
    known = browser(1)
    assert sign_in(known, alice.email)
    lock(alice.email)
    assert not sign_in(browser(2), alice.email)
    assert sign_in(known, alice.email)


def test_a_known_browser_has_no_more_tries_than_any_other(alice):
    known = browser(1)
    assert sign_in(known, alice.email)
    for _ in range(5):
        assert not sign_in(known, alice.email, WRONG)
    assert not sign_in(known, alice.email)
    assert sign_in(browser(2), alice.email)


def test_a_browser_is_known_for_those_who_signed_in_there(alice, db):
    bob = person("Bob")
    shared = browser(1)
    assert sign_in(shared, bob.email)
    lock(alice.email)
    assert not sign_in(shared, alice.email)
    assert bob.email not in shared.cookies[devices.COOKIE].value


@pytest.mark.parametrize("value", ["", "x", "e30:1abc:zzz", "é"])
def test_a_forged_cookie_makes_no_browser_known(alice, value):
    lock(alice.email)
    forged = browser(1)
    forged.cookies[devices.COOKIE] = value
    assert not sign_in(forged, alice.email)


def test_the_cookie_is_for_the_server_alone(alice):
    client = browser(1)
    client.post(reverse("account_login"), {"login": alice.email, "password": RIGHT})
    morsel = client.cookies[devices.COOKIE]
    assert (morsel["httponly"], morsel["samesite"], morsel["max-age"]) == (True, "Lax", 365 * 24 * 3600)


def test_another_host_in_the_request_gives_no_more_tries(alice, settings):
    settings.ALLOWED_HOSTS = ["testserver", "localhost"]
    lock(alice.email)
    assert not sign_in(browser(1), alice.email, host="localhost")


def test_resets_are_limited_for_an_address_in_a_day(settings, db):
    settings.MAIL_CONFIGURED = True
    path, done = reverse("account_reset_password"), 0
    now = timezone.now()
    for number in range(25):
        with time_machine.travel(now + timedelta(minutes=number)):
            done += browser(number).post(path, {"email": "nobody@people.example"}).status_code == 302
    assert done == 20


# --- The cache -----------------------------------------------------------------------------------------------


def test_the_cache_keeps_what_it_was_given_until_its_time_is_over(db):
    assert cache.add("a", [1.5, 2.5], 60)
    assert not cache.add("a", "another", 60)
    assert cache.get("a") == [1.5, 2.5]
    cache.set("a", True, 60)
    assert cache.get("a") is True
    assert cache.get("b", "nothing") == "nothing"
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        assert cache.get("a") is None
        assert not cache.touch("a", 60)
        assert cache.add("a", "new", 60)
        assert cache.get("a") == "new"
        assert cache.touch("a", 3600)
    with time_machine.travel(timezone.now() + timedelta(seconds=200)):
        assert cache.get("a") == "new"
        assert cache.delete("a")
        assert not cache.delete("a")


def test_only_what_is_over_is_forgotten(db, monkeypatch):
    monkeypatch.setattr(counters, "_AT_ONCE", 2)
    for number in range(5):
        cache.set(f"short {number}", 1, 60)
    cache.set("long", 1, 600)
    cache.set("for ever", 1, None)
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        upkeep.run()
    assert Counter.objects.count() == 2
