"""Invitations end with the right of the administrator who sent them."""

from __future__ import annotations

import pytest
from django.urls import reverse

from notifications_project.accounts import invitations, organizations
from notifications_project.accounts.invitations import InvitationError
from notifications_project.accounts.models import (
    AuditEntry,
    Membership,
    User,
)
from notifications_project.accounts.roles import Role
from tests import pages
from tests.accounts.inviting import NEW, earlier, invite
from tests.conftest import person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("a_mail_server")]


def _leave(acme, alice, bob):
    organizations.remove_member(organization=acme, user=bob, actor=bob)


def _remove(acme, alice, bob):
    organizations.remove_member(organization=acme, user=bob, actor=alice)


def _demote(acme, alice, bob):
    organizations.change_role(organization=acme, user=bob, role=Role.MANAGER, actor=alice)


@pytest.fixture
def second_admin(acme):
    bert = person("Bert")
    Membership.objects.create(organization=acme, user=bert, role=Role.ADMIN)
    return bert


@pytest.mark.parametrize("end", [_leave, _remove, _demote])
def test_invitations_end_with_the_right_of_the_administrator_who_sent_them(acme, alice, second_admin, end):
    theirs, other = invite(acme, actor=second_admin), invite(acme, "otto@people.example", actor=alice)
    end(acme, alice, second_admin)
    theirs.refresh_from_db()
    other.refresh_from_db()
    assert (theirs.state, other.state) == ("revoked", "pending")
    assert theirs.mail_due_at is None
    entry = AuditEntry.objects.get(organization=acme, action="invitation.revoked")
    assert (entry.target, entry.detail) == (NEW, {"invited_by": second_admin.email})
    with pytest.raises(InvitationError, match="was revoked"):
        invitations.accept(invitation=theirs, user=person("Nina"))


def test_an_administrator_who_becomes_one_again_keeps_inviting(acme, alice, second_admin):
    organizations.change_role(organization=acme, user=second_admin, role=Role.ADMIN, actor=alice)
    assert invite(acme, actor=second_admin).state == "pending"
    assert not AuditEntry.objects.filter(action="invitation.revoked").exists()


def test_the_invitation_of_a_deactivated_administrator_is_not_accepted_until_another_sends_it(
    acme, alice, second_admin
):
    theirs, nina = invite(acme, actor=second_admin), person("Nina")
    User.objects.filter(pk=second_admin.pk).update(is_active=False)
    with pytest.raises(InvitationError, match="no longer manages the members of Acme"):
        invitations.accept(invitation=theirs, user=nina)
    earlier(minutes=11)
    invitations.resend(invitation=theirs, actor=alice)
    assert invitations.accept(invitation=theirs, user=nina).role == "developer"


def test_removing_an_administrator_says_that_their_invitations_end(acme, alice, second_admin, client_of):
    page = reverse("accounts:remove_member", args=[acme.public_id, second_admin.public_id])
    assert (
        "Their invitations that nobody has accepted yet are revoked" not in client_of(alice).get(page).content.decode()
    )
    invite(acme, actor=second_admin)
    assert "Their invitations that nobody has accepted yet are revoked" in pages.assert_strict(
        client_of(alice).get(page)
    )
    role = reverse("accounts:change_role", args=[acme.public_id, second_admin.public_id])
    assert "their invitations that nobody has accepted yet are revoked" in pages.assert_strict(
        client_of(alice).get(role)
    )
