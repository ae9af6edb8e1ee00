"""The catalogue lists every event type and group; intake, routing, settings, pages and API read it.

To add a type, add one `EventType` here (and, if its data is of a new form, one sample in `events/samples.py`).
`events/checks.py` refuses a catalogue that contradicts itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from events import samples
from notifications_project.accounts.roles import Permission


class Outcome(StrEnum):
    """Good, bad or neutral news for people; pages and messages choose colour and word by it."""

    GOOD = "good"
    BAD = "bad"
    NEUTRAL = "neutral"


class EmailDefault(StrEnum):
    """The meaning of a member's e-mail setting `default` for a type (docs/who-is-told.md)."""

    ON = "on"
    OFF = "off"
    FOLLOW_HOOKS = "follow-hooks"


class Subject(StrEnum):
    """The kind of thing that an event's data describes."""

    STACK = "stack"
    SERVER = "server"
    JOB = "job"
    PROCESS = "process"
    APP = "app"
    APPLICATION = "application"
    ADDON = "addon"
    REPOSITORY = "repository"
    ORGANIZATION = "organization"
    ACCOUNT = "account"
    CREDITS = "credits"
    HOOK = "hook"
    DIGEST = "digest"


class Category(StrEnum):
    """The headings under which pages list the types."""

    STACKS = "Stacks"
    SERVERS = "Servers"
    JOBS = "Jobs"
    PROCESSES = "Processes"
    ACCESS = "Access"
    SERVICES = "Applications and add-ons"
    GIT = "Git"
    ORGANIZATION = "Organization and account"
    CREDITS = "Credits"
    HOOKS = "Hooks"


@dataclass(frozen=True)
class EventType:
    """An event type of the catalogue.

    `offered`: hooks and settings may choose the type. Events of a type that is not offered are never routed: the
    console records them for a user whom it tells itself.

    `permission` is needed to record the type through the API; None if only the console may record it. Events in the
    console's own name and about access need more than RECORD_EVENTS: people believe them, so a token for deployments
    must not be enough to write one.
    """

    name: str
    label: str
    subject: Subject
    outcome: Outcome
    email_default: EmailDefault
    category: Category
    sample: dict[str, Any] = field(compare=False)
    permission: Permission | None = Permission.RECORD_EVENTS
    offered: bool = True


@dataclass(frozen=True)
class EventGroup:
    """A named set of types, offered as one choice. Its name has no dot, so that it is never taken for a type."""

    name: str
    label: str
    types: tuple[str, ...]


GOOD, BAD, NEUTRAL = Outcome.GOOD, Outcome.BAD, Outcome.NEUTRAL
ADMINISTRATION = Permission.RECORD_ACCESS_EVENTS
ON, OFF, FOLLOW_HOOKS = EmailDefault.ON, EmailDefault.OFF, EmailDefault.FOLLOW_HOOKS

# The labels are the platform's own, with their spelling corrected: people know the types by them.
_PLATFORM_TYPES = (
    EventType(
        "stack.provision.ok", "Stack provisioned successfully",
        Subject.STACK, GOOD, FOLLOW_HOOKS, Category.STACKS, samples.deployment("success"),
    ),
    EventType(
        "stack.provision.fail", "Stack provision failed",
        Subject.STACK, BAD, FOLLOW_HOOKS, Category.STACKS, samples.deployment("failure"),
    ),
    EventType(
        "stack.redeploy.ok", "Stack redeployed successfully",
        Subject.STACK, GOOD, FOLLOW_HOOKS, Category.STACKS, samples.deployment("success"),
    ),
    EventType(
        "stack.redeploy.fail", "Stack redeploy failed",
        Subject.STACK, BAD, FOLLOW_HOOKS, Category.STACKS, samples.deployment("failure"),
    ),
    EventType(
        "server.stopped", "Server heartbeat stopped",
        Subject.SERVER, BAD, ON, Category.SERVERS, samples.server(0),
    ),
    EventType(
        "server.backon", "Server heartbeat restored",
        Subject.SERVER, GOOD, ON, Category.SERVERS, samples.server(1),
    ),
    EventType("job.fail", "Job run failed", Subject.JOB, BAD, ON, Category.JOBS, samples.job(3)),
    EventType("job.backon", "Job run succeeded (after fail)", Subject.JOB, GOOD, ON, Category.JOBS, samples.job(2)),
    EventType("process.down", "Process is down", Subject.PROCESS, BAD, ON, Category.PROCESSES, samples.process()),
    EventType(
        "app.auth", "App authorized to access the account",
        Subject.APP, NEUTRAL, ON, Category.ACCESS, samples.authorization(), ADMINISTRATION,
    ),
    EventType(
        "app.deauth", "App deauthorized from accessing the account",
        Subject.APP, NEUTRAL, ON, Category.ACCESS, samples.authorization(), ADMINISTRATION,
    ),
    EventType(
        "stack.redeploy.hook.fail", "Stack redeployment hook failed",
        Subject.STACK, BAD, ON, Category.STACKS, samples.redeploy_hook(),
    ),
    EventType(
        "stack.deploy.started", "Stack deployment started",
        Subject.STACK, NEUTRAL, OFF, Category.STACKS, samples.deployment("started"),
    ),
)  # fmt: skip

# Types that the notifications service of applications and add-ons adds. A stack is an application, so the result
# and the beginning of a deployment have no types of their own here: both use the stack types above.
_SERVICE_TYPES = (
    EventType(
        "stack.deploy.ended", "Stack deployment ended",
        Subject.STACK, NEUTRAL, OFF, Category.STACKS, samples.deployment_ended(),
    ),
    EventType(
        "application.created", "Application created",
        Subject.APPLICATION, NEUTRAL, OFF, Category.SERVICES, samples.application(),
    ),
    EventType(
        "application.edited", "Application edited",
        Subject.APPLICATION, NEUTRAL, OFF, Category.SERVICES, samples.application(),
    ),
    EventType(
        "application.deleted", "Application deleted",
        Subject.APPLICATION, NEUTRAL, OFF, Category.SERVICES, samples.application("SHOULD_BE_DOWN"),
    ),
    EventType(
        "application.redeploy", "Application redeployment requested",
        Subject.APPLICATION, NEUTRAL, OFF, Category.SERVICES, samples.application(),
    ),
    EventType(
        "application.stopped", "Application stopped",
        Subject.APPLICATION, NEUTRAL, OFF, Category.SERVICES, samples.application("SHOULD_BE_DOWN"),
    ),
    EventType("addon.created", "Add-on created", Subject.ADDON, NEUTRAL, OFF, Category.SERVICES, samples.addon()),
    EventType("addon.deleted", "Add-on deleted", Subject.ADDON, NEUTRAL, OFF, Category.SERVICES, samples.addon()),
    EventType("git.push", "Git push", Subject.REPOSITORY, NEUTRAL, OFF, Category.GIT, samples.git_push()),
    EventType(
        "organization.created", "Organization created",
        Subject.ORGANIZATION, NEUTRAL, OFF, Category.ORGANIZATION, samples.organization(), ADMINISTRATION,
    ),
    EventType(
        "organization.edited", "Organization edited",
        Subject.ORGANIZATION, NEUTRAL, OFF, Category.ORGANIZATION, samples.organization(), ADMINISTRATION,
    ),
    EventType(
        "organization.deleted", "Organization deleted",
        Subject.ORGANIZATION, NEUTRAL, OFF, Category.ORGANIZATION, samples.organization(), ADMINISTRATION,
    ),
    EventType(
        "organization.member_added", "Member added to the organization",
        Subject.ORGANIZATION, NEUTRAL, OFF, Category.ORGANIZATION, samples.member(), ADMINISTRATION,
    ),
    EventType(
        "account.created", "Account created",
        Subject.ACCOUNT, NEUTRAL, OFF, Category.ORGANIZATION, samples.account(), ADMINISTRATION,
    ),
    EventType(
        "account.edited", "Account edited",
        Subject.ACCOUNT, NEUTRAL, OFF, Category.ORGANIZATION, samples.account(), ADMINISTRATION,
    ),
    EventType(
        "account.deleted", "Account deleted",
        Subject.ACCOUNT, NEUTRAL, OFF, Category.ORGANIZATION, samples.account(), ADMINISTRATION,
    ),
    EventType(
        "credits.added", "Credits added",
        Subject.CREDITS, GOOD, OFF, Category.CREDITS, samples.credits_added(),
    ),
    EventType(
        "credits.warning", "Credits are running out",
        Subject.CREDITS, BAD, ON, Category.CREDITS, samples.credits_warning(),
    ),
    EventType(
        "cli.request", "Request by the command line tools",
        Subject.ACCOUNT, NEUTRAL, OFF, Category.ACCESS, samples.command_line(),
    ),
)  # fmt: skip

# Events about the console itself. The engine tells administrators and managers of hooks, whatever the default says.
_OWN_TYPES = (
    EventType(
        "hook.failing", "Hook is failing",
        Subject.HOOK, BAD, OFF, Category.HOOKS, samples.hook("failing"), permission=None,
    ),
    EventType(
        "hook.disabled", "Hook disabled",
        Subject.HOOK, BAD, OFF, Category.HOOKS, samples.hook("disabled"), permission=None,
    ),
    EventType(
        "hook.recovered", "Hook works again",
        Subject.HOOK, GOOD, OFF, Category.HOOKS, samples.hook("recovered"), permission=None,
    ),
    EventType(
        "account.digest", "Notifications from a quiet time",
        Subject.DIGEST, NEUTRAL, OFF, Category.ORGANIZATION, samples.digest(), permission=None, offered=False,
    ),
)  # fmt: skip

_DEPLOYMENT_RESULT = ("stack.provision.ok", "stack.provision.fail", "stack.redeploy.ok", "stack.redeploy.fail")

TYPES: tuple[EventType, ...] = _PLATFORM_TYPES + _SERVICE_TYPES + _OWN_TYPES
OFFERED: tuple[EventType, ...] = tuple(each for each in TYPES if each.offered)
ALL_GROUPS: tuple[EventGroup, ...] = (
    EventGroup("deployment-result", "Result of deployments (success/fail)", _DEPLOYMENT_RESULT),
    EventGroup(
        "service-lifecycle",
        "Service lifecycle",
        (*_DEPLOYMENT_RESULT, "stack.deploy.started", "application.stopped"),
    ),
    EventGroup(
        "service-management",
        "Service management",
        ("application.created", "application.edited", "application.deleted", "addon.created", "addon.deleted"),
    ),
    EventGroup("credits", "Credits", ("credits.added", "credits.warning")),
)

EVENT_TYPES: dict[str, EventType] = {each.name: each for each in TYPES}
GROUPS: dict[str, EventGroup] = {each.name: each for each in ALL_GROUPS}


def expand(names: Iterable[str] | None) -> frozenset[str]:
    """Return the types that these names of types and groups stand for; None is all, an unknown name none."""
    if names is None:
        return frozenset(each.name for each in OFFERED)
    expanded: set[str] = set()
    for name in names:
        if name in GROUPS:
            expanded.update(GROUPS[name].types)
        elif name in EVENT_TYPES:
            expanded.add(name)
    return frozenset(expanded)


def label(name: str) -> str:
    """Return the label of a type or group; a name that has left the catalogue is its own label."""
    known = EVENT_TYPES.get(name) or GROUPS.get(name)
    return known.label if known else name


def is_offered(name: str) -> bool:
    """Tell whether hooks and settings may choose this type."""
    known = EVENT_TYPES.get(name)
    return known is not None and known.offered


def by_category() -> dict[Category, list[EventType]]:
    """Return the offered types under their headings, in the order of `Category`."""
    return {category: [each for each in OFFERED if each.category == category] for category in Category}
