"""Addresses that were stored in several spellings become one: nobody is told twice or in another's place."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.db import connection
from django.test import Client

from events.models import Event
from hooks import mail_links
from hooks.consent import confirming, unsubscribing
from hooks.manage import rules
from hooks.models import Delivery, Endpoint, Hook, Unsubscription
from hooks.routing import router
from notifications_project.accounts import organizations
from notifications_project.accounts.models import Organization, User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail")]
Record = Callable[..., Event]
UNICODE, STORED = "ops@bücher.example", "ops@xn--bcher-kva.example"


def migrate() -> None:
    for name in ("notifications_project.accounts", "hooks"):
        number = "0005" if name.endswith("accounts") else "0011"
        migration = import_module(f"{name}.migrations.{number}_addresses_in_one_spelling")
        run = migration.respell_users if number == "0005" else migration.respell
        with connection.schema_editor(atomic=False) as editor:
            run(apps, editor)


def old_hook(organization: Organization, *addresses: str) -> Hook:
    """Create an e-mail hook with addresses in old spellings."""
    placeholders = [f"a{number}@example.org" for number in range(len(addresses))]
    hook = rules.create_email_hook(
        organization=organization,
        actor=None,
        name="Ops",
        events=["git.push"],
        notify=rules.Notify(addresses=placeholders),
    )
    for placeholder, address in zip(placeholders, addresses, strict=True):
        Endpoint.objects.filter(address=placeholder).update(address=address)
    hook.notify_addresses = list(addresses)
    hook.save()
    for endpoint in Endpoint.objects.filter(address__in=addresses):
        confirming.confirm(endpoint)
    return hook


def test_one_spelling_is_rewritten_and_keeps_its_consent(acme: Organization, record: Record) -> None:
    hook = old_hook(acme, UNICODE)
    before = Endpoint.objects.get(address=UNICODE)
    for _ in range(2):
        migrate()
    hook.refresh_from_db()
    assert hook.notify_addresses == [STORED]
    after = Endpoint.objects.get(address=STORED)
    assert (after.pk, after.confirmed_at) == (before.pk, before.confirmed_at)
    record("git.push")
    router.route()
    assert [each.endpoint_id for each in Delivery.objects.all()] == [before.pk]


def test_two_spellings_become_one_that_is_told_once(acme: Organization, record: Record, client: Client) -> None:
    hook = old_hook(acme, UNICODE, STORED)
    gone, kept = Endpoint.objects.get(address=UNICODE), Endpoint.objects.get(address=STORED)
    both, alone = record("git.push"), record("git.push")
    router.route()
    Delivery.objects.filter(event=alone, endpoint=kept).delete()
    unsubscribing.unsubscribe(gone, [other.pk for other in [old_hook(acme, "x@example.org")]], UNICODE)
    migrate()
    hook.refresh_from_db()
    assert hook.notify_addresses == [STORED]
    told = {each.event_id: each.endpoint_id for each in Delivery.objects.filter(state="pending")}
    assert told == {both.pk: kept.pk, alone.pk: kept.pk}
    assert Delivery.objects.get(event=both, endpoint=gone).state == "cancelled"
    assert Unsubscription.objects.get().endpoint_id == kept.pk
    record("git.push")
    router.route()
    assert Delivery.objects.filter(state="pending", endpoint=kept).count() == 3
    assert not Delivery.objects.filter(state="pending", endpoint=gone).exists()

    link = mail_links.unsubscribe_url(gone.pk, [hook.public_id]).partition("8000")[2]  # in a mail of before
    assert STORED in client.get(link).text
    client.post(link, {"List-Unsubscribe": "One-Click"})
    assert Unsubscription.objects.filter(hook=hook, endpoint=kept).exists()


def test_consent_of_another_mailbox_is_no_consent(acme: Organization) -> None:
    """Mail to faß.example went to fass.example, so somebody else confirmed there."""
    old_hook(acme, "ops@faß.example")
    migrate()
    assert Endpoint.objects.get(address="ops@xn--fa-hia.example").confirmed_at is None


def test_what_is_no_address_stays_and_harms_nobody(acme: Organization) -> None:
    old_hook(acme, "bad@exam\u202cple.net", UNICODE)
    migrate()
    assert Endpoint.objects.filter(address="bad@exam\u202cple.net").exists()
    assert Endpoint.objects.filter(address=STORED).exists()


def test_users_are_respelt_and_two_accounts_stay_two(caplog: pytest.LogCaptureFixture) -> None:
    first = organizations.create_user(email="a@example.org", password=None)
    second = organizations.create_user(email="b@example.org", password=None)
    for user, email in ((first, UNICODE), (second, "eve@faß.example")):
        User.objects.filter(pk=user.pk).update(email=email)
        EmailAddress.objects.filter(user=user).update(email=email)
    third = organizations.create_user(email="eve@faß.example", password=None)
    migrate()
    assert User.objects.get(pk=first.pk).email == EmailAddress.objects.get(user=first).email == STORED
    assert User.objects.get(pk=second.pk).email == "eve@faß.example"
    assert str(third.pk) in caplog.text
