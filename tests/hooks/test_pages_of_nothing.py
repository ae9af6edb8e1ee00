"""Pages and resources that do not exist for what they are asked about answer 404, not an error."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from hooks.models import Endpoint, Hook
from notifications_project import ids
from notifications_project.accounts.models import Organization, User
from tests.conftest import Api
from tests.hooks.explained import DEFAULT, routed
from tests.hooks.pages import ClientOf, Record, Webhook

pytestmark = pytest.mark.django_db


def test_a_mail_hook_has_no_secret_to_show(
    acme: Organization, alice: User, record: Record, client_of: ClientOf
) -> None:
    routed(record, "stack.redeploy.ok")
    hook = Hook.objects.get(organization=acme, name=DEFAULT)
    page = f"/organizations/{acme.public_id}/hooks/{hook.public_id}/secret/"
    assert client_of(alice).get(page).status_code == 404


def test_a_format_that_is_no_longer_known_has_no_preview(
    acme: Organization, alice: User, webhook: Webhook, client_of: ClientOf
) -> None:
    hook = webhook()
    page = f"/organizations/{acme.public_id}/hooks/{hook.public_id}/preview/"
    assert client_of(alice).get(page).status_code == 200
    Endpoint.objects.filter(hook=hook).update(format="retired")
    assert client_of(alice).get(page).status_code == 404


@pytest.mark.parametrize("action", ["preview", "deliveries/redeliver"])
def test_there_is_no_channel_of_another_kind(action: str, alice: User, client_of: ClientOf) -> None:
    page = f"/account/notifications/channels/pager/{action}/"
    assert client_of(alice).post(page).status_code == 404


def test_an_event_of_nobody_is_not_explained(acme: Organization, alice: User, api: Callable[..., Api]) -> None:
    event = ids.encode("evt", uuid.uuid4())
    answer = api(alice).get(f"/api/v1/organizations/{acme.public_id}/events/{event}/explanation/")
    assert answer.status_code == 404
    assert "no such event" in answer.json()["errors"][0]["message"]
