"""The forecast of a choice: how many of the last seven days' events it would have sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events import intake
from events.models import Event, Resource
from hooks.channels import services
from hooks.manage import rules
from hooks.manage.rules import Notify
from hooks.models import Hook
from hooks.preferences import last_days, notification_settings
from hooks.preferences.effective import EffectiveSettings
from hooks.preferences.notification_settings import EVERYTHING, Choice, Scope
from hooks.views.preferences.words import describe_would_have
from notifications_project.accounts import organizations
from notifications_project.accounts.models import Membership, Organization, User
from tests.hooks.pages import ClientOf, Record
from tests.pages import get

PAGE = "/account/notifications/"
DOWN, REDEPLOYED, PUSHED = "process.down", "stack.redeploy.ok", "git.push"


@pytest.fixture
def shop(acme: Organization) -> Resource:
    return Resource.objects.create(organization=acme, kind="application", name="shop")


def standing(user: User) -> EffectiveSettings:
    return EffectiveSettings.read(user, list(Membership.objects.filter(user=user).select_related("organization")))


def counted(user: User, scope: Scope = EVERYTHING) -> dict[str, int]:
    return dict(last_days.count(standing(user), scope, timezone.now()).by_channel)


def listed(user: User, scope: Scope = EVERYTHING, size: int = 50) -> list[tuple[str, list[str]]]:
    """Return every event in the forecast, over all pages, with its channels."""
    found: list[tuple[str, list[str]]] = []
    before: UUID | None = None
    while True:
        rows, before = last_days.page(standing(user), scope, timezone.now(), before, size)
        found += [(each.event.type, each.channels) for each in rows]
        if before is None:
            return found


def test_defaults_hooks_and_choices_decide(dave: User, record: Record, shop: Resource) -> None:
    for each in (DOWN, DOWN, REDEPLOYED, PUSHED, "stack.deploy.started"):
        record(each, shop)
    assert counted(dave) == {"email": 3}
    services.set_up(dave, "webhook", url="http://127.0.0.1:9/in", options={})
    notification_settings.choose(dave, [Choice(DOWN, "email", False), Choice(PUSHED, "webhook", True)])
    assert counted(dave) == {"email": 1, "webhook": 1}
    assert listed(dave) == [(PUSHED, ["webhook"]), (REDEPLOYED, ["email"])]
    for hook in Hook.objects.existing():
        rules.delete_hook(hook, None)
    assert counted(dave) == {"webhook": 1}


def test_one_application_may_have_rules_of_its_own(
    dave: User, acme: Organization, record: Record, shop: Resource
) -> None:
    blog = Resource.objects.create(organization=acme, kind="application", name="blog")
    for resource in (shop, blog, None):
        record(DOWN, resource)
        record(PUSHED, resource)
    rules.create_email_hook(
        organization=acme, actor=None, name="Some", notify=Notify(members=True), events=[PUSHED], resources=[blog.pk]
    )
    notification_settings.choose(dave, [Choice(DOWN, "email", False)], Scope(resource=shop))
    assert counted(dave) == {"email": 3}  # down of blog and of nothing, pushed to blog
    assert sorted(name for name, _ in listed(dave)) == [PUSHED, DOWN, DOWN]
    assert counted(dave, Scope(resource=shop)) == {}
    assert counted(dave, Scope(resource=blog)) == {"email": 2}
    assert counted(dave, Scope(organization=acme)) == {"email": 3}


def test_other_peoples_and_old_events_and_tests_do_not_count(
    dave: User, acme: Organization, olga: User, record: Record
) -> None:
    theirs = Organization.objects.get(name="Other")
    intake.record(theirs, [intake.NewEvent(type=DOWN, data={})])
    intake.record(acme, [intake.NewEvent(type=DOWN, data={}, is_test=True)])
    old = timezone.now() - timedelta(days=last_days.DAYS, hours=1)
    made = UUID(int=(int(old.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62) | 5)
    Event.objects.create(id=made, organization=acme, type=DOWN, representation="{}", occurred_at=old)
    assert counted(dave) == {}
    assert listed(dave) == []
    record(DOWN)
    assert counted(dave) == {"email": 1}


def test_pages_go_on_without_a_gap_over_organizations(dave: User, acme: Organization) -> None:
    second = organizations.create_organization(name="Second", admin=dave)
    for each in range(12):
        owner = (acme, second)[each % 3 == 0]
        intake.record(owner, [intake.NewEvent(type=DOWN if each % 4 else PUSHED, data={})])
    assert len(listed(dave, size=2)) == 9
    assert listed(dave, size=2) == listed(dave)


def test_where_too_much_happened_the_numbers_are_said_to_be_larger(
    dave: User, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(last_days, "MOST", 2)
    for _ in range(5):
        record(DOWN)
    told = last_days.count(standing(dave), EVERYTHING, timezone.now())
    assert describe_would_have(told).text == "In the last 7 days this would have sent you at least 3 e-mails."


@pytest.mark.parametrize("what", ["count", "page"])
def test_the_number_of_queries_depends_on_nothing(dave: User, record: Record, what: str) -> None:
    def queries() -> int:
        known = standing(dave)
        with CaptureQueriesContext(connection) as captured:
            getattr(last_days, what)(known, EVERYTHING, timezone.now())
        return len(captured)

    record(DOWN)
    few = queries()
    for each in range(12):
        owner = organizations.create_organization(name=f"Team {each}", admin=dave)
        resource = Resource.objects.create(organization=owner, kind="application", name="shop")
        intake.record(owner, [intake.NewEvent(type=DOWN, data={}, resource=resource) for _ in range(3)])
        notification_settings.choose(dave, [Choice(PUSHED, "email", True)], Scope(resource=resource))
    assert queries() == few


def test_the_page_says_and_lists_it(dave: User, client_of: ClientOf, record: Record, shop: Resource) -> None:
    client: Client = client_of(dave)
    assert "In the last 7 days nothing happened." in get(client, PAGE)
    assert "Nothing would have been sent" in get(client, f"{PAGE}last-days/")
    record(PUSHED, shop)
    assert "In the last 7 days this would have sent you nothing." in get(client, PAGE)
    event = record(DOWN, shop)
    html = get(client, PAGE)
    assert "In the last 7 days this would have sent you 1 e-mail." in html
    assert f"{PAGE}last-days/" in html
    html = get(client, f"{PAGE}last-days/?scope={shop.public_id}")
    assert f"/events/{event.public_id}" in html
    assert "These events of shop would have reached you" in html
    get(client, f"{PAGE}last-days/?before=evt_1", 404)
    assert "No older events" in get(client, f"{PAGE}last-days/?before={event.public_id}")


def test_the_list_is_paged(dave: User, acme: Organization, client_of: Callable[[User], Client], record: Record) -> None:
    intake.record(acme, [intake.NewEvent(type=DOWN, data={}) for _ in range(60)])
    html = get(client_of(dave), f"{PAGE}last-days/")
    assert html.count('class="row delivery') == 50
    following = html[html.index("?before=") :].partition('"')[0]
    assert get(client_of(dave), f"{PAGE}last-days/{following}").count('class="row delivery') == 10
