"""Effective settings agree with routing: a table of rules, every type, with and without a resource."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.conf import LazySettings
from pytest_django import DjangoAssertNumQueries

from events import catalogue
from events.models import Event, Resource
from hooks.channels import services
from hooks.endpoints import lookup
from hooks.manage import rules
from hooks.manage.rules import Notify
from hooks.models import Channel, Hook, Unsubscription
from hooks.preferences import notification_settings
from hooks.preferences.effective import EffectiveSettings, State
from hooks.preferences.notification_settings import EVERYTHING, Choice, Scope
from hooks.routing.rules import OrganizationRules
from notifications_project.accounts import organizations
from notifications_project.accounts.models import Membership, Organization, User
from notifications_project.accounts.roles import Role

DOWN, REDEPLOYED, PUSHED = "process.down", "stack.redeploy.ok", "git.push"


@dataclass
class World:
    user: User
    acme: Organization
    shop: Resource
    blog: Resource

    def add_hook(self, *events: str, resources: tuple[Resource, ...] = (), **notify: object) -> Hook:
        chosen = Notify(**(notify or {"members": True}))  # type: ignore[arg-type]
        only = [each.pk for each in resources] or None
        fields = {"name": "Some", "events": list(events), "resources": only}
        return rules.create_email_hook(organization=self.acme, actor=None, notify=chosen, **fields)  # type: ignore[arg-type]

    def choose(self, wanted: dict[str, bool], scope: Scope = EVERYTHING, kind: str = "email") -> None:
        notification_settings.choose(self.user, [Choice(name, kind, on) for name, on in wanted.items()], scope)

    def drop_default_hook(self) -> None:
        rules.delete_hook(Hook.objects.existing().get(organization=self.acme), None)

    def standing(self) -> EffectiveSettings:
        memberships = Membership.objects.filter(user=self.user).select_related("organization")
        memberships = memberships.order_by("organization__name")
        return EffectiveSettings.read(self.user, list(memberships))


@pytest.fixture
def world(acme: Organization, dave: User) -> World:
    shop, blog = (
        Resource.objects.create(organization=acme, kind="application", name=name) for name in ("shop", "blog")
    )
    return World(dave, acme, shop, blog)


def unsubscribe(world: World) -> None:
    hook = world.add_hook(PUSHED)
    endpoint = lookup.get_or_create_mail_endpoint(world.acme, world.user.email)
    Unsubscription.objects.create(hook=hook, endpoint=endpoint)


def make_admin(world: World) -> None:
    Membership.objects.filter(user=world.user, organization=world.acme).update(role=Role.ADMIN)


def webhook_on(world: World) -> None:
    services.set_up(world.user, "webhook", url="http://127.0.0.1:9/in", options={})
    world.choose({DOWN: True, PUSHED: True}, kind="webhook")
    world.choose({DOWN: False}, Scope(organization=world.acme), kind="webhook")
    world.choose({DOWN: True}, Scope(resource=world.shop), kind="webhook")


def restrict(world: World) -> None:
    world.drop_default_hook()
    world.add_hook(REDEPLOYED, resources=(world.shop,))


def differ(world: World) -> None:
    world.choose({DOWN: False, PUSHED: False})
    world.choose({DOWN: True}, Scope(organization=world.acme))
    world.choose({DOWN: False, PUSHED: True}, Scope(resource=world.shop))


SITUATIONS: dict[str, Callable[[World], object]] = {
    "nothing chosen": lambda world: None,
    "without the default hook": World.drop_default_hook,
    "an admin": make_admin,
    "a hook for another type": lambda world: world.add_hook(PUSHED),
    "a hook for every event": lambda world: world.add_hook(),
    "a hook for one application": restrict,
    "a hook for developers": lambda world: world.add_hook(PUSHED, roles=["developer"]),
    "a hook for admins": lambda world: world.add_hook(PUSHED, roles=["admin"]),
    "a hook that names the user": lambda world: world.add_hook(PUSHED, users=[world.user.pk]),
    "a hook with the user's address": lambda world: world.add_hook(PUSHED, addresses=[world.user.email.upper()]),
    "a hook for somebody else": lambda world: world.add_hook(PUSHED, addresses=["else@example.org"]),
    "unsubscribed": unsubscribe,
    "off for everything": lambda world: world.choose({DOWN: False, REDEPLOYED: False}),
    "on for everything": lambda world: world.choose({PUSHED: True, "stack.deploy.started": True}),
    "off for the organization": lambda world: world.choose({DOWN: False}, Scope(organization=world.acme)),
    "off, and on for one application": differ,
    "one's own webhook": webhook_on,
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_it_says_what_matching_does(world: World, situation: str) -> None:
    SITUATIONS[situation](world)
    standing, matching_rules = world.standing(), OrganizationRules.read(world.acme, set(catalogue.EVENT_TYPES))
    webhook = services.list_channels(world.user).get("webhook")
    for name in notification_settings.list_offered():
        for resource in (None, world.shop, world.blog):
            event = Event(organization=world.acme, type=name, resource=resource)
            event.about = "{}"  # type: ignore[attr-defined]
            owed = matching_rules.plan_deliveries(event)
            mailed = world.user.email.lower() in [each.address.lower() for each in owed if each.address]
            posted = webhook is not None and webhook.endpoint_id in [each.endpoint.pk for each in owed if each.endpoint]
            of = resource.pk if resource else None
            assert standing.find_rule(world.acme.pk, name, "email").is_on(of) is mailed, (name, resource)
            assert standing.find_rule(world.acme.pk, name, "webhook").is_on(of) is posted, (name, resource)
            if resource:  # what the page shows of one application is the same
                assert (standing.build_cell(name, "email", Scope(resource=resource)).state == State.ON) is mailed, name


def why(world: World, event_type: str, scope: Scope = EVERYTHING, kind: str = "email") -> tuple[str, str]:
    cell = world.standing().build_cell(event_type, kind, scope)
    return cell.state, cell.why


def test_following_hooks_is_said_in_words(world: World) -> None:
    of_acme = Scope(organization=world.acme)
    default = "on because of “Default deployment result e-mails”"
    assert why(world, REDEPLOYED, of_acme) == ("on", f"Follows the e-mail hooks of Acme: {default}")
    everywhere = "Follows the e-mail hooks of your organizations"
    assert why(world, REDEPLOYED) == ("on", f"{everywhere}: on in Acme and Dave (personal)")

    world.drop_default_hook()
    assert why(world, REDEPLOYED, of_acme)[1] == "Follows the e-mail hooks of Acme: off, no hook sends this to you"
    assert why(world, REDEPLOYED) == ("partly", f"{everywhere}: on in Dave (personal), off in Acme")

    world.add_hook(REDEPLOYED, resources=(world.shop,))
    assert why(world, REDEPLOYED, of_acme) == (
        "partly",
        "Follows the e-mail hooks of Acme: for some applications because of “Some”",
    )
    assert why(world, REDEPLOYED, Scope(resource=world.shop))[0] == "on"
    assert why(world, REDEPLOYED, Scope(resource=world.blog))[0] == "off"


def test_hooks_that_ask_for_what_is_off_by_default_are_named(world: World) -> None:
    assert why(world, PUSHED) == ("off", "Off by default")
    world.add_hook(PUSHED)
    assert why(world, PUSHED, Scope(organization=world.acme)) == (
        "on",
        "Off by default, but on because of “Some” of Acme",
    )
    assert why(world, PUSHED) == (
        "partly",
        "Off by default, but hooks ask for it: on in Acme, off in Dave (personal)",
    )


def test_who_unsubscribed_is_not_told(world: World) -> None:
    unsubscribe(world)
    told = "Off by default, and you unsubscribed from “Some” of Acme"
    assert why(world, PUSHED, Scope(organization=world.acme)) == ("off", told)
    assert why(world, PUSHED) == ("off", "Off by default")


def test_trouble_with_hooks_is_for_those_who_manage_them(world: World) -> None:
    assert why(world, "hook.failing", Scope(organization=world.acme))[0] == "off"
    make_admin(world)
    told = "On by default because of your role in Acme (Administrator)"
    assert why(world, "hook.failing", Scope(organization=world.acme)) == ("on", told)


def test_what_is_wider_is_named_and_what_is_narrower_differs(world: World) -> None:
    of_acme, of_shop = Scope(organization=world.acme), Scope(resource=world.shop)
    world.choose({DOWN: False})
    assert why(world, DOWN, of_acme) == ("off", "As for everything: off, you chose it")
    world.choose({DOWN: True}, of_acme)
    assert why(world, DOWN, of_shop) == ("on", "As for Acme: on, you chose it")
    world.choose({DOWN: False}, of_shop)
    standing = world.standing()
    assert standing.build_cell(DOWN, "email", EVERYTHING).differs == "differs in Acme (on)"
    assert standing.build_cell(DOWN, "email", of_acme).differs == "differs for shop (off)"
    assert standing.build_cell(DOWN, "email", of_shop).own
    assert standing.count_choices() == {None: 1, world.acme.pk: 1, world.shop.pk: 1}


def test_choices_for_what_was_left_count_for_nothing(world: World) -> None:
    world.choose({DOWN: False}, Scope(organization=world.acme))
    world.choose({DOWN: False}, Scope(resource=world.shop))
    organizations.remove_member(organization=world.acme, user=world.user, actor=world.user)
    standing = world.standing()
    assert standing.count_choices() == {}
    assert standing.resources == {}


def test_push_that_is_not_configured_is_off_and_says_so(world: World, settings: LazySettings) -> None:
    settings.PUSH_CONFIGURED = False
    state, words = why(world, DOWN, kind="ios")
    assert state == "off"
    assert "not configured" in words
    settings.PUSH_CONFIGURED = True
    assert why(world, DOWN, kind="ios")[1] == "iOS is not set up: a click opens its form"
    Channel.objects.create(user=world.user, kind="ios")
    assert "No iPhone or iPad is registered" in why(world, DOWN, kind="ios")[1]


@pytest.mark.parametrize("number", [2, 20])
def test_reading_it_takes_as_many_queries_for_many_organizations(
    world: World, number: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for each in range(number):
        organizations.create_organization(name=f"Organization {each}", admin=world.user)
    world.add_hook(PUSHED, resources=(world.shop,))
    memberships = list(Membership.objects.filter(user=world.user).select_related("organization"))
    assert len(memberships) == number + 2
    with django_assert_num_queries(6):
        standing = EffectiveSettings.read(world.user, memberships)
        for name in notification_settings.list_offered():
            for kind in Channel.Kind.values:
                standing.build_cell(name, kind, EVERYTHING)
