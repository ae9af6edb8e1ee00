"""The caller's own notification settings by API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from events import catalogue
from events.models import Resource
from hooks.channels import services
from hooks.models import NotificationSetting, Urgent
from hooks.preferences import notification_settings
from hooks.preferences.notification_settings import Choice, Scope
from notifications_project.accounts.models import AuditEntry, Organization, User
from tests.conftest import Api

pytestmark = pytest.mark.django_db
Client = Callable[..., Api]
SETTINGS = "/api/v1/me/notification-settings/"


def cell(document: dict[str, Any], event_type: str, channel: str = "email") -> dict[str, Any]:
    row = next(each for each in document["settings"] if each["event_type"] == event_type)
    return dict(row["channels"][channel])


def setting(event_type: str, enabled: bool | None, channel: str = "email") -> dict[str, Any]:
    return {"event_type": event_type, "channel": channel, "enabled": enabled}


@pytest.fixture
def shop(acme: Organization) -> Resource:
    return Resource.objects.create(organization=acme, kind="application", name="shop")


# --- Reading -------------------------------------------------------------------------------------------------
def test_all_of_it_says_what_is_chosen_what_holds_and_why(alice: User, acme: Organization, api: Client) -> None:
    notification_settings.choose(alice, [Choice("job.fail", "email", False)])
    document = api(alice).get(SETTINGS).json()
    assert [each["event_type"] for each in document["settings"]] == notification_settings.list_offered()
    assert cell(document, "process.down") == {
        "enabled": None, "state": "on", "why": "On by default", "differs": "", "usable": True
    }  # fmt: skip
    assert cell(document, "job.fail")["enabled"] is False
    assert cell(document, "job.fail")["state"] == "off"
    assert "Follows the e-mail hooks of your organizations" in cell(document, "stack.redeploy.ok")["why"]
    assert cell(document, "process.down", "webhook")["usable"] is False
    assert document["scope"] == "everything"
    assert document["urgent"]["process.down"] is False
    assert "git.push" not in document["urgent"]


def test_a_narrower_scope_shows_what_is_chosen_there(
    alice: User, acme: Organization, shop: Resource, api: Client
) -> None:
    notification_settings.choose(alice, [Choice("job.fail", "email", False)], Scope(organization=acme))
    of_acme = api(alice).get(SETTINGS, {"scope": acme.public_id}).json()
    of_shop = api(alice).get(SETTINGS, {"scope": shop.public_id}).json()
    assert (cell(of_acme, "job.fail")["enabled"], cell(of_shop, "job.fail")["enabled"]) == (False, None)
    assert cell(of_shop, "job.fail")["state"] == "off"
    assert "Acme" in cell(api(alice).get(SETTINGS).json(), "job.fail")["differs"]


@pytest.mark.parametrize("scope", ["", "all", "orga_x", "orga_5f0c1f9a-0000-4000-8000-000000000000"])
def test_a_scope_that_is_none_of_ones_own_is_refused(scope: str, alice: User, api: Client) -> None:
    for answer in (api(alice).get(SETTINGS, {"scope": scope}), api(alice).patch(SETTINGS, {"scope": scope})):
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "scope"


def test_other_peoples_organizations_are_no_scope(acme: Organization, shop: Resource, olga: User, api: Client) -> None:
    for scope in (acme.public_id, shop.public_id):
        assert api(olga).get(SETTINGS, {"scope": scope}).status_code == 422


def test_reading_takes_as_many_queries_for_many_organizations(
    alice: User, acme: Organization, api: Client, django_assert_max_num_queries: Any
) -> None:
    from notifications_project.accounts import organizations

    for number in range(10):
        organizations.create_organization(name=f"Number {number}", admin=alice)
    client = api(alice)
    with django_assert_max_num_queries(20):
        client.get(SETTINGS)


# --- Changing ------------------------------------------------------------------------------------------------
def test_some_are_changed_and_the_answer_undoes_it(alice: User, api: Client) -> None:
    before = {(each.event_type, each.channel): each.enabled for each in NotificationSetting.objects.all()}
    sent = {
        "settings": [setting("job.fail", False), setting("git.push", True)],
        "urgent": {"process.down": True, "job.fail": False},
    }
    answer = api(alice).patch(SETTINGS, sent)
    assert answer.status_code == 200
    assert answer.json() == {
        "scope": "everything",
        "settings": [setting("job.fail", None), setting("git.push", None)],
        "urgent": {"process.down": False},
    }
    assert cell(api(alice).get(SETTINGS).json(), "git.push")["state"] == "on"
    assert Urgent.objects.get().event_type == "process.down"
    assert api(alice).patch(SETTINGS, answer.json()).status_code == 200
    assert {(each.event_type, each.channel): each.enabled for each in NotificationSetting.objects.all()} == before
    assert not Urgent.objects.exists()


def test_a_change_of_one_application_leaves_the_rest(
    alice: User, acme: Organization, shop: Resource, api: Client
) -> None:
    answer = api(alice).patch(SETTINGS, {"scope": shop.public_id, "settings": [setting("job.fail", False)]})
    assert answer.json()["scope"] == shop.public_id
    assert NotificationSetting.objects.get().resource == shop


def test_a_change_is_written_down_in_the_audit_log(alice: User, api: Client) -> None:
    api(alice).patch(SETTINGS, {"settings": [setting("job.fail", False)]})
    entry = AuditEntry.objects.get(action="notification_settings.changed")
    assert (entry.organization_id, entry.actor) == (alice.pk, alice)


def test_what_is_wrong_is_named_by_place_and_field_and_nothing_is_changed(alice: User, api: Client) -> None:
    sent = [setting("job.fail", False), setting("no.such", True), setting("job.fail", True, "pigeon"),
            setting("job.fail", True, "hipchat"), setting("account.digest", True)]  # fmt: skip
    answer = api(alice).patch(SETTINGS, {"settings": sent, "urgent": {"job.fail": True}})
    assert answer.status_code == 422
    found = [(each["index"], each["field"]) for each in answer.json()["errors"]]
    assert found == [(1, "event_type"), (2, "channel"), (3, "channel"), (4, "event_type")]
    assert answer.json()["errors"][2]["message"] == "HipChat is not set up."
    assert not NotificationSetting.objects.exists()
    assert not Urgent.objects.exists()


@pytest.mark.parametrize(
    ("sent", "field", "index"),
    [
        ({"settings": "all"}, "settings", None),
        ({"settings": [{"event_type": "job.fail", "channel": "email"}]}, "enabled", 0),
        ({"settings": [{**setting("job.fail", True), "enabled": "yes"}]}, "enabled", 0),
        ({"settings": [{**setting("job.fail", True), "channel": 7}]}, "channel", 0),
        ({"settings": [{**setting("job.fail", True), "why": ""}]}, "why", 0),
        ({"settings": [setting("job.fail", True)] * 1001}, "settings", None),
        ({"urgent": {"git.push": True}}, "urgent.git.push", None),
        ({"urgent": {"job.fail": "yes"}}, "urgent.job.fail", None),
        ({"setting": []}, "setting", None),
    ],
)
def test_what_is_misshapen_is_refused(
    sent: dict[str, Any], field: str, index: int | None, alice: User, api: Client
) -> None:
    answer = api(alice).patch(SETTINGS, sent)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert answer.json()["errors"][0].get("index") == index


def test_turning_a_channel_on_needs_it_to_be_set_up(alice: User, api: Client) -> None:
    services.set_up(alice, "webhook", url="http://127.0.0.1:9/", options={})
    wanted = [setting(each.name, True, "webhook") for each in catalogue.OFFERED]
    assert api(alice).patch(SETTINGS, {"settings": wanted}).status_code == 200
    assert NotificationSetting.objects.filter(channel="webhook", enabled=True).count() == len(catalogue.OFFERED)


def test_a_token_that_opens_one_organization_does_not_open_them(alice: User, acme: Organization, api: Client) -> None:
    assert api(alice, acme).get(SETTINGS).status_code == 403
    assert api(alice, acme).patch(SETTINGS, {}).status_code == 403
    assert api(alice, Organization.objects.get(pk=alice.pk)).get(SETTINGS).status_code == 200
