"""Members are changed and removed on the pages, and an administrator always remains."""

from __future__ import annotations

import pytest
from django.urls import reverse

from notifications_project.accounts.models import ApiToken, AuditEntry, Membership
from notifications_project.accounts.organizations import MembershipError, add_member, change_role, remove_member
from notifications_project.accounts.roles import Role
from notifications_project.accounts.tokens import make_token
from tests import pages

pytestmark = pytest.mark.django_db


def role_of(user, organization):
    return Membership.objects.filter(user=user, organization=organization).values_list("role", flat=True).first()


def actions(organization):
    return list(AuditEntry.objects.filter(organization=organization).order_by("pk").values_list("action", "target"))


@pytest.mark.parametrize("person", ["mary", "dave", "anna"])
def test_others_cannot_change_members(acme, alice, mary, dave, anna, olga, client_of, person):
    me = {"mary": mary, "dave": dave, "anna": anna}[person]
    client = client_of(me)
    posts = [
        (reverse("accounts:invite", args=[acme.public_id]), {"email": olga.email, "role": "admin"}),
        (reverse("accounts:change_role", args=[acme.public_id, me.public_id]), {"role": "admin"}),
        (reverse("accounts:remove_member", args=[acme.public_id, alice.public_id]), {}),
        (reverse("accounts:edit_organization", args=[acme.public_id]), {"name": "Mine"}),
    ]
    before = actions(acme)
    assert [client.post(path, data).status_code for path, data in posts] == [403] * 4
    assert actions(acme) == before


def test_an_outsider_cannot_even_see_that_there_is_something(acme, alice, olga, client_of):
    path = reverse("accounts:remove_member", args=[acme.public_id, alice.public_id])
    assert client_of(olga).post(path).status_code == 404


def test_a_member_of_another_organization_is_not_found_through_mine(acme, alice, olga, client_of):
    path = reverse("accounts:change_role", args=[acme.public_id, olga.public_id])
    assert client_of(alice).post(path, {"role": "admin"}).status_code == 404


def test_a_role_changes_at_once(acme, alice, dave, client_of):
    client = client_of(dave)
    assert client.get(reverse("accounts:invite", args=[acme.public_id])).status_code == 403
    client_of(alice).post(reverse("accounts:change_role", args=[acme.public_id, dave.public_id]), {"role": "admin"})
    assert client.get(reverse("accounts:invite", args=[acme.public_id])).status_code == 200
    entry = AuditEntry.objects.filter(organization=acme).latest("pk")
    assert (entry.action, entry.detail) == ("member.role_changed", {"before": "developer", "after": "admin"})


def test_removing_asks_first(acme, alice, dave, client_of):
    client, path = client_of(alice), reverse("accounts:remove_member", args=[acme.public_id, dave.public_id])
    assert "Remove Dave from Acme?" in pages.get(client, path)
    assert role_of(dave, acme)
    client.post(path)
    assert role_of(dave, acme) is None
    assert actions(acme)[-1] == ("member.removed", dave.email)


def test_a_member_leaves(acme, dave, client_of):
    client = client_of(dave)
    client.get(reverse("accounts:members", args=[acme.public_id]))
    response = client.post(reverse("accounts:leave", args=[acme.public_id]))
    assert response.url == reverse("accounts:home")
    assert role_of(dave, acme) is None
    assert actions(acme)[-1] == ("member.left", dave.email)
    assert dave.public_id in client.get("/").url  # only the personal space is left


def test_who_leaves_loses_the_tokens_of_that_organization_only(acme, alice, dave):
    make_token(user=dave, name="acme", organization=acme, lasts=None)
    make_token(user=dave, name="all", organization=None, lasts=None)
    remove_member(organization=acme, user=dave, actor=alice)
    assert list(ApiToken.objects.filter(user=dave).values_list("name", flat=True)) == ["all"]


@pytest.mark.parametrize(
    ("name", "data"), [("change_role", {"role": "developer"}), ("remove_member", {}), ("leave", {})]
)
def test_the_last_admin_stays(acme, alice, mary, client_of, name, data):
    args = [acme.public_id] if name == "leave" else [acme.public_id, alice.public_id]
    response = client_of(alice).post(reverse(f"accounts:{name}", args=args), data)
    assert "needs an administrator" in pages.assert_strict(response)
    assert role_of(alice, acme) == Role.ADMIN


def test_an_admin_may_go_when_another_one_is_there(acme, alice, mary):
    change_role(organization=acme, user=mary, role=Role.ADMIN, actor=alice)
    remove_member(organization=acme, user=alice, actor=alice)
    with pytest.raises(MembershipError):
        change_role(organization=acme, user=mary, role=Role.DEVELOPER, actor=mary)


def test_a_personal_space_keeps_its_one_member(alice, olga, client_of):
    space = alice.organizations.get(kind="personal")
    client = client_of(alice)
    for name, about in (("invite", []), ("leave", []), ("change_role", [alice]), ("remove_member", [alice])):
        path = reverse(f"accounts:{name}", args=[space.public_id, *(user.public_id for user in about)])
        pages.get(client, path, status=404)
        assert client.post(path, {"email": olga.email, "role": "developer"}).status_code == 404
    assert space.memberships.count() == 1
    with pytest.raises(MembershipError, match="A personal space has one member"):
        add_member(organization=space, email=olga.email, role=Role.ADMIN, actor=alice)
    with pytest.raises(MembershipError, match="A personal space has one member"):
        remove_member(organization=space, user=alice, actor=alice)


def test_many_members_come_in_pages(acme, alice, mary, dave, client_of, monkeypatch):
    monkeypatch.setattr("notifications_project.accounts.views_members.AT_ONCE", 2)
    path = reverse("accounts:members", args=[acme.public_id])
    first = client_of(alice).get(path)
    assert [m.user for m in first.context["memberships"]] == [alice, mary]
    second = client_of(alice).get(path, {"after": first.context["more"]})
    assert [m.user for m in second.context["memberships"]] == [dave]
    assert second.context["more"] is None


def test_a_refused_page_is_no_news_for_the_log(acme, dave, client_of, caplog):
    assert client_of(dave).get(reverse("accounts:invite", args=[acme.public_id])).status_code == 403
    assert caplog.records == []
