"""Read the choices of members: which channels get an event, and why (docs/who-is-told.md).

The narrowest choice wins: for the resource, for the organization, for everything, else the catalogue's default. Routing
reads the choices of all members with a constant number of queries; pages read those of one member. Both decide with
`Choices.decide`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet

from events import catalogue
from events.catalogue import EmailDefault, Subject
from hooks.audience.recipients import Member
from hooks.models import Channel, NotificationSetting
from notifications_project.accounts.models import Organization
from notifications_project.accounts.roles import Role

_FEW = 500  # up to so many members are named in a query; for more, all rows of the organization are read
_OWN_NEWS = (Role.ADMIN, Role.MANAGER)  # roles that are told about trouble with hooks


class Breadth(StrEnum):
    """The scope of a choice, narrowest first."""

    RESOURCE = "resource"
    ORGANIZATION = "organization"
    EVERYTHING = "everything"
    DEFAULT = "default"


class Decision(NamedTuple):
    """The decision for one member, event type and channel.

    If `on`, the member is told whatever hooks say. If not `on` but `chosen`, the member is not told whatever hooks say.
    Otherwise hooks decide. `by` is the scope of the choice that decided.
    """

    on: bool
    by: Breadth

    @property
    def chosen(self) -> bool:
        return self.by != Breadth.DEFAULT


def get_default(event_type: str, channel: str, role: str = "") -> Decision:
    """Return the default for a member without a choice. Only e-mail can be on by default.

    `role` is the one in the event's organization: administrators and managers are e-mailed about trouble with hooks.
    """
    known = catalogue.EVENT_TYPES.get(event_type)
    if known is None or channel != Channel.Kind.EMAIL:
        return Decision(False, Breadth.DEFAULT)
    if known.subject == Subject.HOOK:
        return Decision(role in _OWN_NEWS, Breadth.DEFAULT)
    return Decision(known.email_default == EmailDefault.ON, Breadth.DEFAULT)


def is_decided_by_hooks(event_type: str, channel: str) -> bool:
    """Tell whether, without a choice, the organization's e-mail hooks decide."""
    known = catalogue.EVENT_TYPES.get(event_type)
    return channel == Channel.Kind.EMAIL and known is not None and known.email_default == EmailDefault.FOLLOW_HOOKS


# The choices by user and then by scope: None for everything, else the id of the organization or resource.
_Chosen = dict[UUID, dict[UUID | None, bool]]


@dataclass(slots=True)
class Choices:
    """The choices of an organization's members about some event types."""

    organization: UUID
    chosen: dict[tuple[str, str], _Chosen] = field(default_factory=dict)  # by event type and channel

    @classmethod
    def read(cls, organization: Organization, types: Collection[str], members: Sequence[Member]) -> Choices:
        rows = NotificationSetting.objects.filter(event_type__in=types)
        rows = rows.filter(
            Q(organization=None, resource=None) | Q(organization=organization) | Q(resource__organization=organization)
        )
        chosen: dict[tuple[str, str], _Chosen] = defaultdict(lambda: defaultdict(dict))
        columns = ("user_id", "event_type", "channel", "organization_id", "resource_id", "enabled")
        found = filter_by_members(rows, organization, members).values_list(*columns)
        for user, event_type, channel, of, resource, enabled in found:
            chosen[event_type, channel][user][resource or of] = enabled
        return cls(organization.pk, chosen)

    def decide(self, member: Member, event_type: str, channel: str, resource: UUID | None) -> Decision:
        """Decide whether a member gets an event type on a channel, for a resource or for none (docs/who-is-told.md)."""
        chosen = self.chosen.get((event_type, channel), {}).get(member.user_id)
        if chosen:
            if resource and resource in chosen:
                return Decision(chosen[resource], Breadth.RESOURCE)
            if self.organization in chosen:
                return Decision(chosen[self.organization], Breadth.ORGANIZATION)
            if None in chosen:
                return Decision(chosen[None], Breadth.EVERYTHING)
        return get_default(event_type, channel, member.role)

    def may_be_on(self, channel: str) -> bool:
        """Tell whether any member turned one of these types on for a channel."""
        return any(
            enabled
            for (_, kind), by_user in self.chosen.items()
            if kind == channel
            for chosen in by_user.values()
            for enabled in chosen.values()
        )

    def find_choosers(self, event_type: str, channel: str) -> Iterable[UUID]:
        """Return the ids of members with a choice for a type on a channel."""
        return self.chosen.get((event_type, channel), {})


def filter_by_members(rows: QuerySet[Any], organization: Organization, members: Sequence[Member]) -> QuerySet[Any]:
    """Filter rows with a `user` to these members of an organization."""
    few = min(_FEW, connection.features.max_query_params or _FEW)
    if len(members) <= few:
        return rows.filter(user__in=[member.user_id for member in members])
    return rows.filter(user__memberships__organization=organization, user__is_active=True)


def list_kinds() -> list[str]:
    """Return the kinds of channels that work in this installation: iOS only with a push configuration."""
    return [kind for kind in Channel.Kind.values if kind != Channel.Kind.IOS or settings.PUSH_CONFIGURED]
