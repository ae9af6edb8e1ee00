"""The API manages an organization's invitations, and answers one's own."""

from __future__ import annotations

import pytest

from notifications_project.accounts.models import (
    Organization,
)
from tests.accounts.inviting import NEW, invite, is_member

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("a_mail_server")]


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
