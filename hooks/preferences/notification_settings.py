"""Writes notification settings: event types on channels, for everything, one organization or one resource.

Every change says what stood before, so that it can be undone; ends what waits that is no longer wanted; and leaves one
audit entry in the user's personal space.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext

from events import catalogue
from events.models import Resource
from hooks import clock
from hooks.audience.choices import Choices
from hooks.audience.quiet_times import can_be_urgent
from hooks.audience.recipients import Member
from hooks.channels import services
from hooks.locking import lock_each_delivery, lock_endpoints, lock_organizations_of
from hooks.models import Channel, Delivery, NotificationSetting, Urgent
from hooks.remarks import Remark, RemarkCode
from notifications_project.accounts import audit
from notifications_project.accounts.models import Membership, Organization, User
from notifications_project.accounts.organizations import ensure_personal_space
from notifications_project.bulk import split_into_chunks
from notifications_project.field_errors import FieldErrors


class InvalidSetting(FieldErrors):
    """A choice is invalid: its `event_type`, `channel` or `scope`."""


class NotSetUp(InvalidSetting):
    """The channel has to be set up before anything can be turned on for it."""

    def __init__(self, channel: str) -> None:
        self.channel = Channel.Kind(channel)
        super().__init__({"channel": gettext("%(channel)s is not set up.") % {"channel": self.channel.label}})


@dataclass(frozen=True)
class Scope:
    """The scope of a choice: one resource, one organization, or (neither) everything."""

    organization: Organization | None = None
    resource: Resource | None = None

    def __str__(self) -> str:
        return self.resource.name if self.resource else self.organization.name if self.organization else "everything"

    @property
    def key(self) -> dict[str, UUID | None]:
        """The columns of its settings."""
        return {
            "organization_id": None if self.resource or not self.organization else self.organization.pk,
            "resource_id": self.resource.pk if self.resource else None,
        }


EVERYTHING = Scope()


@dataclass(frozen=True)
class Choice:
    """A choice for one event type and channel. `enabled` None is no choice: the wider scope decides."""

    event_type: str
    channel: str
    enabled: bool | None


def list_offered() -> list[str]:
    """List the event types that can be chosen, in the catalogue's order."""
    return [each.name for types in catalogue.group_by_category().values() for each in types]


def read_choices(user: User, scope: Scope = EVERYTHING) -> dict[tuple[str, str], bool]:
    """Return what the user chose for just this scope, by event type and channel."""
    rows = NotificationSetting.objects.filter(user=user, **scope.key)
    return {(name, channel): on for name, channel, on in rows.values_list("event_type", "channel", "enabled")}


def choose(user: User, wanted: Sequence[Choice], scope: Scope = EVERYTHING) -> list[Choice]:
    """Store all choices or none; return the former ones where they changed, for undo. Raises InvalidSetting."""
    _check(user, wanted, scope)
    with transaction.atomic():
        space = ensure_personal_space(user)
        lock_organizations_of([user.pk])
        stands = read_choices(user, scope)
        last = {(each.event_type, each.channel): each.enabled for each in wanted}
        changes = {key: enabled for key, enabled in last.items() if stands.get(key) != enabled}
        if not changes:
            return []
        _write(user, scope, changes)
        _end_unwanted(user, {channel for _, channel in changes}, {event_type for event_type, _ in changes})
        told = sorted(
            {f"{catalogue.get_english_label(name)}: {Channel.Kind(channel).english}" for name, channel in changes}
        )
        audit.record(space, user, "notification_settings.changed", str(scope), settings=told[:20], number=len(told))
    return [Choice(*key, stands.get(key)) for key in changes]


@transaction.atomic
def mark_urgent(user: User, event_type: str, urgent: bool) -> None:
    """Set that bad news of a type passes snooze and quiet hours, or does not. Raises InvalidSetting."""
    if not can_be_urgent(event_type):
        raise InvalidSetting({"event_type": gettext("Only bad news can pass quiet times.")})
    if urgent:
        _, changed = Urgent.objects.get_or_create(user=user, event_type=event_type)
    else:
        changed = bool(Urgent.objects.filter(user=user, event_type=event_type).delete()[0])
    if changed:
        action = "notification_settings.made_urgent" if urgent else "notification_settings.made_not_urgent"
        audit.record(ensure_personal_space(user), user, action, catalogue.get_english_label(event_type))


def find_problems(user: User, wanted: Sequence[Choice]) -> list[tuple[int, InvalidSetting]]:
    """Return the problems of choices, by the place of each."""
    known, there = set(list_offered()), services.list_channels(user)
    found: list[tuple[int, InvalidSetting]] = []
    for index, each in enumerate(wanted):
        if each.event_type not in known:
            found.append(
                (
                    index,
                    InvalidSetting(
                        {"event_type": gettext("Unknown event type: %(type)s.") % {"type": each.event_type}}
                    ),
                )
            )
        elif each.channel not in Channel.Kind.values:
            words = gettext("Unknown channel: choose one of %(channels)s.") % {
                "channels": ", ".join(Channel.Kind.values)
            }
            found.append((index, InvalidSetting({"channel": words})))
        elif each.enabled and each.channel != Channel.Kind.EMAIL and each.channel not in there:
            found.append((index, NotSetUp(each.channel)))
    return found


def _check(user: User, wanted: Sequence[Choice], scope: Scope) -> None:
    for _, problem in find_problems(user, wanted):
        raise problem
    organization = scope.resource.organization_id if scope.resource else scope.organization and scope.organization.pk
    if organization and not Membership.objects.filter(user=user, organization=organization).exists():
        raise InvalidSetting({"scope": gettext("You are not a member there.")})


def _write(user: User, scope: Scope, changes: dict[tuple[str, str], bool | None]) -> None:
    rows = NotificationSetting.objects.filter(user=user, **scope.key)
    replaced = [
        pk for pk, name, channel in rows.values_list("pk", "event_type", "channel") if (name, channel) in changes
    ]
    rows.filter(pk__in=replaced).delete()
    NotificationSetting.objects.bulk_create(
        NotificationSetting(user=user, event_type=name, channel=channel, enabled=enabled, **scope.key)
        for (name, channel), enabled in changes.items()
        if enabled is not None
    )


def _end_unwanted(user: User, kinds: Collection[str], types: Collection[str]) -> None:
    """Cancel what waits although its user wants no more of it, by what stands now."""
    for kind in sorted(kinds):
        channel = services.list_channels(user).get(kind) or Channel(user=user, kind=kind)
        if not lock_endpoints(services.find_endpoints(channel).values_list("pk")):
            continue
        waiting = services.find_waiting(channel).filter(event__type__in=types, event__is_test=False)
        rows = waiting.select_related("event", "organization").defer("event__representation")
        unwanted: list[UUID] = []
        read: dict[UUID, Choices] = {}
        for delivery in lock_each_delivery(rows):
            member = Member(user.pk, "", user.email)
            if delivery.organization_id not in read:
                read[delivery.organization_id] = Choices.read(delivery.organization, types, [member])
            event = delivery.event
            decision = read[delivery.organization_id].decide(member, event.type, kind, event.resource_id)
            if not decision.on and (decision.chosen or kind != Channel.Kind.EMAIL):
                unwanted.append(delivery.pk)
        for some in split_into_chunks(unwanted):
            Delivery.objects.filter(pk__in=some).cancel(Remark(RemarkCode.TURNED_OFF), clock.now())


__all__ = ["EVERYTHING", "Choice", "InvalidSetting", "NotSetUp", "Scope", "choose", "mark_urgent", "read_choices"]
