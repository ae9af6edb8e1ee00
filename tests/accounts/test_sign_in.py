"""Signing in and out with the real forms, resetting a password, signing up."""

from __future__ import annotations

import re
from collections import Counter
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.module_loading import import_string

from notifications_project.accounts import organizations
from notifications_project.accounts.models import AccountMail, Organization, User
from tests import pages
from tests.mails import send_account_mails

pytestmark = pytest.mark.django_db

MAIL = {"MAIL_CONFIGURED": True, "EMAIL_BACKEND": "django.core.mail.backends.locmem.EmailBackend"}


@pytest.fixture(autouse=True)
def nobody_tried_before(db):
    cache.clear()


@pytest.fixture
def browser() -> Client:
    return Client(enforce_csrf_checks=True)


def submit(browser: Client, path: str, **fields: str):
    """Open a page and send its form, with its CSRF token, as a browser does."""
    html = pages.get(browser, path)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', html)
    assert token
    return browser.post(path, {"csrfmiddlewaretoken": token[1], **fields})


@pytest.mark.parametrize("email", ["alice@people.example", "Alice@People.Example"])
def test_sign_in_with_address_and_password(browser, acme, alice, email):
    response = submit(browser, reverse("account_login"), login=email, password="correct horse")
    assert response.status_code == 302
    assert response.url == "/"
    assert "Alice" in pages.get(browser, reverse("accounts:members", args=[acme.public_id]))


def test_a_wrong_password_is_refused_and_the_address_stays_in_the_form(browser, alice):
    response = submit(browser, reverse("account_login"), login=alice.email, password="wrong")
    html = pages.assert_strict(response)
    assert alice.email in html
    assert "do not belong together" in html


@pytest.mark.parametrize("name", ["account_login", "account_signup", "account_reset_password"])
def test_an_address_is_called_e_mail(browser, settings, name):
    settings.SIGN_UP_OPEN = settings.MAIL_CONFIGURED = True
    html = pages.get(browser, reverse(name))
    assert re.search(r"<label[^>]*>E-mail</label>", html.replace("\n", ""))
    assert "Email" not in html


def test_nothing_stands_between_the_label_of_the_password_and_its_field(browser):
    html = pages.get(browser, reverse("account_login"))
    assert re.search(r'>Password</label>\s*<input type="password"', html)
    assert html.index('type="password"') < html.index("Forgot your password?")
    assert f'href="{reverse("account_reset_password")}"' in html


def test_an_inactive_user_does_not_get_in(browser, alice):
    User.objects.filter(pk=alice.pk).update(is_active=False)
    submit(browser, reverse("account_login"), login=alice.email, password="correct horse")
    assert browser.get(reverse("accounts:profile")).status_code == 302


def test_guessing_is_limited(browser, alice):
    for _ in range(11):
        response = browser.get(reverse("account_login"))
        response = submit(browser, reverse("account_login"), login=alice.email, password="wrong")
        if response.status_code == 429 or "Too many" in response.content.decode():
            break
    else:
        pytest.fail("Eleven guesses and no limit")
    submit_again = submit(browser, reverse("account_login"), login=alice.email, password="correct horse")
    assert submit_again.status_code != 302


def test_signing_out_takes_a_post(browser, alice):
    browser.force_login(alice)
    browser.get(reverse("account_logout"))
    assert browser.get(reverse("accounts:profile")).status_code == 200
    submit(browser, reverse("account_logout"))
    assert browser.get(reverse("accounts:profile")).status_code == 302


def test_a_reset_mail_leads_to_a_new_password(browser, alice, settings, mailoutbox):
    for name, value in MAIL.items():
        setattr(settings, name, value)
    settings.PUBLIC_URL = "https://console.example.com"
    response = submit(browser, reverse("account_reset_password"), email=alice.email)
    assert response.status_code == 302
    send_account_mails()
    [mail] = mailoutbox
    link = re.search(r"https://\S+", mail.body)
    assert link
    assert link[0].startswith("https://console.example.com/")
    form = browser.get(urlsplit(link[0]).path, follow=True)
    where = form.redirect_chain[-1][0]
    response = submit(browser, where, password1="battery staple 7", password2="battery staple 7")
    assert response.status_code == 302
    pages.get(browser, response.url)
    assert submit(browser, reverse("account_login"), login=alice.email, password="battery staple 7").status_code == 302


def test_resetting_an_unknown_address_says_the_same_and_mails_nobody(browser, db, settings, mailoutbox):
    for name, value in MAIL.items():
        setattr(settings, name, value)
    response = submit(browser, reverse("account_reset_password"), email="nobody@people.example")
    assert response.url == reverse("account_reset_password_done")
    send_account_mails()
    assert mailoutbox == []


def test_a_reset_does_as_much_for_an_unknown_address_as_for_a_known_one(browser, alice, settings):
    for name, value in MAIL.items():
        setattr(settings, name, value)
    done = []
    for address in (alice.email, "nobody@people.example"):
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            submit(browser, reverse("account_reset_password"), email=address)
        written = [query["sql"] for query in queries.captured_queries if query["sql"].startswith("INSERT")]
        done.append([sql.split()[2] for sql in written if "cache" not in sql.split()[2]])
    assert done[0] == done[1]
    assert '"accounts_accountmail"' in done[0]


def test_without_mail_the_reset_page_says_so(browser, alice, settings):
    settings.MAIL_CONFIGURED = False
    assert "cannot send mail" in pages.get(browser, reverse("account_reset_password"))
    assert "cannot send mail" in pages.get(browser, reverse("account_reset_password_done"))


def test_changing_the_password_keeps_the_session(browser, alice):
    browser.force_login(alice)
    response = submit(
        browser,
        reverse("account_change_password"),
        oldpassword="correct horse",
        password1="battery staple 7",
        password2="battery staple 7",
    )
    assert response.status_code == 302
    assert browser.get(reverse("accounts:profile")).status_code == 200


def test_signing_up_is_closed(browser, db):
    assert "Signing up is closed" in pages.get(browser, reverse("account_signup"))


def test_signing_up_when_open_confirms_the_address_and_makes_a_personal_space(browser, db, settings, mailoutbox):
    for name, value in MAIL.items():
        setattr(settings, name, value)
    settings.SIGN_UP_OPEN = True
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    fields = {"email": "nina@people.example", "password1": "battery staple 7", "password2": "battery staple 7"}
    response = submit(browser, reverse("account_signup"), **fields)
    pages.get(browser, response.url)
    assert browser.get(reverse("accounts:profile")).status_code == 302
    nina = User.objects.get(email="nina@people.example")
    assert Organization.objects.get(pk=nina.pk).is_personal
    send_account_mails()
    link = re.search(r"http://\S+", mailoutbox[0].body)
    assert link
    response = submit(browser, urlsplit(link[0]).path)
    assert response.status_code == 302
    assert EmailAddress.objects.get(user=nina).verified


def test_signing_up_does_as_much_and_says_the_same_for_an_address_that_has_an_account(browser, alice, settings):
    for name, value in MAIL.items():
        setattr(settings, name, value)
    settings.SIGN_UP_OPEN = True
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    hashed, done, said = [], [], []
    hasher = import_string(settings.PASSWORD_HASHERS[0])
    for address in (alice.email, "nina@people.example"):
        browser = Client(enforce_csrf_checks=True)
        cache.clear()
        hashed.append(0)

        def counting(self, *args, encode=hasher.encode, **kwargs):
            hashed[-1] += 1
            return encode(self, *args, **kwargs)

        with CaptureQueriesContext(connection) as queries, patch.object(hasher, "encode", counting):
            words = {"email": address, "password1": "battery staple 7", "password2": "battery staple 7"}
            response = submit(browser, reverse("account_signup"), **words)
        done.append(Counter(query["sql"].split()[0] for query in queries.captured_queries))
        said.append((response.status_code, response.url, browser.get(response.url).text.replace(address, "")))
    assert hashed == [1, 1]
    assert said[0] == said[1]
    assert done[0]["INSERT"] >= done[1]["INSERT"] > 5
    assert abs(done[0].total() - done[1].total()) <= 12
    assert User.objects.count() == 2
    assert User.objects.get(pk=alice.pk).check_password("correct horse")
    assert AccountMail.objects.count() == 2


def test_who_was_made_by_an_operator_signs_in_when_sign_up_is_open(browser, settings, db):
    settings.SIGN_UP_OPEN = True
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    organizations.create_user(email="op@people.example", password="correct horse")
    assert submit(browser, reverse("account_login"), login="op@people.example", password="correct horse").url == "/"


def test_the_demo_shows_its_sign_in_and_nothing_else_does(client, db, settings):
    settings.DEMO = False
    assert settings.DEMO_PASSWORD not in pages.get(client, reverse("account_login"))
    settings.DEMO = True
    html = pages.get(client, reverse("account_login"))
    assert settings.DEMO_EMAIL in html
    assert settings.DEMO_PASSWORD in html
