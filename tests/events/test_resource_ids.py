"""An application's id opens no add-on, nor the other way round."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from events import resources
from events.intake import InvalidEvents, NewEvent, record
from events.models import Resource
from hooks.manage import rules
from hooks.models import Hook
from notifications_project.accounts.models import Organization, User
from tests.conftest import Api

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["application", "addon"])
def resource(acme: Organization, request: pytest.FixtureRequest) -> Resource:
    return resources.create(organization=acme, kind=request.param, name="shop", actor=None)


@pytest.fixture
def wrong(resource: Resource) -> str:
    """Return the resource's UUID with the prefix of the other kind."""
    return f"{'addon' if resource.kind == 'application' else 'app'}_{resource.pk}"


def test_pages_find_nothing_under_the_other_prefix(
    acme: Organization, alice: User, resource: Resource, wrong: str, client_of: Callable[[User], Client]
) -> None:
    client, home = client_of(alice), f"/organizations/{acme.public_id}"
    for page in ("rename/", "archive/"):
        assert client.get(f"{home}/applications/{resource.public_id}/{page}").status_code == 200
        assert client.get(f"{home}/applications/{wrong}/{page}").status_code == 404
    for change in ("rename/", "archive/", "restore/"):
        assert client.post(f"{home}/applications/{wrong}/{change}", {"name": "other"}).status_code == 404
    for query in ("applications/?after={}", "events/?resource={}"):
        assert client.get(f"{home}/{query.format(resource.public_id)}").status_code == 200
        assert client.get(f"{home}/{query.format(wrong)}").status_code == 404
    stands = Resource.objects.get()
    assert (stands.name, stands.archived_at) == ("shop", None)


def test_the_api_finds_nothing_under_the_other_prefix(
    acme: Organization, alice: User, resource: Resource, wrong: str, api: Callable[..., Api]
) -> None:
    client, home = api(alice), f"/api/v1/organizations/{acme.public_id}"
    assert client.get(f"{home}/resources/{resource.public_id}/").status_code == 200
    assert client.get(f"{home}/resources/{wrong}/").status_code == 404
    assert client.patch(f"{home}/resources/{wrong}/", {"name": "other"}).status_code == 404
    assert client.get(f"{home}/events/?resource={resource.public_id}").status_code == 200
    refused = client.get(f"{home}/events/?resource={wrong}")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "resource")
    hook = {"kind": "webhook", "name": "Receiver", "url": "http://127.0.0.1:9/"}
    for named in ([wrong], [resource.public_id, wrong]):
        refused = client.post(f"{home}/hooks/", hook | {"resources": named})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "resources")
    assert client.post(f"{home}/hooks/", hook | {"resources": [resource.public_id] * 2}).status_code == 201


def test_an_event_cannot_name_it_so(acme: Organization, wrong: str) -> None:
    with pytest.raises(InvalidEvents):
        record(acme, [NewEvent("job.fail", resource=wrong)])


def test_a_page_after_a_resource_of_another_organization_is_not_found(
    acme: Organization, alice: User, olga: User, client_of: Callable[[User], Client]
) -> None:
    theirs = resources.create(
        organization=Organization.objects.get(name="Other"), kind="addon", name="shop", actor=None
    )
    page = f"/organizations/{acme.public_id}/applications/?after={theirs.public_id}"
    assert client_of(alice).get(page).status_code == 404


def test_within_the_console_a_plain_id_will_do(acme: Organization, resource: Resource) -> None:
    hook, _ = rules.create_webhook(
        organization=acme,
        actor=None,
        spec=rules.WebhookSpec.of(name="Receiver", url="http://127.0.0.1:9/", resources=[resource.pk]),
    )
    assert list(Hook.objects.get(pk=hook.pk).resources.all()) == [resource]
