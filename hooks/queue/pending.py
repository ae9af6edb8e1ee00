"""Changes to waiting deliveries when the rule behind them changes.

A delivery may have several reasons. When a rule goes away, what waits only because of it is cancelled; what
has another reason stays (docs/who-is-told.md). A held delivery (`due_at` empty) waits for its rule to be resumed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import Case, Exists, F, OuterRef, Q, Value, When

from events import catalogue
from events.models import Event
from hooks import clock
from hooks.audience.quiet_times import DIGEST_GRACE, Quiet, can_be_urgent, find_quiet_end
from hooks.audience.recipients import Member, find_members_among, list_members
from hooks.locking import lock_deliveries, lock_each_delivery, lock_endpoints, lock_organizations_of
from hooks.messages import RuleKind, Transport
from hooks.models import Channel, Delivery, DeliveryQuerySet, Endpoint, Hook, Urgent
from hooks.queue import lanes
from hooks.remarks import Remark, RemarkCode, shorten
from notifications_project import bulk
from notifications_project.accounts.models import Organization, User

# In one statement, as a test may be sent meanwhile; the reason is read only of what is to go at once.
_NO_TEST = Q(due_at__gt=lanes.AT_ONCE) | ~Q(reasons__0__rule="test")


def cancel_for_hook(hook: Hook, why: str, *, only_to: Endpoint | None = None) -> None:
    """Cancel what waits only because of this hook; for what has another reason, forget this one.

    `only_to`: of what an e-mail hook asked for, only the mails to this address. The caller is in a transaction.
    """
    now = clock.now()
    if hook.endpoint_id:
        _filter_pending(hook).filter(endpoint=hook.endpoint_id).cancel(why, now)
        return
    active = _list_active_hooks(hook.organization_id)
    touched: set[int] = set()
    for chunk in _read_deliveries_asked_by(hook, only_to):
        for delivery in chunk:
            delivery.reasons = [reason for reason in delivery.reasons if reason.get("id") != hook.public_id]
            delivery.due_at = (delivery.due_at or now) if _may_be_sent(delivery, active) else None
        alone = [delivery.pk for delivery in chunk if not delivery.reasons]
        shared = [delivery for delivery in chunk if delivery.reasons]
        Delivery.objects.filter(pk__in=alone).cancel(why, now)
        Delivery.objects.bulk_update(shared, ["reasons", "due_at"])
        touched |= {delivery.lane_id for delivery in shared}
    lanes.touch(touched)  # last: lanes are locked after deliveries


def forget_member(organization: Organization, user: User) -> None:
    """Cancel what waits for a former member; not the mail that a hook owes to the very address."""
    _cancel_own(user, Remark(RemarkCode.NO_MEMBER), organization)
    _cancel_mails([organization], user, Remark(RemarkCode.NO_MEMBER), keep_named=True)


def forget_user(user: User) -> None:
    """Cancel all that waits for a deactivated user, wherever it comes from."""
    # A router that runs now has read the members already: without the lock, what it is about to store would stay.
    organizations = lock_organizations_of([user.pk])
    _cancel_own(user, Remark(RemarkCode.USER_DEACTIVATED))
    _cancel_mails(organizations, user, Remark(RemarkCode.USER_DEACTIVATED), keep_named=False)


def _cancel_own(user: User, why: str, organization: Organization | None = None) -> None:
    """Cancel what waits for the user's own channels, of one organization or of all."""
    of_space = Endpoint.objects.filter(organization=user.pk).exclude(kind=Endpoint.Kind.EMAIL)
    mine = of_space.exclude(Exists(Hook.objects.filter(endpoint=OuterRef("pk"))))
    endpoints = lock_endpoints(mine.values_list("pk", "lane"))
    waiting = Delivery.objects.pending().filter(
        endpoint__in=[pk for pk, _ in endpoints], lane__in={lane for _, lane in endpoints}
    )
    if organization:
        waiting = waiting.filter(organization=organization)
    locked, now = lock_deliveries(waiting.values_list("pk", flat=True)), clock.now()
    for some in bulk.split_into_chunks(locked):
        Delivery.objects.filter(pk__in=some).cancel(why, now)


def _cancel_mails(organizations: Collection[Organization], user: User, why: str, *, keep_named: bool) -> None:
    """Cancel the mail that waits for a user in organizations; `keep_named`: but for what hooks owe to the address."""
    lower, now = user.email.lower(), clock.now()
    hooks = list(Hook.objects.existing().filter(organization__in=organizations, kind=Hook.Kind.EMAIL))
    naming = {hook.public_id for hook in hooks if keep_named and lower in map(str.lower, hook.notify_addresses)}
    active = {hook.public_id for hook in hooks if hook.enabled and not hook.paused}
    waiting = Delivery.objects.pending().filter(organization__in=organizations).mailed_to(lower)
    # Of all organizations at once, by id: workers write the results of mails of several organizations together.
    deliveries = lock_deliveries(waiting.with_endpoint())
    for delivery in deliveries:
        delivery.reasons = [reason for reason in delivery.reasons if reason.get("id") in naming]
        if not delivery.reasons:
            delivery.state, delivery.outcome = Delivery.State.CANCELLED, why
            delivery.settled_at, delivery.quiet_until = now, None
        delivery.due_at = delivery.due_at if _may_be_sent(delivery, active) else None
    columns = ["reasons", "state", "outcome", "settled_at", "due_at", "quiet_until"]
    Delivery.objects.bulk_update(deliveries, columns, batch_size=bulk.CHUNK)


def hold_for_hook(hook: Hook) -> None:
    """Keep what waits only because of this hook until it is resumed. Tests go out all the same."""
    if hook.endpoint_id:
        _filter_pending(hook).filter(_NO_TEST, endpoint=hook.endpoint_id).update(due_at=None)
        return
    active = _list_active_hooks(hook.organization_id)
    for chunk in _read_deliveries_asked_by(hook):
        held = [delivery.pk for delivery in chunk if not _may_be_sent(delivery, active)]
        Delivery.objects.filter(pk__in=held).update(due_at=None)


def release_for_hook(hook: Hook) -> None:
    """Release what was held because of this hook."""
    now = clock.now()
    if hook.endpoint_id and hook.endpoint is not None:
        if hook.endpoint.disabled_at is None:
            _release(hook.endpoint, now)
        return
    touched: set[int] = set()
    receivers = _Receivers.read(hook.organization, list_members(hook.organization), now)
    for chunk in _read_deliveries_asked_by(hook):
        held = [row for row in chunk if row.due_at is None and row.endpoint.disabled_at is None]
        receivers.release([_HeldMail(row.pk, row.event_id, row.endpoint.address) for row in held], now)
        touched |= {delivery.lane_id for delivery in chunk}
    lanes.touch(touched)


def disable(endpoint: Endpoint, why: str) -> None:
    """Stop trying an endpoint (too long dead, or 410); what waits is kept for the day it is enabled again.

    Tests go out all the same: one that succeeds enables it.
    """
    endpoint.disabled_at, endpoint.disabled_reason = clock.now(), shorten(why, 200)
    endpoint.save(update_fields=["disabled_at", "disabled_reason"])
    Delivery.objects.pending_for(endpoint).filter(_NO_TEST).update(due_at=None)


def reactivate(endpoint: Endpoint) -> None:
    """Enable an endpoint again: its circuit is closed, its lane may be tried at once, and what waited may go.

    The lane of an e-mail address is its organization's and stays as it is.
    """
    endpoint.disabled_at, endpoint.disabled_reason = None, ""
    endpoint.failing_since = endpoint.warned_at = endpoint.failed_since = None
    endpoint.failed = 0
    written = ["disabled_at", "disabled_reason", "failing_since", "warned_at", "failed", "failed_since"]
    endpoint.save(update_fields=written)
    if endpoint.kind == Endpoint.Kind.EMAIL:
        _release_mail(endpoint, clock.now())
        return
    hook = Hook.objects.filter(endpoint=endpoint).first()
    if hook is None:
        _keep_quiet(endpoint, clock.now())
    if hook is None or not hook.paused:
        _release(endpoint, clock.now())
    lanes.reset(endpoint.lane_id)


def forget_answers(endpoint: Endpoint) -> None:
    """Forget what an endpoint answered: its address is new, and has not been tried yet."""
    endpoint.last_attempt_at = endpoint.last_delivered_at = None
    endpoint.last_answer = ""
    endpoint.save(update_fields=["last_attempt_at", "last_delivered_at", "last_answer"])


def _keep_quiet(endpoint: Endpoint, now: datetime) -> None:
    """Let the held deliveries of a channel wait for the end of its snooze or quiet hours, if it has one now."""
    channel = Channel.objects.filter(endpoint=endpoint).select_related("user").first()
    until = find_quiet_end(channel, channel.user.time_zone, now) if channel else None
    if channel and until:
        passing = Urgent.objects.filter(user=channel.user_id).values("event_type")
        held = Delivery.objects.pending_for(endpoint).held().exclude(event__type__in=passing)
        held.update(quiet_until=until, due_at=until + DIGEST_GRACE)


def _release(endpoint: Endpoint, now: datetime) -> None:
    """Release what waited for a webhook or a device."""
    Delivery.objects.pending_for(endpoint).held().update(due_at=_find_due_after_quiet_time(now))
    lanes.touch({endpoint.lane_id})


def _release_mail(endpoint: Endpoint, now: datetime) -> None:
    """Release what waited for an e-mail address, but for what a paused hook alone asked for."""
    active = _list_active_hooks(endpoint.organization_id)
    held = lock_each_delivery(Delivery.objects.pending_for(endpoint).held().with_endpoint())
    may_go = [_HeldMail(row.pk, row.event_id, endpoint.address) for row in held if _may_be_sent(row, active)]
    members = find_members_among(endpoint.organization, [endpoint.address.lower()])
    _Receivers.read(endpoint.organization, list(members.values()), now).release(may_go, now)
    lanes.touch({endpoint.lane_id})


class _HeldMail(NamedTuple):
    """A mail that was held, and may go."""

    pk: UUID
    event: UUID
    address: str


@dataclass(frozen=True, slots=True)
class _Receivers:
    """The quiet times that members of an organization have now: what was held meanwhile waits for their end."""

    quiet: Quiet
    by_address: dict[str, UUID]  # in lower case

    @classmethod
    def read(cls, organization: Organization, members: Sequence[Member], now: datetime) -> _Receivers:
        passing = [name for name in catalogue.EVENT_TYPES if can_be_urgent(name)]
        by_address = {member.email.lower(): member.user_id for member in members}
        return cls(Quiet.read(organization, passing, members, now), by_address)

    def release(self, mails: Sequence[_HeldMail], now: datetime) -> None:
        """Release each mail at once, or at the end of its receiver's quiet time (`hooks.deliveries.digests`)."""
        for some in bulk.split_into_chunks(mails):
            ends = self._find_ends(some)
            at_once = [mail.pk for mail in some if mail.pk not in ends]
            Delivery.objects.filter(pk__in=at_once).update(due_at=now, quiet_until=None)
            later = [Delivery(pk=pk, due_at=end + DIGEST_GRACE, quiet_until=end) for pk, end in ends.items()]
            bulk.update(Delivery, ["due_at", "quiet_until"], later)

    def _find_ends(self, mails: Sequence[_HeldMail]) -> dict[UUID, datetime]:
        """Return until when mails wait, by delivery; those that go at once are left out."""
        if not self.quiet.until:
            return {}
        types = dict(Event.objects.filter(pk__in={mail.event for mail in mails}).values_list("pk", "type"))
        ends = {}
        for mail in mails:
            user = self.by_address.get(mail.address.lower())
            if user and (end := self.quiet.find_end(user, Channel.Kind.EMAIL, types[mail.event])):
                ends[mail.pk] = end
        return ends


def _find_due_after_quiet_time(now: datetime) -> Case:
    """Return when held deliveries may go: now, or at the end of their receiver's quiet time.

    Digests are made of the latter (`hooks.deliveries.digests`).
    """
    return Case(When(quiet_until__gt=now, then=F("quiet_until") + Value(DIGEST_GRACE)), default=Value(now))


def _filter_pending(hook: Hook) -> DeliveryQuerySet:
    """Filter the pending deliveries of the hook's lane, which an index serves: more than those of the hook."""
    pending = Delivery.objects.pending().filter(organization=hook.organization_id)
    return (
        pending.filter(lane=hook.endpoint.lane_id) if hook.endpoint else pending.filter(lane__transport=Transport.SMTP)
    )


def _read_deliveries_asked_by(hook: Hook, only_to: Endpoint | None = None) -> Iterator[list[Delivery]]:
    """Yield the waiting deliveries that this e-mail hook asked for, in chunks by id, locked to be written back."""
    after: UUID | None = None
    waiting = _filter_pending(hook).with_endpoint()
    if only_to:
        waiting = waiting.filter(endpoint=only_to)
    while True:
        rows = waiting if after is None else waiting.filter(pk__gt=after)
        chunk = lock_deliveries(rows, limit=bulk.CHUNK)
        if not chunk:
            return
        after = chunk[-1].pk
        yield [row for row in chunk if any(reason.get("id") == hook.public_id for reason in row.reasons)]


def _list_active_hooks(organization: UUID) -> set[str]:
    """Return the ids of the organization's hooks that are neither paused nor disabled."""
    hooks = Hook.objects.existing().filter(organization=organization, paused=False, enabled=True)
    return {hook.public_id for hook in hooks.only("pk")}


def _may_be_sent(delivery: Delivery, active: set[str]) -> bool:
    """Return True if some reason other than a paused hook remains and the address is not stopped. Tests always go."""
    rules = {reason["rule"] for reason in delivery.reasons}
    if RuleKind.TEST in rules or delivery.endpoint.disabled_at:
        return RuleKind.TEST in rules
    return any(reason["rule"] != RuleKind.HOOK or reason["id"] in active for reason in delivery.reasons)
