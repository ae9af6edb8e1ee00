"""API tokens on their page are made and shown once, expire, and are revoked."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.urls import reverse
from django.utils import timezone

from notifications_project import one_time_secrets
from notifications_project.accounts.models import ApiToken, AuditEntry
from notifications_project.accounts.tokens import make_token
from tests import pages

pytestmark = pytest.mark.django_db

LIST, ADD = "accounts:tokens", "accounts:add_token"


def make(client, **fields):
    return client.post(reverse(ADD), {"name": "deploy script", "organization": "all", "lifetime": "30", **fields})


def test_a_new_token_is_shown_once_and_works(alice, acme, client_of, client):
    browser = client_of(alice)
    made = make(browser, organization=acme.public_id)
    assert made.status_code == 302
    sessions = str([session.get_decoded() for session in Session.objects.all()])
    assert "shown_once" in sessions
    response = browser.get(made.headers["Location"])
    html = pages.assert_strict(response)
    [secret] = set(re.findall(r"nct_[0-9a-f]{64}", html))
    assert secret not in made.headers["Location"] + sessions
    assert "no-store" in response.headers["Cache-Control"]
    again = pages.get(browser, made.headers["Location"])
    assert secret not in again
    assert "was shown once" in again
    assert ApiToken.objects.filter(user=alice).count() == 1
    assert client.get("/api/v1/me/", headers={"authorization": f"Bearer {secret}"}).status_code == 200
    assert secret not in pages.get(browser, reverse(LIST))
    assert secret not in str([session.get_decoded() for session in Session.objects.all()])
    assert secret not in str(list(ApiToken.objects.values()))
    assert secret not in str(list(AuditEntry.objects.values()))


def test_a_token_is_shown_to_who_made_it_and_only_soon(alice, mary, acme, client_of):
    browser = client_of(alice)
    page = make(browser).headers["Location"]
    pages.get(client_of(mary), page, status=404)
    with time_machine.travel(timezone.now() + timedelta(seconds=one_time_secrets.LASTS + 1)):
        assert not re.search(r"nct_[0-9a-f]{64}", pages.get(browser, page))


@pytest.mark.parametrize(("chosen", "days"), [("30", 30), ("90", 90), ("365", 365), ("never", None)])
def test_the_expiry_is_as_chosen(alice, client_of, chosen, days):
    make(client_of(alice), lifetime=chosen)
    expiry = ApiToken.objects.get(user=alice).expiry
    if days is None:
        assert expiry is None
    else:
        assert abs(expiry - timezone.now() - timedelta(days=days)) < timedelta(minutes=1)


def test_a_token_cannot_be_made_for_an_organization_of_others(alice, olga, client_of):
    other = olga.organizations.get(name="Other")
    response = make(client_of(alice), organization=other.public_id)
    assert response.status_code == 422
    assert not ApiToken.objects.filter(user=alice).exists()


def test_two_tokens_do_not_share_a_name_unless_the_first_expired(alice, client_of):
    browser = client_of(alice)
    make(browser)
    assert "You have a token of this name" in pages.assert_strict(make(browser))
    ApiToken.objects.update(expiry=timezone.now() - timedelta(days=1))
    make(browser)
    assert ApiToken.objects.filter(user=alice).count() == 2


def test_an_expired_token_is_refused_and_its_page_says_so(alice, client_of, client):
    token, secret = make_token(user=alice, name="old", organization=None, lasts=timedelta(seconds=-1))
    response = client.get("/api/v1/me/", headers={"authorization": f"Bearer {secret}"})
    assert response.status_code == 401
    assert "expired" in response.json()["errors"][0]["message"]
    assert "Expired" in pages.get(client_of(alice), reverse(LIST))
    assert ApiToken.objects.filter(pk=token.pk).exists()


def test_revoking_asks_first_and_ends_the_token_at_once(alice, acme, client_of, client):
    token, secret = make_token(user=alice, name="nightly", organization=acme, lasts=None)
    browser, path = client_of(alice), reverse("accounts:revoke_token", args=[token.token_key])
    assert "Revoke nightly?" in pages.get(browser, path)
    assert client.get("/api/v1/me/", headers={"authorization": f"Bearer {secret}"}).status_code == 200
    assert browser.post(path).url == reverse(LIST)
    assert client.get("/api/v1/me/", headers={"authorization": f"Bearer {secret}"}).status_code == 401
    made = AuditEntry.objects.filter(organization=acme, target="nightly").order_by("pk")
    assert [entry.action for entry in made] == ["token.created", "token.revoked"]


def test_nobody_sees_or_revokes_the_token_of_another(alice, olga, client_of):
    token, _ = make_token(user=alice, name="nightly", organization=None, lasts=None)
    browser = client_of(olga)
    assert "nightly" not in pages.get(browser, reverse(LIST))
    assert browser.post(reverse("accounts:revoke_token", args=[token.token_key])).status_code == 404
    assert ApiToken.objects.filter(pk=token.pk).exists()


def test_a_token_for_everything_is_audited_in_the_personal_space(alice, acme):
    make_token(user=alice, name="all", organization=None, lasts=None)
    assert not AuditEntry.objects.filter(organization=acme, action="token.created").exists()
    assert AuditEntry.objects.filter(organization_id=alice.pk, action="token.created").exists()


def test_without_tokens_the_page_says_what_to_do(alice, client_of):
    assert "No tokens yet" in pages.get(client_of(alice), reverse(LIST))
