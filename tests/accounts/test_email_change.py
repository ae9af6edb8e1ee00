"""The address of a user changes everywhere at once, and not before the new one is confirmed."""

from __future__ import annotations

import io
import re
from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.core.management import call_command
from django.core.management.base import CommandError, SystemCheckError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from events import intake
from hooks.consent import confirming
from hooks.endpoints import lookup
from hooks.manage import rules
from hooks.models import Delivery, Endpoint, Unsubscription
from hooks.routing import router
from notifications_project.accounts import email_addresses
from notifications_project.accounts.email_addresses import EmailChangeError
from notifications_project.accounts.models import AccountMail, AddressChangedDirectly, AuditEntry, User
from tests import pages

pytestmark = pytest.mark.django_db

OLD, NEW = "alice@people.example", "alice@new.example"


@pytest.fixture(autouse=True)
def a_mail_server(settings):
    settings.MAIL_CONFIGURED = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    cache.clear()


def mails():
    return [mail.content for mail in AccountMail.objects.order_by("pk")]


def link() -> str:
    found = re.search(r"http://localhost:8000(/account/email/[\w-]+/)", mails()[-1]["text"])
    assert found
    return found[1]


def ask(client, email=NEW, password="correct horse"):
    return client.post(reverse("accounts:change_email"), {"email": email, "password": password})


def signs_in(email):
    return Client().post(reverse("account_login"), {"login": email, "password": "correct horse"}).status_code == 302


def change(user, email=NEW):
    email_addresses.change_email(user=user, email=email, actor=None)


# --- On the page ---------------------------------------------------------------------------------------------


def test_an_address_changes_when_the_link_sent_to_the_new_one_is_followed(acme, alice, client_of):
    browser, other = client_of(alice), client_of(alice)
    assert reverse("accounts:change_email") in pages.get(browser, reverse("accounts:profile"))
    assert ask(browser).url == reverse("accounts:profile")
    assert [mail["address"] for mail in mails()] == [NEW]
    for _ in range(2):  # programs follow links
        assert f"sign in with <strong>{NEW}</strong> instead of" in pages.get(browser, link())
    assert signs_in(OLD)

    page = link()
    assert f"Your address is now {NEW}." in browser.post(page, follow=True).text
    assert (signs_in(OLD), signs_in(NEW)) == (False, True)
    assert browser.get(reverse("accounts:profile")).status_code == 200
    assert other.get(reverse("accounts:profile")).status_code == 302  # every other session has ended
    assert [mail["address"] for mail in mails()] == [NEW, OLD, NEW]
    assert f"from {OLD} to {NEW}" in mails()[1]["text"]
    entry = AuditEntry.objects.get(organization=acme, action="member.email_changed")
    assert (entry.actor, entry.detail) == (alice, {"before": OLD, "after": NEW})
    assert AuditEntry.objects.filter(organization=alice.pk, action="user.email_changed").exists()
    assert pages.get(browser, page, 404)


@pytest.mark.parametrize(
    ("email", "password", "says"),
    [
        (NEW, "wrong", "This is not your password."),
        ("nothing", "correct horse", "is not an e-mail address"),
        (OLD, "correct horse", "This is your address already."),
    ],
)
def test_a_refused_change_is_explained_and_mails_nobody(alice, client_of, email, password, says):
    response = ask(client_of(alice), email, password)
    assert response.status_code == 422
    assert says in pages.assert_strict(response)
    assert mails() == []


def test_the_answer_is_the_same_for_an_address_that_has_an_account(alice, olga, client_of):
    browser = client_of(alice)
    said = [ask(browser, email).url for email in (NEW, olga.email)]
    assert said[0] == said[1]
    assert "it has an account already" in mails()[-1]["text"]
    assert "/account/email/" not in mails()[-1]["text"]


def test_the_link_is_good_for_its_user_alone_and_for_a_day(alice, olga, client_of, client):
    browser = client_of(alice)
    ask(browser)
    page = link()
    assert client.get(page).url.startswith(reverse("account_login"))
    pages.get(client_of(olga), page, 404)
    assert client_of(olga).post(page).status_code == 404
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1)):
        pages.get(browser, page, 404)
    ask(browser, "third@new.example")  # the newest counts
    pages.get(browser, page, 404)


def test_an_address_that_somebody_took_meanwhile_is_refused(alice, olga, client_of):
    browser = client_of(alice)
    ask(browser)
    page = link()
    change(olga)
    response = browser.post(page)
    assert response.status_code == 409
    assert "Another user has the address" in response.text
    assert User.objects.get(pk=alice.pk).email == OLD


def test_guessing_the_password_and_mailing_strangers_are_limited(alice, client_of):
    browser = client_of(alice)
    for number in range(email_addresses.MOST_PER_DAY):
        assert ask(browser, f"a{number}@new.example").status_code == 302
    assert "Enough such mails were sent today." in ask(browser).text
    statuses = [ask(browser, NEW, "wrong").status_code for _ in range(10)]
    assert statuses[-1] == 429


# --- Everywhere ----------------------------------------------------------------------------------------------


def told():
    router.route()
    pending = Delivery.objects.filter(state="pending")
    return sorted(pending.values_list("endpoint__address", flat=True))


def test_what_waits_and_what_comes_goes_to_the_new_address(acme, alice):
    intake.record(acme, [intake.NewEvent(type="server.stopped", data={})])
    assert told() == [OLD]
    change(alice)
    intake.record(acme, [intake.NewEvent(type="server.stopped", data={})])
    assert told() == [NEW, NEW]
    assert Endpoint.objects.filter(organization=acme, kind="email").count() == 1


def test_a_hook_that_names_the_old_address_names_the_new_one_and_asks_nobody(acme, alice):
    typed = rules.Notify(addresses=(OLD.upper(),))
    hook = rules.create_email_hook(organization=acme, actor=None, name="Ops", events=["git.push"], notify=typed)
    change(alice)
    hook.refresh_from_db()
    assert hook.notify_addresses == [NEW]
    intake.record(acme, [intake.NewEvent(type="git.push", data={})])
    assert told() == [NEW]
    assert not Endpoint.objects.filter(ask_at__isnull=False).exists()


def test_an_address_that_was_told_already_is_told_once(acme, alice):
    typed = rules.Notify(addresses=(NEW,), members=True)
    hook = rules.create_email_hook(organization=acme, actor=None, name="Ops", events=["git.push"], notify=typed)
    new = lookup.get_or_create_mail_endpoint(acme, NEW)
    confirming.confirm(new)
    old = lookup.get_or_create_mail_endpoint(acme, OLD)
    Unsubscription.objects.create(hook=rules.create_email_hook(
        organization=acme, actor=None, name="Other", events=["job.fail"], notify=rules.Notify(members=True)
    ), endpoint=old)  # fmt: skip
    intake.record(acme, [intake.NewEvent(type="git.push", data={}), intake.NewEvent(type="server.stopped", data={})])
    assert told() == sorted([NEW, OLD, OLD])
    change(alice)
    assert told() == [NEW, NEW]
    assert Unsubscription.objects.get().endpoint_id == new.pk
    assert hook.notify_addresses == [NEW]


def test_an_address_that_the_mail_server_refused_is_left_behind(acme, alice):
    intake.record(acme, [intake.NewEvent(type="server.stopped", data={})])
    assert told() == [OLD]
    Endpoint.objects.update(disabled_at=timezone.now(), disabled_reason="no such mailbox")
    change(alice)
    moved = Endpoint.objects.get(organization=acme, kind="email")
    assert (moved.address, moved.disabled_at) == (NEW, None)


def test_links_for_a_new_password_end(alice):
    Client().post(reverse("account_reset_password"), {"email": OLD})
    found = re.search(r"http://localhost:8000(\S+)", mails()[-1]["text"])
    assert found
    assert "token_fail" not in Client().get(found[1], follow=True).context
    change(alice)
    assert Client().get(found[1], follow=True).context["token_fail"]


# --- By operators --------------------------------------------------------------------------------------------


def test_the_command_changes_it(alice):
    out = io.StringIO()
    call_command("change_email", OLD.upper(), NEW, stdout=out)
    assert f"email: {NEW}" in out.getvalue()
    assert (signs_in(OLD), signs_in(NEW)) == (False, True)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("nobody@people.example", NEW, "Nobody signs in here"),
        (OLD, "olga@people.example", "Another user has the address"),
        (OLD, "nothing", "is not an e-mail address"),
        (OLD, OLD, "is the address already"),
    ],
)
def test_the_command_refuses_in_one_line(alice, olga, old, new, says):
    with pytest.raises(CommandError, match=says) as error:
        call_command("change_email", old, new)
    assert "\n" not in str(error.value)


def test_an_address_with_capitals_is_another_spelling_of_it(alice):
    change(alice, "Alice@people.example")
    assert (signs_in(OLD), User.objects.get().email) == (True, "Alice@people.example")


def test_code_that_saves_another_address_is_told_how_it_is_done(alice):
    user = User.objects.get()
    user.email = NEW
    with pytest.raises(AddressChangedDirectly, match=r"manage\.py change_email"):
        user.save()
    assert User.objects.get().email == OLD


def test_an_address_that_was_changed_in_sql_opens_nothing_and_is_found(alice):
    call_command("check", databases=["default"])
    User.objects.filter(pk=alice.pk).update(email=NEW)
    assert not signs_in(OLD)
    Client().post(reverse("account_reset_password"), {"email": OLD})
    assert not AccountMail.objects.filter(expires_at__gt=timezone.now() + timedelta(minutes=1)).exists()
    with pytest.raises(SystemCheckError, match=r"alice@new.example .* signs in with another address"):
        call_command("check", databases=["default"])
    call_command("change_email", NEW, NEW, stdout=io.StringIO())
    assert signs_in(NEW)
    assert EmailAddress.objects.get(user=alice).email == NEW


def test_two_users_never_get_one_address(alice, olga):
    change(olga, NEW)
    with pytest.raises(EmailChangeError):
        change(alice, NEW.upper())
