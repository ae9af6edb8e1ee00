"""Effective settings of one user: for every event type and channel, whether it is on, who decided that, and why.

They are read in a fixed number of queries, for any number of organizations. The page of settings shows them; `rule`
says the same for counting what really happened. All words are in the language that is active.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from django.utils.translation import gettext

from events import catalogue
from events.catalogue import Subject
from events.models import Resource
from hooks.audience.choices import get_default, is_decided_by_hooks
from hooks.channels import services
from hooks.endpoints import devices
from hooks.models import Channel, Device, NotificationSetting
from hooks.preferences.naming_hooks import Naming, find_naming_hooks
from hooks.preferences.notification_settings import EVERYTHING, Scope
from hooks.presentation.phrases import join_names
from notifications_project.accounts.models import Membership, User

Kind = Channel.Kind


class State(StrEnum):
    ON = "on"
    OFF = "off"
    PARTLY = "partly"  # in some organizations, or for some applications


class CellState(NamedTuple):
    state: State
    why: str


class MissingKind(StrEnum):
    NOT_SET_UP = "not_set_up"
    NOT_CONFIGURED = "not_configured"  # by the operator
    NO_DEVICE = "no_device"


class Missing(NamedTuple):
    """A gap in a channel's set-up: in short for the head of a column, and at length with what to do about it."""

    kind: MissingKind
    short: str
    long: str


@dataclass(frozen=True, slots=True)
class SettingCell:
    """A cell of the grid: one event type on one channel, in one scope.

    `own`: chosen for just this scope; else what is wider decides, and `why` says what that is. `differs`: where
    narrower choices say otherwise. `usable`: the channel works; `why` says what is missing if it does not.
    """

    event_type: str
    channel: str
    state: State
    own: bool
    why: str
    differs: str = ""
    usable: bool = True


@dataclass(frozen=True, slots=True)
class Rule:
    """The setting for events of one type in one organization: `base`, but for the resources in `exceptions`."""

    base: bool
    exceptions: Mapping[UUID, bool] = field(default_factory=dict)

    def is_on(self, resource: UUID | None) -> bool:
        return self.exceptions.get(resource, self.base) if resource else self.base

    @property
    def may_be_on(self) -> bool:
        return self.base or any(self.exceptions.values())


@dataclass(slots=True)
class EffectiveSettings:
    """Everything that decides what one user is told."""

    user: User
    memberships: dict[UUID, Membership]  # by organization
    channels: dict[str, Channel]
    missing: dict[str, Missing]  # why a channel does not work, by kind
    hooks: dict[UUID, list[Naming]]  # by organization
    resources: dict[UUID, Resource]  # those with choices of their own
    # By event type and channel: what was chosen for everything (None), for organizations and for resources (their ids).
    chosen: dict[tuple[str, str], dict[UUID | None, bool]]

    @classmethod
    def read(cls, user: User, memberships: Sequence[Membership]) -> EffectiveSettings:
        """`memberships`: all of the user's, with their organizations loaded."""
        mine = {each.organization_id: each for each in memberships}
        chosen: dict[tuple[str, str], dict[UUID | None, bool]] = defaultdict(dict)
        resources: dict[UUID, Resource] = {}
        for row in NotificationSetting.objects.filter(user=user).select_related("resource"):
            if row.resource and row.resource.organization_id in mine:
                resources[row.resource.pk] = row.resource
            elif row.resource or (row.organization_id and row.organization_id not in mine):
                continue  # the user has left
            chosen[row.event_type, row.channel][row.resource_id or row.organization_id] = row.enabled
        own = services.list_channels(user)
        return cls(user, mine, own, _find_missing(user, own), find_naming_hooks(user, memberships), resources, chosen)

    def count_choices(self) -> dict[UUID | None, int]:
        """Count the choices for everything (None), for each organization and each resource."""
        counts: dict[UUID | None, int] = defaultdict(int)
        for (event_type, _), by_scope in self.chosen.items():
            for scope in by_scope if catalogue.is_offered(event_type) else ():
                counts[scope] += 1
        return counts

    def build_cell(self, event_type: str, channel: str, scope: Scope) -> SettingCell:
        chosen = self.chosen.get((event_type, channel), {})
        key = get_scope_id(scope)
        own = key in chosen
        if missing := self.missing.get(channel):
            return SettingCell(event_type, channel, State.OFF, own, missing.long, usable=False)
        told = _tell_own_choice(chosen[key]) if own else self._find_inherited(event_type, channel, scope)
        return SettingCell(
            event_type, channel, told.state, own, told.why, self._differs(event_type, channel, scope, told)
        )

    def find_rule(self, organization: UUID, event_type: str, channel: str) -> Rule:
        """Return the effective setting for the events of a type in an organization."""
        if channel in self.missing:
            return Rule(False)
        chosen = self.chosen.get((event_type, channel), {})
        base = chosen.get(organization, chosen.get(None))
        exceptions: dict[UUID, bool] = {}
        if base is None:
            base = get_default(event_type, channel, self.memberships[organization].role).on
            if not base and channel == Kind.EMAIL:
                telling = [hook for hook in self._find_asking(organization, event_type) if not hook.unsubscribed]
                base = any(not hook.restricted for hook in telling)
                exceptions = {} if base else {each: True for hook in telling for each in hook.resources}
        exceptions |= {key: on for key, on in chosen.items() if key and self._is_of(key, organization)}
        return Rule(base, exceptions)

    def _is_of(self, resource: UUID, organization: UUID) -> bool:
        return resource in self.resources and self.resources[resource].organization_id == organization

    # --- What is wider -----------------------------------------------------------------------------------------

    def _find_inherited(self, event_type: str, channel: str, scope: Scope) -> CellState:
        """Return the setting that holds where nothing was chosen for just this scope."""
        chosen = self.chosen.get((event_type, channel), {})
        if scope == EVERYTHING:
            return self._find_general_default(event_type, channel)
        organization = get_organization_id(scope)
        if scope.resource and organization in chosen:
            name = self.memberships[organization].organization.name
            return _tell_wider_choice(name, chosen[organization])
        if None in chosen:
            return _tell_general_choice(chosen[None])
        return self._find_default(event_type, channel, organization, scope.resource.pk if scope.resource else None)

    def _find_default(self, event_type: str, channel: str, organization: UUID, resource: UUID | None) -> CellState:
        """In one organization; `resource` None: for whatever it has."""
        if channel != Kind.EMAIL:
            return CellState(State.OFF, gettext("Off until you turn it on"))
        membership = self.memberships[organization]
        if get_default(event_type, channel, membership.role).on:
            return CellState(State.ON, _explain_default(event_type, membership))
        asking = self._find_asking(organization, event_type)
        telling = [hook for hook in asking if not hook.unsubscribed]
        whole = [hook for hook in telling if not hook.restricted or (resource and resource in hook.resources)]
        some = [hook for hook in telling if hook.resources] if resource is None else []
        return _tell_hooks(membership.organization.name, whole, some, asking, is_decided_by_hooks(event_type, channel))

    def _find_general_default(self, event_type: str, channel: str) -> CellState:
        if channel != Kind.EMAIL:
            return CellState(State.OFF, gettext("Off until you turn it on"))
        if get_default(event_type, channel).on:
            return CellState(State.ON, gettext("On by default"))
        each = [
            (membership.organization.name, self._find_default(event_type, channel, organization, None))
            for organization, membership in self.memberships.items()
        ]
        states = {told.state for _, told in each}
        if len(each) == 1:
            return each[0][1]
        if states == {State.OFF} and not is_decided_by_hooks(event_type, channel):
            return CellState(State.OFF, gettext("Off by default"))
        state = states.pop() if len(states) == 1 else State.PARTLY
        return CellState(state, _describe_everywhere(event_type, channel) % {"where": _join_places(each)})

    def _find_asking(self, organization: UUID, event_type: str) -> list[Naming]:
        return [hook for hook in self.hooks.get(organization, ()) if event_type in hook.types]

    # --- What is narrower --------------------------------------------------------------------------------------

    def _differs(self, event_type: str, channel: str, scope: Scope, told: CellState) -> str:
        """Return where narrower choices say otherwise: "differs in Acme (off) and for shop (on)"."""
        if scope.resource:
            return ""
        names = []
        for key, on in self.chosen.get((event_type, channel), {}).items():
            state = State.ON if on else State.OFF
            if key is None or state == told.state:
                continue
            if key in self.resources:
                if scope.organization is None or self._is_of(key, scope.organization.pk):
                    words = gettext("for %(name)s (on)") if on else gettext("for %(name)s (off)")
                    names.append(words % {"name": self.resources[key].name})
            elif scope.organization is None:
                words = gettext("in %(name)s (on)") if on else gettext("in %(name)s (off)")
                names.append(words % {"name": self.memberships[key].organization.name})
        return gettext("differs %(where)s") % {"where": join_names(names)} if names else ""


def get_scope_id(scope: Scope) -> UUID | None:
    """The organization or resource that choices of a scope are for; None for everything."""
    return next(filter(None, scope.key.values()), None)


def get_organization_id(scope: Scope) -> UUID:
    """Return the organization of a scope, which is an organization or a resource."""
    if scope.resource:
        return scope.resource.organization_id
    assert scope.organization
    return scope.organization.pk


def _find_missing(user: User, own: Mapping[str, Channel]) -> dict[str, Missing]:
    """Return why channels do not work, by kind."""
    found = {
        kind.value: Missing(
            MissingKind.NOT_SET_UP,
            gettext("%(channel)s is not set up") % {"channel": kind.label},
            gettext("%(channel)s is not set up: a click opens its form") % {"channel": kind.label},
        )
        for kind in Kind
        if kind != Kind.EMAIL and kind not in own
    }
    if explanation := devices.explain_no_push():
        found[Kind.IOS] = Missing(MissingKind.NOT_CONFIGURED, gettext("iOS push is not configured here"), explanation)
    elif Kind.IOS in own and not Device.objects.filter(user=user).exists():
        found[Kind.IOS] = Missing(
            MissingKind.NO_DEVICE,
            gettext("No iPhone or iPad is registered"),
            gettext("No iPhone or iPad is registered: a click shows how to do it"),
        )
    return found


# --- Words ---------------------------------------------------------------------------------------------------


def _tell_own_choice(on: bool) -> CellState:
    if on:
        return CellState(State.ON, gettext("On, you chose it"))
    return CellState(State.OFF, gettext("Off, you chose it"))


def _tell_wider_choice(wider: str, on: bool) -> CellState:
    words = gettext("As for %(scope)s: on, you chose it") if on else gettext("As for %(scope)s: off, you chose it")
    return CellState(State.ON if on else State.OFF, words % {"scope": wider})


def _tell_general_choice(on: bool) -> CellState:
    if on:
        return CellState(State.ON, gettext("As for everything: on, you chose it"))
    return CellState(State.OFF, gettext("As for everything: off, you chose it"))


def _explain_default(event_type: str, membership: Membership) -> str:
    if catalogue.EVENT_TYPES[event_type].subject != Subject.HOOK:
        return gettext("On by default")
    return gettext("On by default because of your role in %(organization)s (%(role)s)") % {
        "organization": membership.organization.name,
        "role": membership.get_role_display(),
    }


def _tell_hooks(
    name: str, whole: Sequence[Naming], some: Sequence[Naming], asking: Sequence[Naming], follows: bool
) -> CellState:
    """Return the effect of an organization's e-mail hooks on a default that is not on by itself."""
    if whole:
        state, hooks, words = State.ON, whole, _describe_all(follows)
    elif some:
        state, hooks, words = State.PARTLY, some, _describe_some(follows)
    elif asking and all(hook.unsubscribed for hook in asking):
        state, hooks, words = State.OFF, asking, _describe_unsubscribed(follows)
    else:
        state, hooks, words = State.OFF, asking, _describe_none(follows)
    return CellState(state, words % {"organization": name, "hooks": _name_hooks(hooks)})


def _describe_all(follows: bool) -> str:
    if follows:
        return gettext("Follows the e-mail hooks of %(organization)s: on because of %(hooks)s")
    return gettext("Off by default, but on because of %(hooks)s of %(organization)s")


def _describe_some(follows: bool) -> str:
    if follows:
        return gettext("Follows the e-mail hooks of %(organization)s: for some applications because of %(hooks)s")
    return gettext("Off by default, but on for some applications because of %(hooks)s of %(organization)s")


def _describe_unsubscribed(follows: bool) -> str:
    if follows:
        return gettext("Follows the e-mail hooks of %(organization)s: off, you unsubscribed from %(hooks)s")
    return gettext("Off by default, and you unsubscribed from %(hooks)s of %(organization)s")


def _describe_none(follows: bool) -> str:
    if follows:
        return gettext("Follows the e-mail hooks of %(organization)s: off, no hook sends this to you")
    return gettext("Off by default")


def _name_hooks(hooks: Iterable[Naming]) -> str:
    return join_names([gettext("“%(name)s”") % {"name": hook.name} for hook in hooks], most=2)


def _describe_everywhere(event_type: str, channel: str) -> str:
    if is_decided_by_hooks(event_type, channel):
        return gettext("Follows the e-mail hooks of your organizations: %(where)s")
    if catalogue.EVENT_TYPES[event_type].subject == Subject.HOOK:
        return gettext("On by default where you are an administrator or a manager: %(where)s")
    return gettext("Off by default, but hooks ask for it: %(where)s")


def _join_places(each: Sequence[tuple[str, CellState]]) -> str:
    """Return text such as "on in Acme and Other, off in Ada"."""
    by_state: dict[State, list[str]] = defaultdict(list)
    for name, told in each:
        by_state[told.state].append(name)
    if len(by_state) == 1 and len(each) > 2:
        return _describe_all_alike(each[0][1].state)
    words = {
        State.ON: gettext("on in %(names)s"),
        State.PARTLY: gettext("for some applications in %(names)s"),
        State.OFF: gettext("off in %(names)s"),
    }
    return ", ".join(
        words[state] % {"names": join_names(by_state[state], most=3)} for state in State if state in by_state
    )


def _describe_all_alike(state: State) -> str:
    if state == State.ON:
        return gettext("on in all of them")
    return gettext("off in all of them") if state == State.OFF else gettext("for some applications in all of them")
