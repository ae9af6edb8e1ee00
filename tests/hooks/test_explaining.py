"""Why: every hook and every member, told or not told, with the reason; what happened, and what would happen now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from events.models import Event
from hooks import channels, explaining, matching, rules, trial, unsubscribing
from hooks.explaining import Explanation
from hooks.explaining_hooks import explain_hooks
from hooks.models import Delivery, Endpoint, Hook
from hooks.notification_settings import Scope
from hooks.views import explain
from notifications_project.accounts.models import Membership, Organization, User
from notifications_project.accounts.roles import Role
from tests.conftest import Api, member
from tests.hooks.pages import ClientOf, Record, Webhook
from tests.hooks.people import application, members, turn, with_hipchat, with_webhook
from tests.pages import get

pytestmark = pytest.mark.django_db
DEFAULT = "Default deployment result e-mails"


def explanation(event: Event, *users: User, viewer: User | None = None) -> Explanation:
    """Of an event as it is stored, for these members."""
    loaded = matching.with_about(Event.objects.select_related("organization", "resource")).get(pk=event.pk)
    memberships = Membership.objects.filter(organization=loaded.organization, user__in=users).select_related("user")
    return Explanation(loaded, list(memberships), viewer=viewer.pk if viewer else None)


def said(event: Event, user: User, channel: str = "email", viewer: User | None = None) -> tuple[str, str, str]:
    """State, sentence and what holds since then, of a member by a channel."""
    [row] = explanation(event, user, viewer=viewer).members()
    [found] = [each for each in row.verdicts if each.channel == channel]
    return str(found.state), found.why, found.since


def of_hook(event: Event, name: str) -> tuple[str, str, str]:
    [found] = [row.verdict for row in explain_hooks(explanation(event)) if row.name == name]
    return str(found.state), found.why, found.since


def routed(record: Record, *args: Any, **data: Any) -> Event:
    event: Event = record(*args, **data)
    matching.route()
    return event


def deliver(event: Event, **fields: Any) -> None:
    """As if the workers had been at it."""
    Delivery.objects.filter(event=event).update(state="delivered", tries=1, due_at=None, **fields)


# --- Members -------------------------------------------------------------------------------------------------
def test_told_by_a_hook(record: Record, alice: User) -> None:
    event = routed(record, "stack.redeploy.ok")
    deliver(event)
    assert said(event, alice) == ("told", f"The hook “{DEFAULT}” asks for it.", "")


def test_told_by_default(record: Record, alice: User) -> None:
    event = routed(record, "server.stopped")
    assert said(event, alice)[:2] == (
        "waiting",
        "Members get such e-mails by default. To be sent now, attempt 1 of 10.",
    )


def test_told_by_hipchat_because_of_the_members_own_setting(record: Record, alice: User, acme: Organization) -> None:
    with_hipchat(alice)
    turn(alice, "git.push", "hipchat", True)
    everything = routed(record, "git.push")
    turn(alice, "git.push", "hipchat", True, Scope(organization=acme))
    here = routed(record, "git.push")
    turn(alice, "git.push", "hipchat", True, Scope(resource=(shop := application(acme, "shop"))))
    narrow = routed(record, "git.push", shop)
    for event, scope in ((everything, "everything"), (here, "Acme"), (narrow, "shop")):
        deliver(event)
        state, why, _ = said(event, alice, "hipchat")
        assert (state, why) == ("told", f"The member’s own setting for {scope} asks for it.")


def test_not_told_as_the_member_turned_it_off(record: Record, alice: User, acme: Organization) -> None:
    shop = application(acme, "shop")
    turn(alice, "stack.redeploy.ok", "email", False, Scope(resource=shop))
    event = routed(record, "stack.redeploy.ok", shop)
    assert said(event, alice) == ("not_told", "Turned off by the member for shop.", "")
    assert said(routed(record, "stack.redeploy.ok"), alice)[0] == "waiting"


def test_not_told_as_the_hook_is_restricted(
    record: Record, acme: Organization, alice: User, no_default_mail: None
) -> None:
    shop, blog = application(acme, "shop"), application(acme, "blog")
    everybody = rules.Notify(members=True)
    rules.create_email_hook(organization=acme, actor=None, name="Deployments", notify=everybody, resources=[shop.pk])
    event = routed(record, "stack.redeploy.ok", blog)
    assert said(event, alice) == ("not_told", "The hook “Deployments” is restricted to shop.", "")
    told = "It is restricted to shop, and this is about blog."
    assert of_hook(event, "Deployments") == ("not_told", told, "")


def test_not_told_by_default(record: Record, alice: User, dave: User, no_default_mail: None) -> None:
    assert "follow the e-mail hooks" in said(routed(record, "stack.redeploy.ok"), alice)[1]
    assert "off by default" in said(routed(record, "stack.deploy.started"), alice)[1]
    assert "only admins and managers" in said(routed(record, "hook.failing"), dave)[1]


def test_snoozed(record: Record, alice: User) -> None:
    channels.silence(alice, ["email"], snooze=(timezone.now() + timedelta(hours=2),))
    event = routed(record, "server.backon")
    state, why, _ = said(event, alice)
    until = Delivery.objects.get(event=event).quiet_until
    assert until is not None
    assert state == "waiting"
    assert f"{until:%H:%M}." in why
    assert "Waits: e-mail is snoozed until" in why


def test_unsubscribed(record: Record, alice: User, acme: Organization) -> None:
    routed(record, "stack.redeploy.ok")
    hook = Hook.objects.existing().get(organization=acme)
    unsubscribing.unsubscribe(Endpoint.objects.get(organization=acme, address=alice.email), [hook.pk], alice)
    event = routed(record, "stack.redeploy.fail")
    assert said(event, alice) == ("not_told", f"Unsubscribed from the hook “{DEFAULT}”.", "")


def test_a_stopped_address_waits(record: Record, alice: User) -> None:
    routed(record, "server.stopped")
    Endpoint.objects.filter(address=alice.email).update(disabled_at=timezone.now())
    assert "the mail server refused the address" in said(routed(record, "server.stopped"), alice)[1]


def test_an_address_that_has_not_confirmed_yet(record: Record, acme: Organization, settings: LazySettings) -> None:
    settings.EMAIL_CONFIRM_ADDRESSES = True
    notify = rules.Notify(addresses=["ops@elsewhere.example"])
    rules.create_email_hook(organization=acme, actor=None, name="Ops", notify=notify, events=["git.push"])
    [row] = explanation(routed(record, "git.push")).addresses()
    assert row.person.address == "ops@elsewhere.example"
    assert not row.told
    assert row.verdicts[0].why == "The address has not confirmed yet that it wants to be told."


def test_a_typed_address_of_a_member_is_explained_as_that_member(
    record: Record, acme: Organization, dave: User
) -> None:
    notify = rules.Notify(addresses=[dave.email.upper()])
    rules.create_email_hook(organization=acme, actor=None, name="Typed", notify=notify, events=["git.push"])
    event = routed(record, "git.push")
    assert explanation(event).addresses() == []
    assert said(event, dave)[0] == "waiting"
    turn(dave, "git.push", "email", False)
    assert said(routed(record, "git.push"), dave)[1] == "Turned off by the member for everything."


def test_a_deactivated_account(record: Record, dave: User) -> None:
    User.objects.filter(pk=dave.pk).update(is_active=False)
    assert said(routed(record, "server.stopped"), dave)[1] == "The account is deactivated."


def test_a_type_that_left_the_catalogue(record: Record, alice: User, webhook: Webhook) -> None:
    webhook()
    event = record("git.push")
    Event.objects.filter(pk=event.pk).update(type="retired.type")
    matching.route()
    assert "nothing asks for an unknown type" in said(event, alice)[1]
    assert "nothing asks for an unknown type" in of_hook(event, "Receiver")[1]


def test_a_test_goes_only_to_what_is_tested(acme: Organization, alice: User, dave: User, webhook: Webhook) -> None:
    event = trial.send_test(webhook(), "git.push", alice).event
    assert said(event, dave) == ("not_told", "A test goes only to what is tested.", "")
    assert of_hook(event, "Receiver")[0] == "waiting"
    assert of_hook(event, DEFAULT) == ("not_told", "A test goes only to what is tested.", "")
    mailed = trial.send_test(Hook.objects.get(organization=acme, name=DEFAULT), "stack.redeploy.ok", alice).event
    state, why, since = said(mailed, alice)
    assert (state, since) == ("waiting", "")
    assert why.startswith("A test goes only to what is tested: Alice pressed Test.")


def test_before_it_is_decided_the_rules_say_what_will_be(record: Record, alice: User, webhook: Webhook) -> None:
    webhook(paused=True)
    event = record("server.stopped")
    assert said(event, alice) == ("due", "Members get such e-mails by default.", "")
    assert of_hook(event, "Receiver") == ("due", "It asks for this. Waits: it is paused.", "")
    assert not Delivery.objects.exists()


# --- What happened, and what would happen now ----------------------------------------------------------------
def test_told_then_and_turned_off_since(record: Record, alice: User) -> None:
    event = routed(record, "server.stopped")
    deliver(event)
    turn(alice, "server.stopped", "email", False)
    state, why, since = said(event, alice)
    assert (state, why) == ("told", "Members get such e-mails by default.")
    assert since == "Since then: would not be told: turned off by the member for everything."


def test_told_then_by_default_and_now_by_choice(record: Record, alice: User) -> None:
    event = routed(record, "server.stopped")
    turn(alice, "server.stopped", "email", True)
    since = said(event, alice)[2]
    assert since == "Since then: would be told because the member’s own setting for everything asks for it."


def test_a_hook_that_was_renamed_is_the_same(record: Record, acme: Organization, alice: User) -> None:
    event = routed(record, "stack.redeploy.ok")
    rules.update_hook(Hook.objects.existing().get(organization=acme), None, name="Results")
    assert said(event, alice)[2] == ""


def test_not_told_then_and_turned_on_since(record: Record, alice: User) -> None:
    event = routed(record, "git.push")
    turn(alice, "git.push", "email", True)
    state, why, since = said(event, alice)
    assert (state, why) == ("not_told", "Nothing asked for it when it was recorded.")
    assert since.startswith("Since then: would be told, because the member’s own setting")


def test_who_joined_later(record: Record, acme: Organization) -> None:
    event = routed(record, "server.stopped")
    late = member(acme, "Late", Role.DEVELOPER)
    assert said(event, late)[:2] == ("not_told", "They joined later.")


def test_a_hook_that_was_changed_disabled_added_or_deleted_since(
    record: Record, acme: Organization, webhook: Webhook
) -> None:
    changed, disabled, deleted = webhook(name="Changed"), webhook(name="Disabled"), webhook(name="Deleted")
    event = routed(record, "git.push")
    deliver(event)
    rules.update_hook(changed, None, events=["addon.created"])
    rules.update_hook(disabled, None, enabled=False)
    rules.delete_hook(deleted, None)
    webhook(name="Added")
    told = "It asked for this."
    since = "Since then: would not be told: it asks for other events: Add-on created."
    assert of_hook(event, "Changed") == ("told", told, since)
    assert "it is disabled" in of_hook(event, "Disabled")[2]
    assert of_hook(event, "Deleted")[1:] == ("It asked for this. 1 message delivered.", "Since then: it was deleted.")
    assert of_hook(event, "Added")[:2] == ("not_told", "It was added later.")
    later = routed(record, "git.push")
    assert of_hook(later, "Changed")[:2] == ("not_told", "It asks for other events: Add-on created.")
    assert of_hook(later, "Disabled")[:2] == (
        "not_told",
        "It is disabled, and matches nothing until it is enabled.",
    )


def test_an_email_hook_says_how_many_it_told(record: Record, acme: Organization, alice: User, dave: User) -> None:
    event = routed(record, "stack.redeploy.ok")
    Delivery.objects.filter(event=event, endpoint__address=dave.email).update(state="delivered", due_at=None)
    assert of_hook(event, DEFAULT)[:2] == ("told", "It asks for this. 2 e-mails: 1 delivered and 1 waiting.")


def test_news_about_a_hook_never_go_to_it(record: Record, webhook: Webhook) -> None:
    failing = webhook(name="Failing")
    event = routed(record, "hook.failing", hook={"id": failing.public_id, "name": "Failing"})
    assert of_hook(event, "Failing")[1] == "News about a hook never go to that hook."


def test_every_rule_that_asks_is_named(record: Record, acme: Organization, alice: User) -> None:
    rules.create_email_hook(organization=acme, actor=None, name="Ops", notify=rules.Notify(roles=["admin"]))
    turn(alice, "stack.redeploy.ok", "email", True)
    event = routed(record, "stack.redeploy.ok")
    deliver(event)
    rule = "The hooks “Default deployment result e-mails” and “Ops” ask for it"
    assert said(event, alice)[1] == f"{rule}, and the member’s own setting for everything asks for it."


# --- What others may see -------------------------------------------------------------------------------------
def test_others_see_that_a_member_was_told_and_by_what_and_never_where(
    record: Record, alice: User, dave: User, client_of: ClientOf, home: str, api: Callable[..., Api]
) -> None:
    with_hipchat(dave, "https://chat.example/", room="Secret room")
    with_webhook(dave, "https://hooks.example/in?token=t0p")
    turn(dave, "git.push", "hipchat", True)
    event = routed(record, "git.push")
    Delivery.objects.filter(event=event).update(state="failed", due_at=None, outcome="404 Room 'Secret room' not found")
    state, why, _ = said(event, dave, "hipchat", viewer=alice)
    assert (state, why) == ("failed", "The member’s own setting for everything asks for it. It failed.")
    [row] = explanation(event, dave, viewer=alice).members()
    assert [each.channel for each in row.verdicts] == ["email", "hipchat"], "nothing of the webhook, which was not told"
    assert all(each.delivery is None for each in row.verdicts)
    html = get(client_of(alice), f"{home}/events/{event.public_id}/explain/")
    sent = api(alice).get(f"/api/v1{home}/events/{event.public_id}/explanation/").content.decode()
    for secret in ("Secret room", "chat.example", "hooks.example", "t0p"):
        assert secret not in html
        assert secret not in sent
    assert "Secret room" in said(event, dave, "hipchat", viewer=dave)[1], "their own, they may read"


def test_oneself_sees_every_channel(record: Record, dave: User, settings: LazySettings) -> None:
    event = routed(record, "git.push")
    [row] = explanation(event, dave, viewer=dave).members()
    assert [(each.channel, each.why) for each in row.verdicts[1:]] == [
        ("ios", "Pushes to iPhones and iPads are not configured here."),
        ("hipchat", "HipChat is not set up."),
        ("webhook", "The webhook is not set up."),
    ]
    with_webhook(dave)
    assert said(event, dave, "webhook", viewer=dave)[1] == "Not turned on for this."
    turn(dave, "git.push", "webhook", True)
    channels.remove(channels.own(dave)["webhook"])
    later = routed(record, "git.push")
    assert said(later, dave, "webhook", viewer=dave)[1] == "The webhook is turned on, but not set up."


# --- The page ------------------------------------------------------------------------------------------------
@pytest.fixture
def page(home: str, record: Record) -> str:
    return f"{home}/events/{routed(record, 'stack.redeploy.ok').public_id}/explain/"


def test_every_member_reads_it_and_nobody_else(page: str, anna: User, olga: User, client_of: ClientOf) -> None:
    assert "Who is told, and why" in get(client_of(anna), page)
    get(client_of(olga), page, status=404)
    space = f"/organizations/{olga.organizations.get(kind='personal').public_id}"
    get(client_of(olga), f"{space}/events/{page.split('/events/')[1]}", status=404)


def test_it_is_reached_from_the_event_and_from_a_delivery(
    page: str, home: str, alice: User, client_of: ClientOf
) -> None:
    client = client_of(alice)
    assert f'href="{page}">Why?' in get(client, page.removesuffix("explain/"))
    assert f'href="{page}?who=me"' in get(client, page.removesuffix("explain/"))
    delivery = Delivery.objects.get()
    assert f'href="{home}/deliveries/?event={delivery.event.public_id}"' in get(client, page)
    assert f'href="{page}?q={quote(alice.email)}">Why?' in get(client, f"{home}/deliveries/{delivery.public_id}/")


def test_one_s_own_delivery_asks_why_of_oneself(
    record: Record, dave: User, alice: User, home: str, client_of: ClientOf
) -> None:
    with_webhook(dave)
    turn(dave, "git.push", "webhook", True)
    page = f"{home}/events/{routed(record, 'git.push').public_id}/explain/"
    delivery = f"deliveries/{Delivery.objects.get().public_id}/"
    assert f'href="/account/notifications/{delivery}">The delivery' in get(client_of(dave), f"{page}?who=me")
    assert f'href="{page}?who=me">Why?' in get(client_of(dave), f"/account/notifications/{delivery}")
    assert f'href="{page}?who=me">Why?' in get(client_of(dave), f"{home}/{delivery}")
    assert f'href="{page}">Why?' in get(client_of(alice), f"{home}/{delivery}")
    assert "The delivery" not in get(client_of(alice), page)


def test_only_oneself(page: str, anna: User, alice: User, client_of: ClientOf) -> None:
    html = get(client_of(anna), f"{page}?who=me")
    assert "Why did I (not) get this?" in html
    assert alice.email not in html
    assert "They joined later." in html


def test_filters_and_search(acme: Organization, alice: User, dave: User, page: str, client_of: ClientOf) -> None:
    hook = Hook.objects.get(organization=acme).public_id

    def listed(query: str) -> set[str]:
        html = get(client_of(alice), f"{page}?{query}").split("<main", 1)[1]
        return {name for name in (alice.email, dave.email, hook) if name in html}

    Delivery.objects.filter(endpoint__address=dave.email).update(state="failed", due_at=None)
    assert listed("") == {alice.email, dave.email, hook}
    assert listed("told=yes") == {alice.email, hook}
    assert listed("told=no") == {dave.email}
    assert listed("q=DAV") == {dave.email}
    assert listed("q=default+dep") == {hook}
    assert "No hook and no member is like this" in get(client_of(alice), f"{page}?q=nobody")
    assert "There is no such filter" in get(client_of(alice), f"{page}?told=perhaps")


def test_a_filter_knows_who_was_told_in_a_digest_or_by_a_channel(record: Record, alice: User, dave: User) -> None:
    with_hipchat(dave)
    turn(dave, "git.push", "hipchat", True)
    event = routed(record, "git.push")
    found = lambda told: [each.user for each in explaining.find_members(event, told=told)[0]]  # noqa: E731
    assert (found(True), found(False)) == ([dave], [alice])
    Delivery.objects.filter(event=event).update(state="cancelled", due_at=None, outcome="No member any more")
    assert (found(True), found(False)) == ([], [alice, dave])
    Delivery.objects.filter(event=event).update(outcome="Told in one digest: evt_1")
    assert (found(True), found(False)) == ([dave], [alice])
    assert said(event, dave, "hipchat")[:2] == (
        "told",
        "The member’s own setting for everything asks for it. It waited for a quiet time, and was told in a digest.",
    )


def test_members_in_pages_by_key(
    page: str,
    acme: Organization,
    alice: User,
    client_of: ClientOf,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    members(acme, [f"Member{number:03}" for number in range(120)])
    client, address = client_of(alice), page
    seen: set[str] = set()
    pages = 0
    while address:
        with django_assert_max_num_queries(40):
            html = get(client, address)
        found = {name for name in (f"Member{number:03}" for number in range(120)) if name in html}
        assert not found & seen
        seen |= found
        pages += 1
        after = html.split("?after=")[1].split('"')[0] if "after=" in html.split("Pages")[-1] and "More" in html else ""
        address = f"{page}?after={after}" if after else ""
    assert (len(seen), pages) == (120, 3)
    get(client, f"{page}?after=x", status=404)


def test_ten_times_the_members_take_no_more_queries(record: Record, acme: Organization) -> None:
    members(acme, [f"Member{number:03}" for number in range(300)])
    event = routed(record, "server.stopped")

    def queries(size: int) -> int:
        loaded = matching.with_about(Event.objects.select_related("organization", "resource")).get(pk=event.pk)
        with CaptureQueriesContext(connection) as counted:
            found, _ = explaining.find_members(loaded, size=size)
            shown = Explanation(loaded, found)
            assert len(shown.members()) == size
            explain_hooks(shown)
        return len(counted)

    assert queries(5) == queries(50)


def test_more_hooks_than_fit_are_found_by_name(
    webhook: Webhook, page: str, alice: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = webhook(name="First"), webhook(name="Second")
    monkeypatch.setattr(explain, "MOST_HOOKS", 2)
    html = get(client_of(alice), page)
    assert first.public_id in html
    assert second.public_id not in html
    assert "More hooks than fit here" in html
    assert second.public_id in get(client_of(alice), f"{page}?q=second")


def test_an_organization_without_hooks_says_so(
    no_default_mail: None, record: Record, home: str, alice: User, client_of: ClientOf
) -> None:
    event = routed(record, "git.push")
    assert "There are none. Members are told by their own settings" in get(
        client_of(alice), f"{home}/events/{event.public_id}/explain/"
    )


# --- The API -------------------------------------------------------------------------------------------------
def test_the_api_says_the_same(page: str, alice: User, dave: User, api: Callable[..., Api]) -> None:
    address = f"/api/v1{page}".replace("/explain/", "/explanation/")
    answer = api(dave).get(address).json()
    hook, *_ = answer["hooks"]
    assert (hook["name"], hook["state"], hook["told"]) == (DEFAULT, "waiting", True)
    assert [(each["email"], each["told"]) for each in answer["members"]] == [(alice.email, True), (dave.email, False)]
    mail = answer["members"][0]["channels"][0]
    assert mail["channel"] == "email"
    assert mail["explanation"].startswith(f"The hook “{DEFAULT}” asks for it.")
    assert mail["delivery"] == Delivery.objects.get().public_id
    assert answer["next"] is None
    mine = api(dave).get(f"{address}?member=me").json()
    assert [each["email"] for each in mine["members"]] == [dave.email]
    assert "hooks" not in mine
    told = api(dave).get(f"{address}?told=false").json()
    assert [each["email"] for each in told["members"]] == [dave.email]
    assert told["hooks"] == []


def test_the_api_pages_members(page: str, alice: User, dave: User, anna: User, api: Callable[..., Api]) -> None:
    client, seen = api(alice), []
    address = f"/api/v1{page}?limit=2".replace("/explain/", "/explanation/")
    while address:
        answer = client.get(address).json()
        seen.append([each["email"] for each in answer["members"]])
        address = answer["next"]
    assert seen == [[alice.email, dave.email], [anna.email]]


@pytest.mark.parametrize(
    ("query", "field"),
    [("told=maybe", "told"), ("member=bob", "member"), ("after=x", "after"), ("before=1", "before"), ("q=a", "q")],
)
def test_the_api_refuses_what_it_does_not_know(
    query: str, field: str, page: str, alice: User, api: Callable[..., Api]
) -> None:
    answer = api(alice).get(f"/api/v1{page}?{query}".replace("/explain/", "/explanation/"))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


def test_the_api_is_closed_to_others(page: str, olga: User, api: Callable[..., Api]) -> None:
    assert api(olga).get(f"/api/v1{page}".replace("/explain/", "/explanation/")).status_code == 404
