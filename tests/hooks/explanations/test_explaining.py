"""Explanations: each hook and member, told or not, with the reason, then and now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from events.models import Event
from hooks.channels import services
from hooks.consent import unsubscribing
from hooks.deliveries import test_sends
from hooks.explanations.people import explain_addresses, explain_members
from hooks.manage import rules
from hooks.models import Delivery, Endpoint, Hook
from hooks.preferences.notification_settings import Scope
from hooks.routing import router
from notifications_project.accounts.models import Organization, User
from notifications_project.accounts.roles import Role
from tests.conftest import Api, member
from tests.hooks.explained import DEFAULT, deliver, of_hook, read_facts, routed, said
from tests.hooks.pages import ClientOf, Record, Webhook
from tests.hooks.people import application, turn, with_hipchat, with_webhook
from tests.pages import get

pytestmark = pytest.mark.django_db


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
    assert said(event, alice) == ("not_told", "The member turned it off for shop.", "")
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


def test_not_told_as_nothing_is_left_that_the_hook_is_restricted_to(
    record: Record, acme: Organization, alice: User, no_default_mail: None
) -> None:
    shop, everybody = application(acme, "shop"), rules.Notify(members=True)
    rules.create_email_hook(organization=acme, actor=None, name="Deployments", notify=everybody, resources=[shop.pk])
    shop.delete()
    left = "restricted to applications and add-ons, and none of them is left."
    event = routed(record, "stack.redeploy.ok")
    assert said(event, alice) == ("not_told", f"The hook “Deployments” is {left}", "")
    assert of_hook(event, "Deployments") == ("not_told", f"It matches nothing: it is {left}", "")


def test_not_told_by_default(record: Record, alice: User, dave: User, no_default_mail: None) -> None:
    assert "follow the e-mail hooks" in said(routed(record, "stack.redeploy.ok"), alice)[1]
    assert "off by default" in said(routed(record, "stack.deploy.started"), alice)[1]
    assert "only administrators and managers" in said(routed(record, "hook.failing"), dave)[1]


def test_snoozed(record: Record, alice: User) -> None:
    services.snooze(alice, ["email"], timezone.now() + timedelta(hours=2))
    event = routed(record, "server.backon")
    state, why, _ = said(event, alice)
    until = Delivery.objects.get(event=event).quiet_until
    assert until is not None
    assert state == "waiting"
    assert f"{until:%H:%M}." in why
    assert "It waits. E-mail is snoozed until" in why


def test_unsubscribed(record: Record, alice: User, acme: Organization) -> None:
    routed(record, "stack.redeploy.ok")
    hook = Hook.objects.existing().get(organization=acme)
    unsubscribing.unsubscribe(Endpoint.objects.get(organization=acme, address=alice.email), [hook.pk], alice)
    event = routed(record, "stack.redeploy.fail")
    assert said(event, alice) == ("not_told", f"The address unsubscribed from the hook “{DEFAULT}”.", "")


def test_a_disabled_address_waits(record: Record, alice: User) -> None:
    routed(record, "server.stopped")
    Endpoint.objects.filter(address=alice.email).update(disabled_at=timezone.now())
    assert "the mail server refused the address" in said(routed(record, "server.stopped"), alice)[1]


def test_an_address_that_has_not_confirmed_yet(record: Record, acme: Organization, settings: LazySettings) -> None:
    settings.EMAIL_CONFIRM_ADDRESSES = True
    notify = rules.Notify(addresses=["ops@elsewhere.example"])
    rules.create_email_hook(organization=acme, actor=None, name="Ops", notify=notify, events=["git.push"])
    [row] = explain_addresses(read_facts(routed(record, "git.push")))
    assert row.person.address == "ops@elsewhere.example"
    assert not row.told
    assert row.verdicts[0].why == "The address has not confirmed yet that it wants to be told."


def test_a_typed_address_of_a_member_is_explained_as_that_member(
    record: Record, acme: Organization, dave: User
) -> None:
    notify = rules.Notify(addresses=[dave.email.upper()])
    rules.create_email_hook(organization=acme, actor=None, name="Typed", notify=notify, events=["git.push"])
    event = routed(record, "git.push")
    assert explain_addresses(read_facts(event)) == []
    assert said(event, dave)[0] == "waiting"
    turn(dave, "git.push", "email", False)
    assert said(routed(record, "git.push"), dave)[1] == "The member turned it off for everything."


def test_a_deactivated_account(record: Record, dave: User) -> None:
    User.objects.filter(pk=dave.pk).update(is_active=False)
    assert said(routed(record, "server.stopped"), dave)[1] == "The account is deactivated."


def test_a_type_that_left_the_catalogue(record: Record, alice: User, webhook: Webhook) -> None:
    webhook()
    event = record("git.push")
    Event.objects.filter(pk=event.pk).update(type="retired.type")
    router.route()
    assert "nothing asks for an unknown type" in said(event, alice)[1]
    assert "nothing asks for an unknown type" in of_hook(event, "Receiver")[1]


def test_a_test_goes_only_to_what_is_tested(acme: Organization, alice: User, dave: User, webhook: Webhook) -> None:
    event = test_sends.send_hook_test(webhook(), "git.push", alice).event
    assert said(event, dave) == ("not_told", "A test goes only to what is tested.", "")
    assert of_hook(event, "Receiver")[0] == "waiting"
    assert of_hook(event, DEFAULT) == ("not_told", "A test goes only to what is tested.", "")
    mailed = test_sends.send_hook_test(
        Hook.objects.get(organization=acme, name=DEFAULT), "stack.redeploy.ok", alice
    ).event
    state, why, since = said(mailed, alice)
    assert (state, since) == ("waiting", "")
    assert why.startswith("A test goes only to what is tested. Alice pressed Test.")


def test_before_it_is_decided_the_rules_say_what_will_be(record: Record, alice: User, webhook: Webhook) -> None:
    webhook(paused=True)
    event = record("server.stopped")
    assert said(event, alice) == ("due", "Members get such e-mails by default.", "")
    assert of_hook(event, "Receiver") == ("due", "It asks for this. The delivery waits because the hook is paused.", "")
    assert not Delivery.objects.exists()


# --- What happened, and what would happen now ----------------------------------------------------------------
def test_told_then_and_turned_off_since(record: Record, alice: User) -> None:
    event = routed(record, "server.stopped")
    deliver(event)
    turn(alice, "server.stopped", "email", False)
    state, why, since = said(event, alice)
    assert (state, why) == ("told", "Members get such e-mails by default.")
    assert since == "With today’s settings: not told. The member turned it off for everything."


def test_told_then_by_default_and_now_by_choice(record: Record, alice: User) -> None:
    event = routed(record, "server.stopped")
    turn(alice, "server.stopped", "email", True)
    since = said(event, alice)[2]
    assert since == "With today’s settings: told. The member’s own setting for everything asks for it."


def test_a_hook_that_was_renamed_is_the_same(record: Record, acme: Organization, alice: User) -> None:
    event = routed(record, "stack.redeploy.ok")
    rules.update_hook(Hook.objects.existing().get(organization=acme), None, name="Results")
    assert said(event, alice)[2] == ""


def test_not_told_then_and_turned_on_since(record: Record, alice: User) -> None:
    event = routed(record, "git.push")
    turn(alice, "git.push", "email", True)
    state, why, since = said(event, alice)
    assert (state, why) == ("not_told", "Nothing asked for it when it was recorded.")
    assert since.startswith("With today’s settings: told. The member’s own setting")


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
    since = "With today’s settings: not told. It asks for other events: Add-on created."
    assert of_hook(event, "Changed") == ("told", told, since)
    assert "It is disabled" in of_hook(event, "Disabled")[2]
    assert of_hook(event, "Deleted")[1:] == ("It asked for this. Delivered: 1.", "Since then it was deleted.")
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
    assert of_hook(event, DEFAULT)[:2] == ("told", "It asks for this. Delivered: 1. Waiting: 1.")


def test_news_about_a_hook_never_go_to_it(record: Record, webhook: Webhook) -> None:
    failing = webhook(name="Failing")
    event = routed(record, "hook.failing", hook={"id": failing.public_id, "name": "Failing"})
    assert of_hook(event, "Failing")[1] == "An event about a hook is never sent to that hook."


def test_every_rule_that_asks_is_named(record: Record, acme: Organization, alice: User) -> None:
    rules.create_email_hook(organization=acme, actor=None, name="Ops", notify=rules.Notify(roles=["admin"]))
    turn(alice, "stack.redeploy.ok", "email", True)
    event = routed(record, "stack.redeploy.ok")
    deliver(event)
    rule = "The hooks “Default deployment result e-mails” and “Ops” ask for it"
    assert said(event, alice)[1] == f"{rule}. The member’s own setting for everything asks for it."


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
    [row] = explain_members(read_facts(event, dave, viewer=alice))
    assert [each.channel for each in row.verdicts] == ["email", "hipchat"], "nothing of the webhook, which was not told"
    assert all(each.delivery is None for each in row.verdicts)
    html = get(client_of(alice), f"{home}/events/{event.public_id}/explain/")
    sent = api(alice).get(f"/api/v1{home}/events/{event.public_id}/explanation/").content.decode()
    for secret in ("Secret room", "chat.example", "hooks.example", "t0p"):
        assert secret not in html
        assert secret not in sent
    assert "Secret room" in said(event, dave, "hipchat", viewer=dave)[1], "their own, they may read"


def test_others_do_not_see_what_became_of_a_member_s_channel(
    record: Record, alice: User, dave: User, client_of: ClientOf, home: str, api: Callable[..., Api]
) -> None:
    with_webhook(dave)
    turn(dave, "git.push", "webhook", True)
    event = routed(record, "git.push")
    asked = "The member’s own setting for everything asks for it."
    outcome = "The app was removed from the device, or push was turned off there"
    Delivery.objects.filter(event=event).update(state="cancelled", due_at=None, outcome=outcome)
    assert said(event, dave, "webhook", viewer=alice)[:2] == ("cancelled", f"{asked} It was cancelled.")
    assert said(event, dave, "webhook", viewer=dave)[:2] == ("cancelled", f"{asked} Cancelled: {outcome}.")
    services.remove(services.list_channels(dave)["webhook"])
    assert said(event, dave, "webhook", viewer=alice)[2] == "With today’s settings: not told."
    since = "With today’s settings: not told. Webhook is turned on, but not set up."
    assert said(event, dave, "webhook", viewer=dave)[2] == since
    html = get(client_of(alice), f"{home}/events/{event.public_id}/explain/")
    sent = api(alice).get(f"/api/v1{home}/events/{event.public_id}/explanation/").content.decode()
    for page in (html, sent):
        assert "It was cancelled." in page
        assert not [word for word in ("The app was removed", "turned on, but") if word in page]


def test_oneself_sees_every_channel(record: Record, dave: User, settings: LazySettings) -> None:
    event = routed(record, "git.push")
    [row] = explain_members(read_facts(event, dave, viewer=dave))
    assert [(each.channel, each.why) for each in row.verdicts[1:]] == [
        ("ios", "Pushes to iPhones and iPads are not configured here."),
        ("hipchat", "HipChat is not set up."),
        ("webhook", "Webhook is not set up."),
    ]
    with_webhook(dave)
    assert said(event, dave, "webhook", viewer=dave)[1] == "Not turned on for this."
    turn(dave, "git.push", "webhook", True)
    services.remove(services.list_channels(dave)["webhook"])
    later = routed(record, "git.push")
    assert said(later, dave, "webhook", viewer=dave)[1] == "Webhook is turned on, but not set up."
