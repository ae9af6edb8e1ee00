"""Inviting somebody by e-mail: nobody belongs to an organization before they accept."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from notifications_project.accounts import invitations, organizations, upkeep
from notifications_project.accounts.invitations import InvitationError
from notifications_project.accounts.models import (
    AuditEntry,
    Invitation,
    Membership,
    Organization,
    QuotaUse,
    User,
)
from notifications_project.accounts.organizations import MembershipError
from notifications_project.accounts.roles import Role
from tests import pages
from tests.accounts.inviting import NEW, earlier, invite, is_member, last_entry, link, mails
from tests.conftest import person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("a_mail_server")]


# --- Inviting ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False])
def test_the_answer_and_the_mail_are_the_same_whether_the_address_has_an_account(acme, alice, client_of, known):
    if known:
        person("Nina")
    response = client_of(alice).post(
        reverse("accounts:invite", args=[acme.public_id]), {"email": f" {NEW} ", "role": "manager"}, follow=True
    )
    html = pages.assert_strict(response)
    assert f"{NEW} is invited, and becomes a member by accepting." in html
    assert not is_member(NEW, acme)
    [mail] = mails()
    assert (mail["address"], mail["subject"]) == (NEW, "Acme invites you to its notifications")
    assert "Alice invites nina@people.example to become a member. Role: Manager." in mail["text"]
    assert last_entry(acme) == ("invitation.created", "Alice", NEW)


def test_an_invited_person_is_told_nothing_before_accepting(acme, alice, olga):
    from events import intake
    from hooks.models import Delivery
    from hooks.routing import router

    invite(acme, olga.email)
    intake.record(acme, [intake.NewEvent(type="server.stopped", data={})])
    router.route()
    assert set(Delivery.objects.values_list("endpoint__address", flat=True)) == {alice.email}
    assert len(mails()) == 1


@pytest.mark.parametrize(
    ("email", "role", "says"),
    [
        ("dave@people.example", "manager", "Dave is a member already"),
        ("not an address", "manager", "is not an e-mail address"),
        (NEW, "owner", "valid choice"),
    ],
)
def test_a_refused_invitation_is_explained_at_the_field_and_nothing_typed_is_lost(
    acme, alice, dave, client_of, email, role, says
):
    response = client_of(alice).post(reverse("accounts:invite", args=[acme.public_id]), {"email": email, "role": role})
    assert response.status_code == 422
    html = pages.assert_strict(response)
    assert says in html
    assert f'value="{email}"' in html
    assert mails() == []


def test_an_address_has_one_open_invitation_of_an_organization(acme, alice, client_of):
    invite(acme)
    path = reverse("accounts:invite", args=[acme.public_id])
    response = client_of(alice).post(path, {"email": NEW.upper(), "role": "admin"})
    assert response.status_code == 422
    assert "is invited already" in response.text
    assert (Invitation.objects.count(), len(mails())) == (1, 1)


def test_a_personal_space_invites_nobody(alice, client_of):
    space = alice.organizations.get(kind="personal")
    path = reverse("accounts:invite", args=[space.public_id])
    assert client_of(alice).post(path, {"email": NEW, "role": "developer"}).status_code == 404
    with pytest.raises(MembershipError, match="A personal space has one member"):
        invite(space)


def test_names_in_the_mail_are_no_links(db):
    eve = person("Eve")
    User.objects.filter(pk=eve.pk).update(name="eve@evil.example")
    organization = organizations.create_organization(
        name="You won! Visit https://evil.example/prize", admin=User.objects.get(pk=eve.pk)
    )
    invite(organization)
    [mail] = mails()
    whole = mail["subject"] + mail["text"] + mail["html"]
    assert "evil.example" not in whole
    assert re.findall(r"https?://[^/\s]+", mail["text"]) == ["http://localhost:8000"]


# --- The list ------------------------------------------------------------------------------------------------


def test_admins_see_send_again_and_revoke_what_is_open(acme, alice, dave, client_of):
    client, page = client_of(alice), reverse("accounts:members", args=[acme.public_id])
    assert "Invitations</h2>" not in pages.get(client, page)
    one = invite(acme)
    assert NEW in pages.get(client, page)
    assert NEW not in pages.get(client_of(dave), page)

    first = link()
    assert "a moment ago" in client.post(resend_path(one), follow=True).text
    earlier(minutes=11)
    assert "gets another mail" in client.post(resend_path(one), follow=True).text
    assert len(mails()) == 2
    assert last_entry(acme) == ("invitation.resent", "Alice", NEW)
    pages.get(Client(), first, 404)  # the mail before is worth nothing
    pages.get(Client(), link())

    assert "is revoked" in client.post(revoke_path(one), follow=True).text
    assert last_entry(acme) == ("invitation.revoked", "Alice", NEW)
    assert NEW not in client.get(page).text
    assert "not valid" in pages.get(Client(), link(), 410)
    assert "was revoked" in client.post(revoke_path(one), follow=True).text
    assert "was revoked" in client.post(resend_path(one), follow=True).text
    invite(acme)  # and again


def resend_path(invitation):
    return reverse("accounts:resend_invitation", args=[invitation.organization.public_id, invitation.public_id])


def revoke_path(invitation):
    return reverse("accounts:revoke_invitation", args=[invitation.organization.public_id, invitation.public_id])


@pytest.mark.parametrize("name", ["mary", "dave", "anna"])
def test_others_manage_no_invitations(request, acme, alice, mary, dave, anna, client_of, name):
    one = invite(acme)
    client = client_of(request.getfixturevalue(name))
    path = reverse("accounts:invite", args=[acme.public_id])
    assert client.post(path, {"email": "x@people.example", "role": "admin"}).status_code == 403
    assert client.post(resend_path(one)).status_code == 403
    assert client.post(revoke_path(one)).status_code == 403
    assert Invitation.objects.open().count() == 1


def test_an_admin_elsewhere_finds_nothing(acme, alice, olga, client_of):
    one, other = invite(acme), Organization.objects.get(name="Other")
    client = client_of(olga)
    assert client.post(revoke_path(one)).status_code == 404
    mine = reverse("accounts:revoke_invitation", args=[other.public_id, one.public_id])
    assert client.post(mine).status_code == 404
    assert Invitation.objects.open().count() == 1


def test_an_invitation_is_sent_again_a_few_times_only(acme, alice):
    one = invite(acme)
    for _ in range(invitations.MOST_RESENT):
        earlier(minutes=11)
        QuotaUse.objects.all().delete()
        invitations.resend(invitation=one, actor=alice)
    earlier(minutes=11)
    with pytest.raises(InvitationError, match="got this invitation 6 times"):
        invitations.resend(invitation=one, actor=alice)


# --- Accepting -----------------------------------------------------------------------------------------------


def test_somebody_with_an_account_accepts_by_the_link(acme, alice, olga, client, client_of):
    invite(acme, olga.email, "manager")
    for _ in range(2):  # programs follow links
        html = pages.get(client, link())
    assert "Sign in to accept" in html
    assert not is_member(olga.email, acme)

    browser = client_of(olga)
    assert "Join Acme?" in pages.get(browser, link())
    response = browser.post(link(), follow=True)
    assert "You are now a member of Acme." in response.text
    assert Membership.objects.get(organization=acme, user=olga).role == Role.MANAGER
    assert last_entry(acme) == ("invitation.accepted", "Olga", olga.email)
    assert "You have joined already" in pages.get(browser, link(), 410)


def test_somebody_else_who_is_signed_in_cannot_accept(acme, alice, olga, client_of):
    one = invite(acme)
    browser = client_of(olga)
    assert "You are signed in as olga@people.example" in pages.get(browser, link())
    browser.post(link())
    assert not is_member(olga.email, acme)
    assert browser.post(answer_path(one)).status_code == 404
    with pytest.raises(InvitationError, match="is for nina@people"):
        invitations.accept(invitation=one, user=olga)
    assert Invitation.objects.open().exists()


def answer_path(invitation):
    return reverse("accounts:answer_invitation", args=[invitation.public_id])


def test_somebody_without_an_account_makes_one_by_the_link_although_sign_up_is_closed(acme, alice, client, settings):
    settings.SIGN_UP_OPEN = False
    invite(acme)
    assert "Make an account and join" in pages.get(client, link())
    bad = client.post(link(), {"name": "Nina", "password": "12345678"})
    assert bad.status_code == 422
    assert "too common" in bad.text
    response = client.post(link(), {"name": "Nina", "password": "battery staple 7"}, follow=True)
    assert "You are now a member of Acme." in response.text
    nina = User.objects.get(email=NEW)
    assert nina.check_password("battery staple 7")
    assert EmailAddress.objects.get(user=nina, email=NEW, primary=True).verified
    assert Organization.objects.get(pk=nina.pk).is_personal
    assert is_member(NEW, acme)
    assert client.get(reverse("accounts:profile")).status_code == 200  # signed in


def test_the_link_makes_no_second_account(acme, alice, client):
    one = invite(acme)
    person("Nina")
    with pytest.raises(InvitationError, match="has an account here"):
        invitations.accept_as_new_user(invitation=one, password="battery staple 7", name="Eve")
    assert "Sign in to accept" in pages.get(client, link())


def test_one_s_invitations_are_listed_and_answered_without_the_link(acme, alice, olga, client_of):
    one = invite(acme, olga.email)
    browser, page = client_of(olga), reverse("accounts:my_invitations")
    assert "Invited by Alice" in pages.get(browser, page)
    browser.post(answer_path(one), {"decline": "1"})
    assert "You have no open invitations" in pages.get(browser, page)
    assert last_entry(acme) == ("invitation.declined", "Olga", olga.email)
    two = invite(acme, olga.email)
    browser.post(answer_path(two))
    assert is_member(olga.email, acme)


def test_the_link_declines_without_signing_in(acme, alice, client):
    invite(acme)
    client.post(link(), {"decline": "1"})
    assert "was declined" in pages.get(client, link(), 410)
    assert last_entry(acme) == ("invitation.declined", NEW, NEW)


def test_a_forged_form_accepts_nothing(acme, alice, olga):
    invite(acme, olga.email)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(olga)
    assert browser.post(link()).status_code == 403
    assert not is_member(olga.email, acme)


def test_an_invitation_ends_after_a_week_and_can_be_made_again(acme, alice, olga, client, client_of):
    one = invite(acme, olga.email)
    with time_machine.travel(timezone.now() + timedelta(days=7, minutes=1)):
        assert "too old" in pages.get(client, link(), 410)
        browser = client_of(olga)
        assert browser.post(link()).status_code == 410
        assert browser.post(answer_path(one)).status_code == 404
        assert invitations.list_open(acme).count() == 1
        invite(acme, olga.email)
        pages.get(client, link())
    with time_machine.travel(timezone.now() + timedelta(days=45)):
        assert invitations.list_open(acme).count() == 0
        upkeep.run()
        assert not Invitation.objects.exists()


def test_an_unknown_link_is_404(client, db):
    pages.get(client, "/invitations/nothing-like-that/", 404)


def test_no_table_holds_what_opens_a_link(acme, alice):
    invite(acme)
    token = link().split("/")[2]
    assert token not in str(Invitation.objects.values())
    assert token not in str(AuditEntry.objects.values())
