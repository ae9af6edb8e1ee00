"""Recipients of e-mail hooks, and those who get nothing: unsubscribed, not confirmed, deactivated or refused.

Routing reads them for many events at once (`OptOuts`), pages and API for many hooks at once
(`find_skipped_addresses`). The number of queries does not grow with either.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from hooks import clock
from hooks.models import Endpoint, Hook, Unsubscription
from hooks.models.endpoint import SEVERAL_FAILED
from notifications_project.accounts.models import Membership, Organization, User
from notifications_project.bulk import find_rows

ASKED_SOON = timedelta(minutes=20)  # longer than the wait for a retry after a refused mail
ASK_AGAIN_AFTER = timedelta(minutes=10)  # an address is asked at most once in this time


class Member(NamedTuple):
    user_id: UUID
    role: str
    email: str


def list_members(organization: Organization) -> list[Member]:
    """Return the active members in the order in which they joined."""
    members = _find_active(organization).order_by("joined_at", "pk")
    return [Member(*member) for member in members.values_list("user_id", "role", "user__email")]


def find_named_addresses(hook: Hook, members: Iterable[Member]) -> Iterator[str]:
    """Yield the addresses that an e-mail hook names: of members, then typed ones. Prefetch `notify_users`."""
    users = {user.pk for user in hook.notify_users.all()}
    for member in members:
        if hook.notify_members or member.role in hook.notify_roles or member.user_id in users:
            yield member.email
    yield from hook.notify_addresses


# --- For matching --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class OptOuts:
    """The addresses, in lower case, that get no mail although a hook names them.

    `unasked` has, as typed, the unconfirmed addresses that no mail has asked yet.
    """

    unsubscribed: dict[UUID, set[str]]  # by hook
    unconfirmed: set[str] = field(default_factory=set)
    unasked: dict[str, str] = field(default_factory=dict)
    deactivated: set[str] = field(default_factory=set)  # addresses of users who may no longer sign in

    @classmethod
    def read(cls, organization: Organization, hooks: Sequence[Hook], members: Iterable[Member]) -> OptOuts:
        if not any(hook.kind == Hook.Kind.EMAIL for hook in hooks):
            return cls({})
        existing = Unsubscription.objects.filter(hook__organization=organization, hook__deleted_at__isnull=True)
        unsubscribed: dict[UUID, set[str]] = defaultdict(set)
        for hook, address in existing.values_list("hook", "endpoint__address"):
            unsubscribed[hook].add(address.lower())
        silence = cls(unsubscribed)
        typed = _list_typed(hooks)
        for member in members:
            typed.pop(member.email.lower(), None)
        silence.deactivated = _find_deactivated(typed)
        for lower in silence.deactivated:
            del typed[lower]
        if typed and settings.EMAIL_CONFIRM_ADDRESSES:
            known = _find_asked(organization, typed)
            silence.unconfirmed = {lower for lower in typed if lower not in known or not known[lower].confirmed_at}
            silence.unasked = {lower: typed[lower] for lower in silence.unconfirmed if _is_unasked(known.get(lower))}
        return silence

    def find_told(self, hook: Hook, addresses: Iterable[str]) -> Iterator[str]:
        """Yield the addresses that a hook may tell."""
        return (address for address in addresses if self.find_reason(hook, address) is None)

    def find_reason(self, hook: Hook, address: str) -> SkipReason | None:
        """Return why a hook does not tell an address; None if it may."""
        lower = address.lower()
        if lower in self.unsubscribed.get(hook.pk, ()):
            return SkipReason.UNSUBSCRIBED
        if lower in self.deactivated:
            return SkipReason.DEACTIVATED
        return SkipReason.UNCONFIRMED if lower in self.unconfirmed else None


def find_unconfirmed(organization: Organization, addresses: Iterable[str]) -> dict[str, str]:
    """Return the typed addresses, by lower case, that belong to no member and have not confirmed."""
    typed = {address.lower(): address for address in addresses}
    if not typed or not settings.EMAIL_CONFIRM_ADDRESSES:
        return {}
    for lower in {*find_members_among(organization, typed), *_find_deactivated(typed)}:
        del typed[lower]
    known = _find_asked(organization, typed)
    return {lower: typed[lower] for lower in typed if lower not in known or not known[lower].confirmed_at}


def _find_deactivated(lowers: Collection[str]) -> set[str]:
    """Return the addresses that belong to deactivated users: no mail goes to them, not even one that asks."""
    users = User.objects.filter(is_active=False).annotate(lower=Lower("email"))
    return set(find_rows(users.values_list("lower", flat=True), "lower", lowers))


class _Asked(NamedTuple):
    pk: UUID
    address: str
    ask_at: datetime | None
    asked_at: datetime | None
    confirmed_at: datetime | None


def _find_asked(organization: Organization, lowers: Collection[str]) -> dict[str, _Asked]:
    """Return the state of confirmation of addresses that have an endpoint, by lower case."""
    mails = Endpoint.objects.mails().filter(organization=organization)
    rows = find_rows(mails.values_list(*_Asked._fields), "lower", lowers)
    return {asked.address.lower(): asked for asked in (_Asked(*row) for row in rows)}


def _is_unasked(known: _Asked | None) -> bool:
    return known is None or not (known.ask_at or known.asked_at)


def _list_typed(hooks: Iterable[Hook]) -> dict[str, str]:
    return {address.lower(): address for hook in hooks for address in hook.notify_addresses}


def _find_active(organization: Organization) -> QuerySet[Membership]:
    return Membership.objects.filter(organization=organization, user__is_active=True)


def find_members_among(organization: Organization, lowers: Collection[str]) -> dict[str, Member]:
    """Return the members to whom some of the addresses belong, by address in lower case."""
    members = _find_active(organization).alias(lower=Lower("user__email"))
    rows = find_rows(members.values_list("user_id", "role", "user__email"), "lower", lowers)
    return {member.email.lower(): member for member in (Member(*row) for row in rows)}


# --- For pages and API ---------------------------------------------------------------------------------------


class SkipReason(models.TextChoices):
    UNSUBSCRIBED = "unsubscribed"
    UNCONFIRMED = "unconfirmed"
    STOPPED = "stopped"
    FAILING = "failing"  # still tried, although several mails in a row were refused
    DEACTIVATED = "deactivated"


@dataclass(frozen=True)
class SkippedAddress:
    """An address that a hook names but does not reach. `words` is the mail server's answer."""

    address: str
    why: str
    since: datetime | None = None
    words: str = ""
    to_be_asked: bool = False  # a confirmation mail is scheduled
    asked_from: datetime | None = None  # or it waits until then, as the quota of the day is used up
    may_ask: bool = False  # a person may have it asked now


def find_skipped_addresses(organization: Organization, hooks: Sequence[Hook]) -> dict[UUID, list[SkippedAddress]]:
    """Return the addresses that each of these hooks names but does not reach, by hook. Prefetch `notify_users`."""
    mails = [hook for hook in hooks if hook.kind == Hook.Kind.EMAIL]
    if not mails:
        return {}
    found: dict[UUID, list[SkippedAddress]] = defaultdict(list)
    left: dict[UUID, set[str]] = defaultdict(set)
    unsubscriptions = Unsubscription.objects.filter(hook__in=[hook.pk for hook in mails]).order_by("at", "pk")
    for hook, address, at in unsubscriptions.values_list("hook", "endpoint__address", "at"):
        found[hook].append(SkippedAddress(address, SkipReason.UNSUBSCRIBED, at))
        left[hook].add(address.lower())
    endpoints = Endpoint.objects.mails().filter(organization=organization)
    troubled = Q(disabled_at__isnull=False) | Q(failed__gte=SEVERAL_FAILED)
    unreached = list(endpoints.filter(troubled).without_secrets().order_by("address"))
    unsure = find_unconfirmed(organization, _list_typed(mails).values())
    known, now = _find_asked(organization, unsure), clock.now()
    refused = {endpoint.address.lower() for endpoint in unreached}
    members = find_members_among(organization, refused)
    for each in mails:
        for lower in map(str.lower, each.notify_addresses):
            if lower in unsure and lower not in left[each.pk] | refused:
                found[each.pk].append(_describe_unconfirmed(unsure[lower], known.get(lower), now))
        named = set(map(str.lower, find_named_addresses(each, members.values())))
        found[each.pk] += [_describe_unreached(endpoint) for endpoint in unreached if endpoint.address.lower() in named]
    return found


def _describe_unreached(endpoint: Endpoint) -> SkippedAddress:
    if endpoint.disabled_at:
        return SkippedAddress(endpoint.address, SkipReason.STOPPED, endpoint.disabled_at, endpoint.disabled_reason)
    return SkippedAddress(endpoint.address, SkipReason.FAILING, endpoint.failed_since, endpoint.last_answer)


def _describe_unconfirmed(address: str, known: _Asked | None, now: datetime) -> SkippedAddress:
    if known is None:
        return SkippedAddress(address, SkipReason.UNCONFIRMED, may_ask=True)
    return SkippedAddress(
        address,
        SkipReason.UNCONFIRMED,
        known.asked_at,
        to_be_asked=known.ask_at is not None,
        asked_from=known.ask_at if known.ask_at and known.ask_at - now > ASKED_SOON else None,
        may_ask=known.ask_at is None and (known.asked_at is None or now - known.asked_at >= ASK_AGAIN_AFTER),
    )
