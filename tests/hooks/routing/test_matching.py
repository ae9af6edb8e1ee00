"""Routing: hooks by type, group and resource; members by default; one mail for each person."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import LazySettings
from pytest_django import DjangoAssertNumQueries

from events import catalogue, intake
from events.models import Event, Resource
from hooks.manage import rules
from hooks.models import Delivery, Hook
from hooks.presentation import conditions, hook_sentences
from hooks.routing import router
from notifications_project.accounts import organizations
from notifications_project.accounts.models import Organization, User

pytestmark = pytest.mark.django_db
Make = Callable[..., Hook]
Record = Callable[..., Event]

SEED = [
    "stack.provision.ok", "stack.provision.fail", "stack.redeploy.ok", "stack.redeploy.fail", "server.stopped",
    "server.backon", "job.fail", "job.backon", "process.down", "app.auth", "app.deauth",
    "stack.redeploy.hook.fail", "stack.deploy.started",
]  # fmt: skip


def told() -> set[str]:
    """Return the addresses that have a delivery."""
    router.route()
    return set(Delivery.objects.values_list("endpoint__address", flat=True))


@pytest.mark.parametrize("type", SEED)
def test_a_new_member_gets_mail_for_every_case_of_the_seed_but_deployment_start(
    type: str, record: Record, alice: User
) -> None:
    record(type)
    assert told() == (set() if type == "stack.deploy.started" else {alice.email})


@pytest.mark.parametrize("type", sorted({each.name for each in catalogue.OFFERED} - set(SEED)))
def test_of_the_other_types_only_credits_warnings_and_news_of_hooks_are_mailed_by_default(
    type: str, record: Record, alice: User, dave: User
) -> None:
    record(type)
    expected = {alice.email, dave.email} if type == "credits.warning" else set()
    if type.startswith("hook."):
        expected = {alice.email}  # admins and managers
    assert told() == expected


def test_deleting_the_default_hook_silences_deployment_results(
    no_default_mail: None, record: Record, alice: User
) -> None:
    record("stack.redeploy.fail")
    assert told() == set()


def test_a_webhook_without_chosen_events_is_told_everything(
    webhook: Make, record: Record, no_default_mail: None
) -> None:
    hook = webhook()
    record("git.push")
    record("addon.created")
    router.route()
    assert hook.deliveries.count() == 2


def test_a_hook_is_told_what_it_chose_by_type_or_group_and_nothing_else(webhook: Make, record: Record) -> None:
    hook = webhook(events=["deployment-result", "git.push"])
    for type in ("stack.provision.ok", "git.push", "server.stopped"):
        record(type)
    router.route()
    types = hook.deliveries.order_by("event_id").values_list("event__type", flat=True)
    assert list(types) == ["stack.provision.ok", "git.push"]


def test_a_restricted_hook_is_told_of_its_resources_only(webhook: Make, record: Record, acme: Organization) -> None:
    shop = Resource.objects.create(organization=acme, kind="application", name="shop")
    blog = Resource.objects.create(organization=acme, kind="application", name="blog")
    hook = webhook(resources=[shop.pk])
    record("git.push", shop)
    record("git.push", blog)
    record("credits.added")
    router.route()
    assert [delivery.event.resource for delivery in hook.deliveries.all()] == [shop]


def test_a_hook_whose_last_resource_is_gone_matches_nothing(webhook: Make, record: Record, acme: Organization) -> None:
    shop = Resource.objects.create(organization=acme, kind="application", name="shop")
    hook = webhook(resources=[shop.pk])
    shop.delete()
    record("git.push")
    router.route()
    assert not hook.deliveries.exists()


def test_a_hook_whose_last_type_left_the_catalogue_matches_nothing(webhook: Make, record: Record) -> None:
    hook = webhook()
    Hook.objects.filter(pk=hook.pk).update(events=["retired.type"])
    record("git.push")
    router.route()
    assert not hook.deliveries.exists()


def test_a_person_named_by_many_rules_is_mailed_once_with_every_reason(
    record: Record, alice: User, acme: Organization
) -> None:
    for name, notify in {
        "Roles": rules.Notify(roles=["admin"]),
        "Addresses": rules.Notify(addresses=[alice.email.upper()]),
        "Users": rules.Notify(users=[alice.pk]),
    }.items():
        rules.create_email_hook(organization=acme, actor=None, name=name, notify=notify)
    record("stack.redeploy.ok")
    router.route()
    delivery = Delivery.objects.get()
    names = [reason["name"] for reason in delivery.reasons]
    assert names == ["Default deployment result e-mails", "Roles", "Addresses", "Users"]


def test_who_left_is_not_told_even_if_chosen_by_name(
    record: Record, alice: User, dave: User, acme: Organization
) -> None:
    rules.create_email_hook(organization=acme, actor=None, name="Dave", notify=rules.Notify(users=[dave.pk]))
    organizations.remove_member(organization=acme, user=dave, actor=alice)
    record("git.push")
    assert told() == set()


def test_deactivated_users_get_nothing(record: Record, alice: User, dave: User) -> None:
    User.objects.filter(pk=dave.pk).update(is_active=False)
    record("server.stopped")
    assert told() == {alice.email}


def test_routing_twice_adds_nothing(webhook: Make, record: Record) -> None:
    webhook()
    event = record("git.push")
    router.route()
    Event.objects.filter(pk=event.pk).update(routed_at=None)
    router.route()
    assert Delivery.objects.filter(event=event).count() == 1


def test_another_organizations_hooks_never_match(webhook: Make, olga: User) -> None:
    hook = webhook()
    intake.record(olga.organizations.get(name="Other"), [intake.NewEvent(type="git.push")])
    router.route()
    assert not hook.deliveries.exists()


def test_news_about_a_hook_never_go_to_that_hook(webhook: Make, record: Record) -> None:
    failing, other = webhook(name="Failing"), webhook(name="Other")
    record("hook.failing", hook={"id": failing.public_id, "name": failing.name})
    router.route()
    assert not failing.deliveries.exists()
    assert other.deliveries.count() == 1


def test_routing_a_hundred_events_takes_a_bounded_number_of_queries(
    webhook: Make, record: Record, acme: Organization, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    webhook()
    intake.record(acme, [intake.NewEvent(type="server.stopped") for _ in range(100)])
    with django_assert_max_num_queries(32):
        router.route()
    assert Delivery.objects.count() == 200


def test_who_leaves_is_not_told_what_waited_for_them(
    record: Record, acme: Organization, alice: User, dave: User
) -> None:
    both = rules.Notify(users=[alice.pk, dave.pk])
    hook = rules.create_email_hook(organization=acme, actor=None, name="Both", notify=both, paused=True)
    record("git.push")
    router.route()
    organizations.remove_member(organization=acme, user=dave, actor=alice)
    rules.update_hook(hook, None, paused=False)
    waiting = Delivery.objects.filter(state="pending").values_list("endpoint__address", flat=True)
    assert list(waiting) == [alice.email]
    assert Delivery.objects.get(endpoint__address=dave.email).outcome == "No longer a member"


def test_who_leaves_is_still_told_by_a_hook_that_names_their_address(
    record: Record, acme: Organization, alice: User, dave: User
) -> None:
    rules.create_email_hook(
        organization=acme, actor=None, name="Typed", notify=rules.Notify(members=True, addresses=[dave.email])
    )
    record("stack.redeploy.ok")
    router.route()
    organizations.remove_member(organization=acme, user=dave, actor=alice)
    delivery = Delivery.objects.get(endpoint__address=dave.email)
    assert delivery.state == "pending"
    assert [reason["name"] for reason in delivery.reasons] == ["Typed"]


def test_a_hook_whose_last_recipient_left_matches_nothing_and_says_so(
    record: Record, acme: Organization, alice: User, dave: User
) -> None:
    hook = rules.create_email_hook(
        organization=acme, actor=None, name="Dave", notify=rules.Notify(users=[dave.pk]), events=["git.push"]
    )
    organizations.remove_member(organization=acme, user=dave, actor=alice)
    record("git.push")
    assert told() == set()
    assert hook_sentences.describe_recipients(hook) == "Nobody: the chosen recipients are gone"
    assert conditions.find_hook_condition(hook).word == "Matches nothing"
    rules.update_hook(hook, None, name="Renamed", notify=rules.Notify())  # the JSON of a GET is accepted by PUT


@pytest.mark.parametrize("said", [["x"], {"kind": 1}, {"kind": ["x"], "id": ["x"]}, None, 7])
def test_whatever_an_event_about_a_hook_says_it_is_routed(said: object, record: Record, acme: Organization) -> None:
    record("hook.failing", hook=said, channel=said, refused=said)
    record("server.stopped")
    router.route()
    assert not Event.objects.filter(routed_at__isnull=True).exists()


def test_a_deactivated_user_is_told_nothing_although_the_address_was_typed(
    record: Record, acme: Organization, dave: User, settings: LazySettings
) -> None:
    settings.EMAIL_CONFIRM_ADDRESSES = False
    notify = rules.Notify(addresses=[dave.email.upper()])
    rules.create_email_hook(organization=acme, actor=None, name="Typed", notify=notify)
    User.objects.filter(pk=dave.pk).update(is_active=False)
    record("server.stopped")
    router.route()
    assert not Delivery.objects.filter(endpoint__address__iexact=dave.email).exists()
