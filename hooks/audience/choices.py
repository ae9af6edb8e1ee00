"""What members chose, read: for an event, which of a member's channels, and why (docs/who-is-told.md).

The narrowest choice wins: the resource's, the organization's, everything's, else the catalogue's default. Matching
reads the choices of all members at once, in a number of queries that does not depend on how many they are; pages read
those of one. Both decide by `Choices.of`.
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

_FEW = 500  # members whose choices are looked up by name; beyond, all of the organization's are read
_OWN_NEWS = (Role.ADMIN, Role.MANAGER)  # who is told about trouble with hooks


class Breadth(StrEnum):
    """How far a choice reaches, the narrowest first."""

    RESOURCE = "resource"
    ORGANIZATION = "organization"
    EVERYTHING = "everything"
    DEFAULT = "default"


class Decision(NamedTuple):
    """`on`: told, whatever hooks say; not `on` but `chosen`: not told, whatever hooks say; else hooks decide.

    `by`: how far the choice that decided reaches.
    """

    on: bool
    by: Breadth

    @property
    def chosen(self) -> bool:
        return self.by != Breadth.DEFAULT


def default(event_type: str, channel: str, role: str = "") -> Decision:
    """What holds for who did not choose. Channels but e-mail are off until somebody turns them on.

    `role`: in the event's organization; admins and managers are e-mailed about trouble with hooks.
    """
    known = catalogue.EVENT_TYPES.get(event_type)
    if known is None or channel != Channel.Kind.EMAIL:
        return Decision(False, Breadth.DEFAULT)
    if known.subject == Subject.HOOK:
        return Decision(role in _OWN_NEWS, Breadth.DEFAULT)
    return Decision(known.email_default == EmailDefault.ON, Breadth.DEFAULT)


def follows_hooks(event_type: str, channel: str) -> bool:
    """Whether the default is what the organization's e-mail hooks say."""
    known = catalogue.EVENT_TYPES.get(event_type)
    return channel == Channel.Kind.EMAIL and known is not None and known.email_default == EmailDefault.FOLLOW_HOOKS


# By user: what was chosen for everything (None), for the organization or for resources of it (their ids).
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
        found = of_members(rows, organization, members).values_list(*columns)
        for user, event_type, channel, of, resource, enabled in found:
            chosen[event_type, channel][user][resource or of] = enabled
        return cls(organization.pk, chosen)

    def of(self, member: Member, event_type: str, channel: str, resource: UUID | None) -> Decision:
        """What a member gets of a type on a channel, for a resource or for none."""
        chosen = self.chosen.get((event_type, channel), {}).get(member.user_id)
        if chosen:
            if resource and resource in chosen:
                return Decision(chosen[resource], Breadth.RESOURCE)
            if self.organization in chosen:
                return Decision(chosen[self.organization], Breadth.ORGANIZATION)
            if None in chosen:
                return Decision(chosen[None], Breadth.EVERYTHING)
        return default(event_type, channel, member.role)

    def may_be_on(self, channel: str) -> bool:
        """Whether any member turned anything of these types on."""
        return any(
            enabled
            for (_, kind), by_user in self.chosen.items()
            if kind == channel
            for chosen in by_user.values()
            for enabled in chosen.values()
        )

    def who_chose(self, event_type: str, channel: str) -> Iterable[UUID]:
        """The members who chose anything of a type on a channel."""
        return self.chosen.get((event_type, channel), {})


def of_members(rows: QuerySet[Any], organization: Organization, members: Sequence[Member]) -> QuerySet[Any]:
    """Those of rows with a user that are of these members of an organization."""
    few = min(_FEW, connection.features.max_query_params or _FEW)
    if len(members) <= few:
        return rows.filter(user__in=[member.user_id for member in members])
    return rows.filter(user__memberships__organization=organization, user__is_active=True)


def kinds() -> list[str]:
    """The kinds of channels that work in this installation."""
    return [kind for kind in Channel.Kind.values if kind != Channel.Kind.IOS or settings.PUSH_CONFIGURED]
