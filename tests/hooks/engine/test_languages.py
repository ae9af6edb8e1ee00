"""Mails and messages are in the recipient's language, or in the installation's if there is no single recipient."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_httpserver import HTTPServer

from events.models import Event
from hooks.engine import taking
from hooks.manage import rules
from hooks.messages import Notification
from notifications_project.accounts.models import Organization, User
from tests.hooks.conftest import Mailbox
from tests.hooks.formats.hipchat_server import OPTIONS, HipChatServer
from tests.hooks.people import application, members, turn, with_hipchat

pytestmark = pytest.mark.django_db(transaction=True)
Record = Callable[..., Event]
Run = Callable[[], None]
TITLES = ("Deployment of front failed", "Échec du déploiement pour front")


def speak(user: User, language: str) -> User:
    User.objects.filter(pk=user.pk).update(language=language)
    return user


@pytest.fixture
def told(pump: Run, record: Record, acme: Organization) -> Callable[[], None]:
    """Return a function that records a failed deployment and runs the pump."""

    def tell() -> None:
        record("stack.redeploy.fail", application(acme, "front"))
        pump()

    return tell


def test_each_member_gets_mail_in_their_own_language(
    alice: User, mary: User, dave: User, mailbox: Mailbox, told: Run, settings: LazySettings
) -> None:
    settings.MESSAGE_LANGUAGE = "fr"
    speak(alice, "en")
    speak(mary, "fr")
    told()
    subjects = {str(mail["To"]).partition("@")[0]: str(mail["Subject"]) for mail in mailbox.mails}
    assert "deployment failed" in subjects["alice"]
    assert "deployment failed" not in subjects["mary"]
    assert subjects["dave"] == subjects["mary"], "who chose nothing gets the installation's"


def test_an_address_is_looked_up_whatever_its_case(
    alice: User, acme: Organization, mailbox: Mailbox, told: Run, no_default_mail: None
) -> None:
    speak(alice, "fr")
    rules.create_email_hook(
        organization=acme, actor=alice, name="Typed", notify=rules.Notify(addresses=["ALICE@people.example"])
    )
    told()
    assert "deployment failed" not in str(mailbox.mails[0]["Subject"])


def test_a_stranger_who_has_an_account_elsewhere_gets_the_installations_language(
    alice: User,
    olga: User,
    acme: Organization,
    mailbox: Mailbox,
    told: Run,
    no_default_mail: None,
    settings: LazySettings,
) -> None:
    settings.EMAIL_CONFIRM_ADDRESSES = False
    speak(olga, "fr")
    rules.create_email_hook(
        organization=acme, actor=alice, name="Strangers", notify=rules.Notify(addresses=[olga.email])
    )
    told()
    assert mailbox.told == [olga.email]
    assert "deployment failed" in str(mailbox.mails[0]["Subject"])


def test_a_channel_is_told_in_its_users_language_and_a_webhook_of_the_organization_is_not(
    alice: User,
    acme: Organization,
    told: Run,
    httpserver: HTTPServer,
    no_default_mail: None,
) -> None:
    hipchat = HipChatServer(httpserver)
    speak(alice, "fr")
    with_hipchat(alice, hipchat.url, **OPTIONS)
    turn(alice, "stack.redeploy.fail", "hipchat", True)
    turn(alice, "stack.redeploy.fail", "email", False)
    rules.create_webhook(
        organization=acme,
        actor=alice,
        spec=rules.WebhookSpec.of(name="Room", url=hipchat.url, format="hipchat", options=dict(OPTIONS)),
    )
    told()
    assert len(hipchat.posted) == 2
    assert [any(title in message for message in hipchat.posted) for title in TITLES] == [True, True]


def test_languages_take_no_query_of_their_own(
    acme: Organization, pump: Run, mailbox: Mailbox, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    for user in members(acme, [f"Member{number}" for number in range(20)]):
        speak(user, "fr")
    counted: list[int] = []
    take = taking._take

    def counting(*args: object) -> dict[int, list[Notification]]:
        with CaptureQueriesContext(connection) as queries:
            found = take(*args)  # type: ignore[arg-type]
        if sum(map(len, found.values())) > 10:
            counted.append(len(queries))
        return found

    monkeypatch.setattr(taking, "_take", counting)
    record("stack.redeploy.fail")
    pump()
    assert counted
    assert max(counted) <= 4, "the lanes' deliveries, those, their endpoints, and the time"
    assert sum("failed" not in str(mail["Subject"]) for mail in mailbox.mails) == 20
