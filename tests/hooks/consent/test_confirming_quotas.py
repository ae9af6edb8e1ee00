"""Quotas limit how many strangers an organization asks, and how often one is asked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db.models import F

from events.models import Event
from hooks import clock, tasks
from hooks.models import Circuit, Endpoint
from notifications_project.accounts import invitations, organizations
from notifications_project.accounts.models import Organization, QuotaUse, User
from tests.hooks.conftest import Mailbox, free_port
from tests.hooks.consent.asking import OPS, naming
from tests.hooks.pages import ClientOf, page_of
from tests.pages import get

pytestmark = pytest.mark.django_db(transaction=True)
Record = Callable[..., Event]
Run = Callable[[], None]


def test_an_organization_asks_so_many_addresses_a_day_and_the_others_wait(
    acme: Organization, alice: User, mailbox: Mailbox, settings: LazySettings, client_of: ClientOf, home: str
) -> None:
    settings.MAX_CONFIRMATIONS_PER_DAY = 3
    hook = naming(acme, *(f"a{number}@example.org" for number in range(5)))
    for _ in range(3):
        tasks.sweep()
    assert len(mailbox.mails) == 3
    assert "Enough such mails were sent for now" in get(client_of(alice), page_of(home, hook))
    a_day = timedelta(days=1, minutes=1)  # passes: stored times move back, as the database's clock cannot move
    QuotaUse.objects.update(ends_at=F("ends_at") - a_day)
    Endpoint.objects.filter(ask_at__isnull=False).update(ask_at=F("ask_at") - a_day)
    tasks.sweep()
    assert len(set(mailbox.told)) == 5


def test_one_address_is_asked_so_often_a_day_however_many_organizations_name_it(
    acme: Organization, alice: User, mailbox: Mailbox, settings: LazySettings
) -> None:
    settings.MAX_UNREQUESTED_PER_ADDRESS = 2
    for name in ("Two", "Three", "Four"):
        naming(organizations.create_organization(name=name, admin=alice), OPS)
    naming(acme, "other@example.org")
    tasks.sweep()
    tasks.sweep()
    assert sorted(mailbox.told) == [OPS, OPS, "other@example.org"]


def test_invitations_and_confirmations_count_together(
    acme: Organization, alice: User, mailbox: Mailbox, settings: LazySettings
) -> None:
    settings.MAX_UNREQUESTED_PER_ADDRESS = 1
    invitations.invite(organization=acme, email=OPS, role="developer", actor=alice)
    naming(acme)
    tasks.sweep()
    assert OPS not in mailbox.told


def test_a_mail_that_the_relay_did_not_take_uses_nothing_up(
    acme: Organization, mailbox: Mailbox, settings: LazySettings
) -> None:
    settings.MAX_UNREQUESTED_PER_ADDRESS = 1
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, free_port()
    naming(acme)
    tasks.sweep()
    assert mailbox.mails == []
    settings.EMAIL_PORT = port
    Circuit.objects.all().delete()
    Endpoint.objects.update(ask_at=clock.now())
    tasks.sweep()
    assert mailbox.told == [OPS]
