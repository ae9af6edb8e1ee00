"""The API about users and organizations, and the bearer tokens that open it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from notifications_project.accounts import organizations
from notifications_project.accounts.models import ApiToken, User
from notifications_project.accounts.tokens import make_token

pytestmark = pytest.mark.django_db

ME, ALL = "/api/v1/me/", "/api/v1/organizations/"


def call(secret: str | bytes, path: str = ME):
    header = b"Bearer " + secret if isinstance(secret, bytes) else f"Bearer {secret}"
    return Client().get(path, HTTP_AUTHORIZATION=header if isinstance(header, str) else header.decode("latin-1"))


def test_me(alice, api):
    assert api(alice).get(ME).json() == {
        "id": alice.public_id,
        "email": "alice@people.example",
        "name": "Alice",
        "time_zone": "UTC",
        "language": None,
    }


def test_organizations_with_role_and_permissions(acme, dave, api):
    found = api(dave).get(ALL).json()
    assert found["next"] is None
    by_name = {each["name"]: each for each in found["results"]}
    assert set(by_name) == {"Acme", "Dave (personal)"}
    assert by_name["Acme"]["id"] == acme.public_id
    assert by_name["Acme"]["role"] == "developer"
    assert "manage_hooks" not in by_name["Acme"]["permissions"]
    assert "test_hooks" in by_name["Acme"]["permissions"]
    assert by_name["Dave (personal)"]["kind"] == "personal"


@pytest.mark.parametrize("person", ["alice", "mary", "dave", "anna"])
def test_every_member_reads_the_organization(request, acme, alice, mary, dave, anna, api, person):
    answer = api(request.getfixturevalue(person)).get(f"{ALL}{acme.public_id}/")
    assert answer.status_code == 200
    assert [(m["name"], m["role"]) for m in answer.json()["members"]] == [
        ("Alice", "admin"),
        ("Mary", "manager"),
        ("Dave", "developer"),
        ("Anna", "accounting"),
    ]


def test_an_outsider_gets_404_as_for_an_unknown_organization(acme, olga, api):
    mine = api(olga).get(f"{ALL}{acme.public_id}/")
    unknown = api(olga).get(f"{ALL}orga_00000000-0000-4000-8000-000000000000/")
    assert mine.status_code == unknown.status_code == 404
    assert mine.json() == unknown.json()


def test_a_token_for_one_organization_opens_no_other(acme, alice, api):
    second = organizations.create_organization(name="Second", admin=alice)
    limited = api(alice, second)
    assert limited.get(f"{ALL}{second.public_id}").status_code == 200
    assert limited.get(f"{ALL}{acme.public_id}").status_code == 404
    assert [each["name"] for each in limited.get(ALL).json()["results"]] == ["Second"]


def test_routes_match_without_their_slash(alice, api):
    assert api(alice).get("/api/v1/me").status_code == 200


@pytest.mark.parametrize(
    "secret", ["", "x", "nct_" + "0" * 64, "a b", b"\xff\xfe\xfa", "ü", pytest.param("x" * 5000, id="long")]
)
def test_a_token_that_is_none_gets_401(db, secret):
    answer = call(secret)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["errors"][0]["message"]


def test_without_a_token_401(client, alice):
    assert client.get(ME).status_code == 401
    client.force_login(alice)
    assert client.get(ME).status_code == 401  # a session opens pages, not the API


def test_the_token_of_an_inactive_user_gets_401(alice):
    _, secret = make_token(user=alice, name="script", organization=None, lasts=None)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert call(secret).status_code == 401


def test_expired_is_said_and_the_token_is_kept(alice):
    expired, secret = make_token(user=alice, name="old", organization=None, lasts=timedelta(seconds=-1))
    other, valid = make_token(user=alice, name="new", organization=None, lasts=timedelta(days=1))
    assert "The API token expired at" in call(secret).json()["errors"][0]["message"]
    assert call(valid).status_code == 200
    assert ApiToken.objects.filter(pk__in=[expired.pk, other.pk]).count() == 2


def test_use_is_noted_at_most_once_a_minute(alice, django_assert_num_queries):
    token, secret = make_token(user=alice, name="script", organization=None, lasts=None)
    call(secret)
    first = ApiToken.objects.get(pk=token.pk).last_used_at
    assert first
    with django_assert_num_queries(1):
        call(secret)
    assert ApiToken.objects.get(pk=token.pk).last_used_at == first
    ApiToken.objects.update(last_used_at=timezone.now() - timedelta(minutes=2))
    call(secret)
    assert ApiToken.objects.get(pk=token.pk).last_used_at >= first


def test_who_is_removed_loses_the_api_at_once(acme, alice, dave, api):
    program = api(dave)
    assert program.get(f"{ALL}{acme.public_id}/").status_code == 200
    organizations.remove_member(organization=acme, user=dave, actor=alice)
    assert program.get(f"{ALL}{acme.public_id}/").status_code == 404
