"""Searching for a text that no database can store: pages ignore it, the API refuses it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from notifications_project.accounts.models import User
from tests.conftest import Api
from tests.hooks.explained import DEFAULT, routed
from tests.hooks.pages import ClientOf, Record, Webhook
from tests.hooks.people import application
from tests.pages import get

pytestmark = pytest.mark.django_db


@pytest.fixture
def explained(home: str, record: Record) -> str:
    return f"{home}/events/{routed(record, 'stack.redeploy.ok').public_id}"


def test_pages_search_without_a_nul(
    explained: str, home: str, alice: User, client_of: ClientOf, webhook: Webhook
) -> None:
    webhook(name="Receiver")
    application(alice.organizations.get(name="Acme"), "shop")
    client = client_of(alice)
    for page, search, found in (
        (f"{explained}/explain/", "default%00", DEFAULT),
        (f"{home}/notifications/emails/", "default%00", DEFAULT),
        (f"{home}/notifications/webhooks/", "%00Recei", "Receiver"),
        ("/account/notifications/choose/", "sh%00op", "shop"),
        (f"{home}/applications/", "sh%00op", "shop"),
    ):
        html = get(client, f"{page}?q={search}")
        assert found in html, page
        assert "\0" not in html, page


@pytest.mark.parametrize("page", ["events/?type=%00", "deliveries/?state=%00"])
def test_an_unknown_filter_is_said_to_be_unknown(page: str, home: str, alice: User, client_of: ClientOf) -> None:
    assert client_of(alice).get(f"{home}/{page}").status_code == 200


@pytest.mark.parametrize(
    "path", ["events/?type=%00", "events/?resource=%00", "deliveries/?state=%00", "hooks/?kind=%00"]
)
def test_the_api_refuses_a_nul_in_a_filter(path: str, home: str, alice: User, api: Callable[..., Api]) -> None:
    answer = api(alice).get(f"/api/v1{home}/{path}")
    assert answer.status_code == 422


def test_the_api_refuses_to_search_for_a_nul(explained: str, alice: User, api: Callable[..., Api]) -> None:
    answer = api(alice).get(f"/api/v1{explained}/explanation/?search=Al%00ice")
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"message": "Must not contain the character NUL.", "field": "search"}]
