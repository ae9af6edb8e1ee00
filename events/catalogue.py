"""The catalogue lists every event type and group; intake, routing, settings, pages and API read it.

To add a type, add one `EventType` here (and, if its data is of a new form, one sample in `events/samples.py`).
`events/checks.py` refuses a catalogue that contradicts itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from events import samples
from notifications_project.accounts.languages import ENGLISH
from notifications_project.accounts.roles import Permission

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class Outcome(models.TextChoices):
    """Good, bad or neutral news for people; pages and messages choose colour and word by it."""

    GOOD = "good", pgettext_lazy("outcome", "Good")
    BAD = "bad", pgettext_lazy("outcome", "Bad")
    NEUTRAL = "neutral", pgettext_lazy("outcome", "Neutral")


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


class Category(models.TextChoices):
    """The headings under which pages list the types."""

    STACKS = "stacks", _("Stacks")
    SERVERS = "servers", _("Servers")
    JOBS = "jobs", _("Jobs")
    PROCESSES = "processes", _("Processes")
    ACCESS = "access", pgettext_lazy("event", "Access")
    SERVICES = "services", _("Applications and add-ons")
    GIT = "git", _("Git")
    ORGANIZATION = "organization", _("Organization and account")
    CREDITS = "credits", _("Credits")
    HOOKS = "hooks", _("Hooks")


@dataclass(frozen=True)
class EventType:
    """An event type of the catalogue.

    `label` is in the language that is active when it is read.

    `offered`: hooks and settings may choose the type. Events of a type that is not offered are never routed: the
    console records them for a user whom it tells itself.

    `permission` is needed to record the type through the API; None if only the console may record it. Events in the
    console's own name and about access need more than RECORD_EVENTS: people believe them, so a token for deployments
    must not be enough to write one.
    """

    name: str
    label: StrOrPromise
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
    label: StrOrPromise
    types: tuple[str, ...]


GOOD, BAD, NEUTRAL = Outcome.GOOD, Outcome.BAD, Outcome.NEUTRAL
ADMINISTRATION = Permission.RECORD_ACCESS_EVENTS
ON, OFF, FOLLOW_HOOKS = EmailDefault.ON, EmailDefault.OFF, EmailDefault.FOLLOW_HOOKS

# The labels are the platform's own, with their spelling corrected: people know the types by them.
_PLATFORM_TYPES = (
    EventType(
        "stack.provision.ok", _("Stack provisioned successfully"),
        Subject.STACK, GOOD, FOLLOW_HOOKS, Category.STACKS, samples.build_deployment("success"),
    ),
    EventType(
        "stack.provision.fail", _("Stack provision failed"),
        Subject.STACK, BAD, FOLLOW_HOOKS, Category.STACKS, samples.build_deployment("failure"),
    ),
    EventType(
        "stack.redeploy.ok", _("Stack redeployed successfully"),
        Subject.STACK, GOOD, FOLLOW_HOOKS, Category.STACKS, samples.build_deployment("success"),
    ),
    EventType(
        "stack.redeploy.fail", _("Stack redeploy failed"),
        Subject.STACK, BAD, FOLLOW_HOOKS, Category.STACKS, samples.build_deployment("failure"),
    ),
    EventType(
        "server.stopped", _("Server heartbeat stopped"),
        Subject.SERVER, BAD, ON, Category.SERVERS, samples.build_server(0),
    ),
    EventType(
        "server.backon", _("Server heartbeat restored"),
        Subject.SERVER, GOOD, ON, Category.SERVERS, samples.build_server(1),
    ),
    EventType("job.fail", _("Job run failed"), Subject.JOB, BAD, ON, Category.JOBS, samples.build_job(3)),
    EventType(
        "job.backon", _("Job run succeeded (after fail)"),
        Subject.JOB, GOOD, ON, Category.JOBS, samples.build_job(2),
    ),
    EventType(
        "process.down", _("Process is down"),
        Subject.PROCESS, BAD, ON, Category.PROCESSES, samples.build_process(),
    ),
    EventType(
        "app.auth", _("App authorized to access the account"),
        Subject.APP, NEUTRAL, ON, Category.ACCESS, samples.build_authorization(), ADMINISTRATION,
    ),
    EventType(
        "app.deauth", _("App deauthorized from accessing the account"),
        Subject.APP, NEUTRAL, ON, Category.ACCESS, samples.build_authorization(), ADMINISTRATION,
    ),
    EventType(
        "stack.redeploy.hook.fail", _("Stack redeployment hook failed"),
        Subject.STACK, BAD, ON, Category.STACKS, samples.build_redeploy_hook(),
    ),
    EventType(
        "stack.deploy.started", _("Stack deployment started"),
        Subject.STACK, NEUTRAL, OFF, Category.STACKS, samples.build_deployment("started"),
    ),
)  # fmt: skip

# Types that the notifications service of applications and add-ons adds. A stack is an application, so the result
# and the beginning of a deployment have no types of their own here: both use the stack types above.
_SERVICE_TYPES = (
    EventType(
        "stack.deploy.ended", _("Stack deployment ended"),
        Subject.STACK, NEUTRAL, OFF, Category.STACKS, samples.build_deployment_ended(),
    ),
    EventType(
        "application.created", _("Application created"),
        Subject.APPLICATION, NEUTRAL, OFF, Category.SERVICES, samples.build_application(),
    ),
    EventType(
        "application.edited", _("Application edited"),
        Subject.APPLICATION, NEUTRAL, OFF, Category.SERVICES, samples.build_application(),
    ),
    EventType(
        "application.deleted", _("Application deleted"),
        Subject.APPLICATION, NEUTRAL, OFF, Category.SERVICES, samples.build_application("SHOULD_BE_DOWN"),
    ),
    EventType(
        "application.redeploy", _("Application redeployment requested"),
        Subject.APPLICATION, NEUTRAL, OFF, Category.SERVICES, samples.build_application(),
    ),
    EventType(
        "application.stopped", _("Application stopped"),
        Subject.APPLICATION, NEUTRAL, OFF, Category.SERVICES, samples.build_application("SHOULD_BE_DOWN"),
    ),
    EventType(
        "addon.created", _("Add-on created"),
        Subject.ADDON, NEUTRAL, OFF, Category.SERVICES, samples.build_addon(),
    ),
    EventType(
        "addon.deleted", _("Add-on deleted"),
        Subject.ADDON, NEUTRAL, OFF, Category.SERVICES, samples.build_addon(),
    ),
    EventType("git.push", _("Git push"), Subject.REPOSITORY, NEUTRAL, OFF, Category.GIT, samples.build_git_push()),
    EventType(
        "organization.created", _("Organization created"),
        Subject.ORGANIZATION, NEUTRAL, OFF, Category.ORGANIZATION, samples.build_organization(), ADMINISTRATION,
    ),
    EventType(
        "organization.edited", _("Organization edited"),
        Subject.ORGANIZATION, NEUTRAL, OFF, Category.ORGANIZATION, samples.build_organization(), ADMINISTRATION,
    ),
    EventType(
        "organization.deleted", _("Organization deleted"),
        Subject.ORGANIZATION, NEUTRAL, OFF, Category.ORGANIZATION, samples.build_organization(), ADMINISTRATION,
    ),
    EventType(
        "organization.member_added", _("Member added to the organization"),
        Subject.ORGANIZATION, NEUTRAL, OFF, Category.ORGANIZATION, samples.build_member(), ADMINISTRATION,
    ),
    EventType(
        "account.created", _("Account created"),
        Subject.ACCOUNT, NEUTRAL, OFF, Category.ORGANIZATION, samples.build_account(), ADMINISTRATION,
    ),
    EventType(
        "account.edited", _("Account edited"),
        Subject.ACCOUNT, NEUTRAL, OFF, Category.ORGANIZATION, samples.build_account(), ADMINISTRATION,
    ),
    EventType(
        "account.deleted", _("Account deleted"),
        Subject.ACCOUNT, NEUTRAL, OFF, Category.ORGANIZATION, samples.build_account(), ADMINISTRATION,
    ),
    EventType(
        "credits.added", _("Credits added"),
        Subject.CREDITS, GOOD, OFF, Category.CREDITS, samples.build_credits_added(),
    ),
    EventType(
        "credits.warning", _("Credits are running out"),
        Subject.CREDITS, BAD, ON, Category.CREDITS, samples.build_credits_warning(),
    ),
    EventType(
        "cli.request", _("Request by the command line tools"),
        Subject.ACCOUNT, NEUTRAL, OFF, Category.ACCESS, samples.build_command_line(),
    ),
)  # fmt: skip

# Events about the console itself. The engine tells administrators and managers of hooks, whatever the default says.
_OWN_TYPES = (
    EventType(
        "hook.failing", _("Hook is failing"),
        Subject.HOOK, BAD, OFF, Category.HOOKS, samples.build_hook("failing"), permission=None,
    ),
    EventType(
        "hook.disabled", _("Hook disabled"),
        Subject.HOOK, BAD, OFF, Category.HOOKS, samples.build_hook("disabled"), permission=None,
    ),
    EventType(
        "hook.recovered", _("Hook works again"),
        Subject.HOOK, GOOD, OFF, Category.HOOKS, samples.build_hook("recovered"), permission=None,
    ),
    EventType(
        "account.digest", _("Notifications from a quiet time"),
        Subject.DIGEST, NEUTRAL, OFF, Category.ORGANIZATION, samples.build_digest(), permission=None, offered=False,
    ),
)  # fmt: skip

_DEPLOYMENT_RESULT = ("stack.provision.ok", "stack.provision.fail", "stack.redeploy.ok", "stack.redeploy.fail")

TYPES: tuple[EventType, ...] = _PLATFORM_TYPES + _SERVICE_TYPES + _OWN_TYPES
OFFERED: tuple[EventType, ...] = tuple(each for each in TYPES if each.offered)
ALL_GROUPS: tuple[EventGroup, ...] = (
    EventGroup("deployment-result", _("Result of deployments (success/fail)"), _DEPLOYMENT_RESULT),
    EventGroup(
        "service-lifecycle",
        _("Service lifecycle"),
        (*_DEPLOYMENT_RESULT, "stack.deploy.started", "application.stopped"),
    ),
    EventGroup(
        "service-management",
        _("Service management"),
        ("application.created", "application.edited", "application.deleted", "addon.created", "addon.deleted"),
    ),
    EventGroup("credits", _("Credits"), ("credits.added", "credits.warning")),
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


def get_label(name: str) -> str:
    """Return the label of a type or group in the active language; a name that has left the catalogue is its own."""
    known = EVENT_TYPES.get(name) or GROUPS.get(name)
    return str(known.label) if known else name


def get_english_label(name: str) -> str:
    """Return the label for what is stored: the audit log and the data of events, which many people read."""
    with translation.override(ENGLISH):
        return get_label(name)


def is_offered(name: str) -> bool:
    """Tell whether hooks and settings may choose this type."""
    known = EVENT_TYPES.get(name)
    return known is not None and known.offered


def group_by_category() -> dict[Category, list[EventType]]:
    """Return the offered types under their headings, in the order of `Category`."""
    return {category: [each for each in OFFERED if each.category == category] for category in Category}
