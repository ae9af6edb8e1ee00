"""Quotas limit how many invitations are mailed, by an organization and to an address."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from notifications_project.accounts import invitations, organizations, upkeep
from notifications_project.accounts.invitations import InvitationError, QuotaExceeded
from notifications_project.accounts.models import (
    Invitation,
)
from tests import pages
from tests.accounts.inviting import NEW, invite, link, mails
from tests.conftest import person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("a_mail_server")]


def test_an_organization_sends_so_many_a_day(acme, alice, client_of, settings):
    settings.MAX_INVITATIONS_PER_DAY = 2
    invite(acme, "a@people.example")
    invite(acme, "b@people.example")
    path = reverse("accounts:invite", args=[acme.public_id])
    response = client_of(alice).post(path, {"email": NEW, "role": "developer"})
    assert response.status_code == 429
    html = pages.assert_strict(response)
    assert "Acme has sent 2 invitations in a day, which is the limit." in html
    assert f'value="{NEW}"' in html
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1)):
        invite(acme)


def test_another_organization_gives_its_maker_no_more(acme, alice, settings):
    settings.MAX_INVITATIONS_PER_DAY = 1
    invite(acme)
    second = organizations.create_organization(name="Second", admin=alice)
    with pytest.raises(QuotaExceeded, match="You have sent 1 invitations"):
        invite(second, "b@people.example")


def test_one_address_is_mailed_so_often_however_many_organizations_invite_it(settings, db):
    settings.MAX_UNREQUESTED_PER_ADDRESS = 2
    for name in ("One", "Two", "Three"):
        invite(organizations.create_organization(name=name, admin=person(name)), NEW)
    assert len(mails()) == 2
    waiting = Invitation.objects.get(mail_due_at__isnull=False)
    assert waiting.organization.name == "Three"
    upkeep.run()
    assert len(mails()) == 2
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1)):
        upkeep.run()
        upkeep.run()
        assert len(mails()) == 3
        pages.get(Client(), link())


def test_what_waits_is_not_sent_when_it_was_revoked(acme, alice, settings):
    settings.MAIL_CONFIGURED = False
    one = invite(acme)
    assert one.mail_due_at
    settings.MAIL_CONFIGURED = True
    invitations.revoke(invitation=one, actor=alice)
    upkeep.run()
    assert mails() == []


def test_without_a_mail_server_an_invitation_waits_for_one(acme, alice, client_of, settings):
    settings.MAIL_CONFIGURED = False
    invite(acme)
    assert mails() == []
    assert "waiting for a mail server" in pages.get(
        client_of(alice), reverse("accounts:members", args=[acme.public_id])
    )
    settings.MAIL_CONFIGURED = True
    upkeep.run()
    assert len(mails()) == 1
    assert Invitation.objects.get().sent_at


def test_one_that_cannot_be_mailed_keeps_no_other_back(acme, alice, settings, monkeypatch):
    settings.MAIL_CONFIGURED = False
    invite(acme, "a@people.example")
    invite(acme, "b@people.example")
    settings.MAIL_CONFIGURED = True
    write = invitations.write

    def fails_for_a(invitation, link):
        if invitation.email.startswith("a@"):
            raise ValueError("one row's defect")
        return write(invitation, link)

    monkeypatch.setattr(invitations, "write", fails_for_a)
    upkeep.run()
    assert [mail["address"] for mail in mails()] == ["b@people.example"]
    assert not Invitation.objects.filter(mail_due_at__lte=timezone.now()).exists()


def test_so_many_are_open_at_once(acme, alice, monkeypatch):
    monkeypatch.setattr(invitations, "MOST_OPEN", 1)
    invite(acme)
    with pytest.raises(InvitationError, match="1 invitations are open"):
        invite(acme, "b@people.example")
