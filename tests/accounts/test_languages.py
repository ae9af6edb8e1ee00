"""Pages are in the user's language, else the browser's; the API is in English; mails are in their receiver's."""

from __future__ import annotations

import pytest
from django import conf as django_conf
from django.test import Client
from django.urls import reverse

from notifications_project.accounts import email_addresses, invitations, organizations
from notifications_project.accounts.models import AccountMail, User
from notifications_project.accounts.roles import Role
from notifications_project.runtime import outage
from tests import pages

pytestmark = pytest.mark.django_db

PROFILE, LOGIN, ME = reverse("accounts:profile"), reverse("account_login"), "/api/v1/me/"
COOKIE = django_conf.settings.LANGUAGE_COOKIE_NAME


def language_of(response) -> str:
    assert f'<html lang="{response.headers["Content-Language"]}"' in response.text
    return response.headers["Content-Language"]


def speak(user: User, language: str) -> None:
    User.objects.filter(pk=user.pk).update(language=language)


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("fr", "fr"),
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("de,en;q=0.8,fr;q=0.5", "en"),
        ("de, fr;q=0.5", "fr"),
        ("de", "en"),
        ("*", "en"),
        ("", "en"),
        ("xx-" + "y" * 600, "en"),
        ("no language; q=x, \u00e9", "en"),
    ],
)
def test_before_signing_in_a_page_is_in_the_browsers_language(client, asked, language):
    response = client.get(LOGIN, headers={"Accept-Language": asked})
    assert language_of(response) == language
    assert ("Mot de passe" in response.text) == (language == "fr")
    assert {"Accept-Language", "Cookie"} <= set(response.headers["Vary"].split(", "))


def test_the_users_choice_goes_before_the_browsers(alice, client_of):
    client = client_of(alice)
    speak(alice, "fr")
    assert language_of(client.get(PROFILE, headers={"Accept-Language": "en"})) == "fr"


def test_the_choice_stays_after_signing_out(alice, client_of):
    client = client_of(alice)
    speak(alice, "fr")
    client.get(PROFILE)
    client.post(reverse("account_logout"))
    assert language_of(client.get(LOGIN, headers={"Accept-Language": "en"})) == "fr"
    assert client.cookies[COOKIE]["httponly"]


def test_nobody_gets_a_cookie_who_chose_nothing(client):
    client.get(LOGIN, headers={"Accept-Language": "fr"})
    assert COOKIE not in client.cookies


def test_the_first_sign_in_keeps_the_browsers_language_and_later_ones_do_not(alice):
    for asked in ("de, fr;q=0.3", "en"):
        Client().post(LOGIN, {"login": alice.email, "password": "correct horse"}, headers={"Accept-Language": asked})
        alice.refresh_from_db()
        assert alice.language == "fr"


def test_a_browser_that_asks_for_neither_language_decides_nothing(alice):
    Client().post(LOGIN, {"login": alice.email, "password": "correct horse"}, headers={"Accept-Language": "de"})
    alice.refresh_from_db()
    assert alice.language == ""


def test_the_language_is_chosen_on_the_profile_page(alice, client_of):
    client = client_of(alice)
    response = client.post(PROFILE, {"name": "Alice", "time_zone": "UTC", "language": "fr"}, follow=True)
    assert language_of(response) == "fr"
    assert "Votre profil est enregistré." in pages.assert_strict(response)
    alice.refresh_from_db()
    assert alice.language == "fr"


@pytest.mark.parametrize("language", ["de", "fr-CA", "x" * 50])
def test_an_unknown_language_is_refused(alice, client_of, api, language):
    fields = {"name": "Alice", "time_zone": "UTC", "language": language}
    assert client_of(alice).post(PROFILE, fields).status_code == 422
    answer = api(alice).patch(ME, {"language": language})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["language"]
    alice.refresh_from_db()
    assert alice.language == ""


def test_a_stored_language_that_the_console_has_no_more_does_not_close_the_pages(alice, client_of):
    speak(alice, "tlh")
    assert language_of(client_of(alice).get(PROFILE)) == "en"


def test_the_api_reads_and_changes_the_profile(alice, api):
    answer = api(alice).patch(ME, {"language": "fr", "name": "Alice B."})
    assert (answer.status_code, answer.json()["language"], answer.json()["name"]) == (200, "fr", "Alice B.")
    assert api(alice).get(ME).json() == answer.json()
    assert api(alice).patch(ME, {"language": None}).json()["language"] is None
    alice.refresh_from_db()
    assert (alice.language, alice.name, alice.time_zone) == ("", "Alice B.", "UTC")


@pytest.mark.parametrize("sent", [{"language": 7}, {"tongue": "fr"}, {"name": "\u200b"}, {"time_zone": "Mars/Olympus"}])
def test_the_api_refuses_a_profile_that_cannot_be(alice, api, sent):
    answer = api(alice).patch(ME, sent)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == list(sent)
    assert api(alice).get(ME).json()["name"] == "Alice"


def test_a_token_of_one_organization_changes_no_profile(alice, acme, api):
    assert api(alice, acme).patch(ME, {"language": "fr"}).status_code == 403
    assert api(alice, acme).get(ME).json()["language"] is None


def test_the_api_speaks_english_to_programs(alice, api):
    speak(alice, "fr")
    refused = api(alice).patch(ME, {"time_zone": "Mars/Olympus"}, headers={"Accept-Language": "fr"})
    assert "is not one of the available choices" in refused.json()["errors"][0]["message"]
    assert "Content-Language" not in refused.headers


# --- Mails about accounts ------------------------------------------------------------------------------------
@pytest.fixture
def mail_configured(settings):
    settings.MAIL_CONFIGURED = True


def written_in(monkeypatch) -> list[str]:
    """Return a list that gets the active language of each mail that is queued."""
    from django.utils.translation import get_language

    found: list[str] = []
    queue = AccountMail.objects.create

    def note(*args, **kwargs):
        found.append(str(get_language()))
        return queue(*args, **kwargs)

    monkeypatch.setattr(AccountMail.objects, "create", note)
    return found


def test_an_invitation_is_in_the_language_of_who_gets_it(acme, alice, olga, mail_configured, settings):
    settings.MESSAGE_LANGUAGE = "fr"
    speak(olga, "en")
    speak(alice, "en")
    for email in (olga.email, "stranger@people.example"):
        invitations.invite(organization=acme, actor=alice, email=email, role=Role.DEVELOPER)
    languages = {mail.content["address"]: mail.content["html"] for mail in AccountMail.objects.all()}
    assert '<html lang="en"' in languages[olga.email]
    assert '<html lang="fr"' in languages["stranger@people.example"]
    [french] = [mail.content for mail in AccountMail.objects.all() if mail.content["address"] != olga.email]
    assert french["subject"] == "Acme vous invite à ses notifications"
    for text in (french["text"], french["html"]):
        assert "Alice invite stranger@people.example à devenir membre. Rôle\u00a0: Développeur." in text


def test_mails_about_an_address_are_in_the_language_of_its_owner(alice, olga, mail_configured, monkeypatch):
    speak(alice, "fr")
    languages = written_in(monkeypatch)
    alice.refresh_from_db()
    email_addresses.request_change(user=alice, email="new@people.example")
    email_addresses.request_change(user=alice, email=olga.email)
    email_addresses.change_email(user=alice, email="new@people.example", actor=alice)
    assert languages == ["fr", "en", "fr", "fr"]


def test_an_outage_is_told_in_the_language_of_the_cookie_or_the_browser(rf):
    request = rf.get("/", headers={"accept-language": "fr-CA,fr;q=0.9"})
    assert "La base de données ne répond pas" in outage.answer(request, outage.AWAY, Exception("away")).text
    request.COOKIES[COOKIE] = "en"
    assert "The database does not answer" in outage.answer(request, outage.AWAY, Exception("away")).text


def test_a_reset_is_in_the_users_language_whichever_browser_asks(alice, mail_configured, settings):
    speak(alice, "fr")
    Client().post(reverse("account_reset_password"), {"email": alice.email}, headers={"Accept-Language": "en"})
    french = AccountMail.objects.get().content["text"]
    speak(alice, "en")
    AccountMail.objects.all().delete()
    Client().post(reverse("account_reset_password"), {"email": alice.email}, headers={"Accept-Language": "fr"})
    assert AccountMail.objects.get().content["text"] != french


def test_signing_up_keeps_the_browsers_language(client, mail_configured, settings):
    settings.SIGN_UP_OPEN = True
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    fields = {"email": "nina@people.example", "password1": "battery staple 7", "password2": "battery staple 7"}
    client.post(reverse("account_signup"), fields, headers={"Accept-Language": "fr"})
    assert User.objects.get(email="nina@people.example").language == "fr"


def test_users_made_by_an_operator_have_no_language_yet(db):
    assert organizations.create_user(email="op@people.example", password="correct horse").language == ""
