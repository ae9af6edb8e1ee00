"""Property tests: routing in bulk, explanations page by page and the rule in plain code agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from events import catalogue
from events.intake import NewEvent, record
from events.models import Event, Resource
from events.representation import Source
from hooks.endpoints.lookup import get_or_create_mail_endpoint
from hooks.explanations.facts import Facts
from hooks.explanations.hooks import explain_hooks
from hooks.explanations.people import explain_addresses, explain_members, find_members
from hooks.manage import rules
from hooks.models import Channel, Endpoint, Hook, NotificationSetting, Unsubscription
from hooks.routing.router import route
from hooks.routing.rules import OrganizationRules
from hooks.routing.subjects import annotate_subject
from notifications_project.accounts.models import Membership, Organization, User
from tests.hooks.people import application, members, with_hipchat

pytestmark = pytest.mark.django_db
EMAIL, HIPCHAT = Channel.Kind.EMAIL, Channel.Kind.HIPCHAT
TYPES = ["server.stopped", "stack.redeploy.ok", "git.push", "hook.failing", "retired.type"]
BY_DEFAULT = {"server.stopped"}
OTHER, GROUP = "addon.deleted", "deployment-result"
NAMES, ROLES = ["Ann", "Bob", "Cid", "Dee", "Eve"], ["admin", "manager", "developer", "developer", "accounting"]
HERE, THERE = "shop", "blog"  # the event is about the first, or about nothing


@dataclass(frozen=True)
class HookDrawn:
    asks: str  # "it" (the event's type), "group", "all", "other"
    resources: list[str]
    everybody: bool
    roles: list[str]
    users: list[str]
    addresses: list[str]
    unsubscribed: list[str]
    enabled: bool
    paused: bool


@dataclass(frozen=True)
class Choice:
    who: str
    channel: str
    scope: str  # "shop", "blog", "here" (the organization), "everything"
    enabled: bool


some_names = st.lists(st.sampled_from(NAMES), max_size=2, unique=True)
hooks_drawn = st.builds(
    HookDrawn,
    asks=st.sampled_from(["it", "it", "group", "all", "other"]),
    resources=st.sampled_from([[], [HERE], [THERE]]),
    everybody=st.booleans(),
    roles=st.lists(st.sampled_from(["admin", "developer"]), max_size=1),
    users=some_names,
    addresses=st.lists(st.sampled_from([*NAMES, "Stranger"]), max_size=2, unique=True),
    unsubscribed=some_names,
    enabled=st.sampled_from([True, True, True, False]),
    paused=st.booleans(),
)
choices_drawn = st.builds(
    Choice,
    who=st.sampled_from(NAMES),
    channel=st.sampled_from([EMAIL, HIPCHAT]),
    scope=st.sampled_from([HERE, THERE, "here", "everything"]),
    enabled=st.booleans(),
)
distinct_choices = st.lists(choices_drawn, max_size=12, unique_by=lambda each: (each.who, each.channel, each.scope))


@dataclass
class World:
    """An organization of five members: one is deactivated, and all but the last have a HipChat channel."""

    acme: Organization
    users: dict[str, User]
    resources: dict[str, Resource]

    def make(self, hook: HookDrawn, event_type: str, number: int) -> None:
        notify = rules.Notify(
            members=hook.everybody,
            roles=hook.roles,
            users=[self.users[name].pk for name in hook.users if self.users[name].is_active],
            addresses=[address(name) for name in hook.addresses],
        )
        if notify == rules.Notify():
            return
        known = event_type in catalogue.EVENT_TYPES
        asked = {"it": [event_type if known else OTHER], "group": [GROUP], "all": None, "other": [OTHER]}
        made = rules.create_email_hook(
            organization=self.acme, actor=None, name=f"Hook {number}", notify=notify, events=asked[hook.asks],
            resources=[self.resources[name].pk for name in hook.resources] or None,
            enabled=hook.enabled, paused=hook.paused,
        )  # fmt: skip
        for name in hook.unsubscribed:
            endpoint = Endpoint.objects.get(organization=self.acme, address=address(name))
            Unsubscription.objects.create(hook=made, endpoint=endpoint)

    def choose(self, event_type: str, choice: Choice) -> None:
        NotificationSetting.objects.create(
            user=self.users[choice.who],
            event_type=event_type,
            channel=choice.channel,
            enabled=choice.enabled,
            organization=self.acme if choice.scope == "here" else None,
            resource=self.resources.get(choice.scope),
        )


def address(name: str) -> str:
    return f"{name.lower()}@people.example"


@pytest.fixture
def world(acme: Organization) -> World:
    Membership.objects.filter(organization=acme).delete()
    Hook.objects.filter(organization=acme).update(enabled=False)
    users = {}
    for name, role in zip(NAMES, ROLES, strict=True):
        [users[name]] = members(acme, [name], role)
    for name in NAMES[:-1]:
        with_hipchat(users[name])
    users["Dee"].is_active = False
    users["Dee"].save()
    for name in NAMES:
        get_or_create_mail_endpoint(acme, address(name))
    return World(acme, users, {name: application(acme, name) for name in (HERE, THERE)})


# --- The rule, as people say it ------------------------------------------------------------------------------
def expected(
    event_type: str, about: str, hooks: Sequence[HookDrawn], choices: Sequence[Choice]
) -> set[tuple[str, str]]:
    """Return each member's channels by the rule: the narrowest choice, else the default or a hook that names them."""
    told = set()
    for name, role in zip(NAMES, ROLES, strict=True):
        if name == "Dee":
            continue
        mail, hipchat = narrowest(name, EMAIL, about, choices), narrowest(name, HIPCHAT, about, choices)
        by_hook = any(tells(hook, event_type, about, name, role) for hook in hooks)
        by_default = event_type in BY_DEFAULT or (event_type == "hook.failing" and role in {"admin", "manager"})
        if by_hook or by_default if mail is None else mail:
            told.add((name, str(EMAIL)))
        if hipchat and name != NAMES[-1]:
            told.add((name, str(HIPCHAT)))
    return told


def narrowest(name: str, channel: str, about: str, choices: Sequence[Choice]) -> bool | None:
    mine = {each.scope: each.enabled for each in choices if each.who == name and each.channel == channel}
    return next((mine[scope] for scope in (about, "here", "everything") if scope in mine), None)


def tells(hook: HookDrawn, event_type: str, about: str, name: str, role: str) -> bool:
    if not hook.enabled or name in hook.unsubscribed or (hook.resources and about not in hook.resources):
        return False
    asks = {"it": True, "group": event_type == "stack.redeploy.ok", "all": True, "other": False}[hook.asks]
    return (
        asks
        and event_type != "retired.type"
        and (hook.everybody or role in hook.roles or name in hook.users or name in hook.addresses)
    )


# --- They agree ----------------------------------------------------------------------------------------------
def in_bulk(world: World, event: Event) -> set[tuple[str, str]]:
    names = {user.email: name for name, user in world.users.items()}
    spaces = {user.pk: name for name, user in world.users.items()}
    owners = dict(Endpoint.objects.values_list("pk", "organization_id"))
    owed = OrganizationRules.read(world.acme, {event.type}).plan_deliveries(event)
    keys = [
        (spaces[owners[each.endpoint.pk]], str(HIPCHAT)) if each.endpoint else (each.address.lower(), str(EMAIL))
        for each in owed
    ]
    assert len(keys) == len(set(keys)), "one message each"
    return {(names.get(who, who), channel) for who, channel in keys}


def explained(event: Event, size: int) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    after: int | None = None
    while True:
        page, after = find_members(event, after=after, size=size)
        for row in explain_members(Facts.read(event, page)):
            name = row.person.membership.user.name
            found |= {(name, verdict.channel) for verdict in row.verdicts if verdict.told}
        if after is None:
            break
    strangers = explain_addresses(Facts.read(event, []))
    return found | {(row.person.address, str(EMAIL)) for row in strangers if row.told}


def read(event: Event) -> Event:
    return annotate_subject(Event.objects.select_related("organization", "resource")).get(pk=event.pk)


@pytest.mark.slow
@given(
    event_type=st.sampled_from(TYPES),
    about=st.sampled_from([HERE, ""]),
    hooks=st.lists(hooks_drawn, max_size=4),
    choices=distinct_choices,
    size=st.sampled_from([2, 6]),
)
@settings(
    max_examples=30,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # an example is small, and shrinking it takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_matching_the_explanation_and_the_rule_agree_about_everybody(
    world: World, event_type: str, about: str, hooks: list[HookDrawn], choices: list[Choice], size: int
) -> None:
    with transaction.atomic():
        for number, hook in enumerate(hooks):
            world.make(hook, event_type, number)
        for choice in choices:
            world.choose(event_type, choice)
        known = "git.push" if event_type == "retired.type" else event_type
        about_it = NewEvent(type=known, resource=world.resources.get(about))
        [stored] = record(world.acme, [about_it], source=Source.CONSOLE)
        Event.objects.filter(pk=stored.pk).update(type=event_type)
        event = read(stored)
        decided = in_bulk(world, event)
        before = explained(event, size)
        assert decided == before, "what the rules say"
        assert {each for each in decided if "@" not in each[0]} == expected(event_type, about, hooks, choices)
        route()
        event = read(stored)
        assert explained(event, size) == decided, "what was done"
        facts = Facts.read(event, find_members(event)[0])
        verdicts = [verdict for row in explain_members(facts) for verdict in row.verdicts]
        verdicts += [row.verdict for row in explain_hooks(facts)]
        assert all(verdict.why.endswith(".") for verdict in verdicts)
        assert all(not verdict.since for verdict in verdicts), "nothing was changed since"
        transaction.set_rollback(True)
