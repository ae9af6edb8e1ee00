"""Making and renaming organizations; which one is current."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from notifications_project.accounts.models import AuditEntry, Organization
from tests import pages

pytestmark = pytest.mark.django_db


def test_anybody_signed_in_makes_an_organization_and_is_its_admin(dave, client_of):
    client = client_of(dave)
    response = client.post(reverse("accounts:add_organization"), {"name": "  Engines "}, follow=True)
    assert "Engines is there, and you are its admin" in pages.assert_strict(response)
    made = Organization.objects.get(name="Engines")
    assert [(m.user, m.role) for m in made.memberships.select_related("user")] == [(dave, "admin")]
    assert AuditEntry.objects.get(organization=made, action="organization.created").actor == dave


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\0b", "a\nb"])
def test_a_name_that_cannot_be_used_is_refused(alice, acme, client_of, name):
    client = client_of(alice)
    for path in (reverse("accounts:add_organization"), reverse("accounts:edit_organization", args=[acme.public_id])):
        response = client.post(path, {"name": name})
        assert response.status_code == 422
        pages.assert_strict(response)
    assert Organization.objects.filter(kind="team").get().name == "Acme"


def test_an_admin_renames_and_the_id_stays(alice, acme, client_of):
    client_of(alice).post(reverse("accounts:edit_organization", args=[acme.public_id]), {"name": "Apex"})
    acme.refresh_from_db()
    assert acme.name == "Apex"
    entry = AuditEntry.objects.filter(organization=acme).latest("pk")
    assert (entry.action, entry.target, entry.detail) == ("organization.renamed", "Acme", {"after": "Apex"})


def test_home_leads_to_the_organization_that_was_used_last(alice, acme, client_of):
    client = client_of(alice)
    space = alice.organizations.get(kind="personal")
    assert acme.public_id in client.get("/").url
    client.get(reverse("accounts:members", args=[space.public_id]))
    assert space.public_id in client.get("/").url
    assert space.public_id in client.get(reverse("accounts:organization", args=[space.public_id])).url


def test_the_shell_offers_the_organizations_of_the_user_only(alice, acme, olga, client_of):
    html = pages.get(client_of(olga), reverse("accounts:profile"))
    assert "Other" in html
    assert "Acme" not in html


def test_the_shell_costs_one_query(alice, acme, client_of, rf):
    from notifications_project.accounts.context import describe_shell

    request = rf.get("/")
    request.user, request.session = alice, {}
    with CaptureQueriesContext(
        connection,
    ) as queries:
        context = describe_shell(request)
        assert context["shell"]["organization"] == acme
        assert [each.name for each in context["shell"]["organizations"]] == ["Acme", "Alice (personal)"]
        assert context["may"]["manage_members"]
    assert len(queries) == 1
