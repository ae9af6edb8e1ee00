"""Inviting somebody by e-mail: nobody belongs to an organization before they accept, and nobody is mailed too much."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.db.models import F
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from notifications_project.accounts import invitations, organizations, upkeep
from notifications_project.accounts.invitations import InvitationError, QuotaExceeded
from notifications_project.accounts.models import (
    AccountMail,
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
from tests.conftest import person

pytestmark = pytest.mark.django_db

NEW = "nina@people.example"


@pytest.fixture(autouse=True)
def a_mail_server(settings):
    settings.MAIL_CONFIGURED = True


def mails():
    """Return the mails that wait to be sent, oldest first."""
    return [mail.content for mail in AccountMail.objects.order_by("pk")]


def link(number: int = -1) -> str:
    found = re.search(r"http://localhost:8000(/invitations/[\w-]+/)", mails()[number]["text"])
    assert found
    assert found[1] in mails()[number]["html"]
    return found[1]


def invite(organization, email=NEW, role="developer", actor=None):
    actor = actor or organization.members.order_by("memberships__pk")[0]
    return invitations.invite(organization=organization, email=email, role=role, actor=actor)


def is_member(email, organization):
    return Membership.objects.filter(user__email=email, organization=organization).exists()


def last_entry(organization):
    entry = AuditEntry.objects.filter(organization=organization).latest("pk")
    return entry.action, entry.actor_name, entry.target


def earlier(**by):
    """Move the times of all mails into the past by a timedelta."""
    Invitation.objects.update(sent_at=F("sent_at") - timedelta(**by))


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


# --- Quotas --------------------------------------------------------------------------------------------------


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


# --- The API -------------------------------------------------------------------------------------------------


def test_administrators_manage_invitations_by_api(acme, alice, dave, api):
    url = f"/api/v1/organizations/{acme.public_id}/invitations/"
    client = api(alice)
    made = client.post(url, {"email": NEW, "role": "developer"})
    assert made.status_code == 201
    one = made.json()
    assert made["Location"] == f"{url}{one['id']}/"
    assert one["id"].startswith("inv_")
    assert (one["email"], one["role"], one["state"]) == (NEW, "developer", "pending")
    assert one["invited_by"] == {"id": alice.public_id, "name": "Alice"}
    assert client.get(url).json() == {"results": [one], "next": None}
    assert client.get(f"{url}{one['id']}/").json() == one
    assert client.post(url, {"email": NEW, "role": "developer"}).status_code == 409
    again = client.post(f"{url}{one['id']}/resend/")
    assert again.status_code == 429
    assert 0 < int(again["Retry-After"]) <= 600
    assert api(dave).get(url).status_code == 403
    assert api(dave).post(url, {"email": "a@people.example", "role": "admin"}).status_code == 403
    assert client.delete(f"{url}{one['id']}/").status_code == 204
    assert client.delete(f"{url}{one['id']}/").status_code == 409
    assert client.get(url).json()["results"] == []


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"email": "nothing", "role": "owner"}, {"email", "role"}),
        ({"email": NEW}, {"role"}),
        ({"email": NEW, "role": "admin", "name": "x"}, {"name"}),
        ({"email": 7, "role": None}, {"email", "role"}),
    ],
)
def test_a_bad_invitation_is_refused_by_field(acme, alice, api, body, fields):
    answer = api(alice).post(f"/api/v1/organizations/{acme.public_id}/invitations/", body)
    assert answer.status_code == 422
    assert {each["field"] for each in answer.json()["errors"]} == fields


def test_one_answers_one_s_own_by_api(acme, alice, olga, api):
    one, client = invite(acme, olga.email), api(olga)
    [listed] = client.get("/api/v1/me/invitations/").json()["results"]
    assert listed["organization"] == {"id": acme.public_id, "kind": "team", "name": "Acme"}
    narrow = api(olga, Organization.objects.get(name="Other"))
    assert narrow.post(f"/api/v1/me/invitations/{one.public_id}/accept/").status_code == 403
    assert api(alice).post(f"/api/v1/me/invitations/{one.public_id}/accept/").status_code == 404
    answer = client.post(f"/api/v1/me/invitations/{one.public_id}/accept/")
    assert (answer.status_code, answer.json()["state"]) == (200, "accepted")
    assert is_member(olga.email, acme)
    two = invite(Organization.objects.create(name="Third"), olga.email, actor=alice)
    assert client.post(f"/api/v1/me/invitations/{two.public_id}/decline/").json()["state"] == "declined"


# --- Inviters who may not invite any more ---------------------------------------------------------------------


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
