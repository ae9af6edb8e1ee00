"""Digests: the deliveries that waited for a channel go as one message when its quiet time is over.

`send_due` serves one channel of one user after the other, each in a transaction of its own. It locks the user's
personal space, as does whatever the user decides; then the channel's endpoint and the deliveries. If the channel is
quiet again, they wait on; one alone goes as it is; several are told in one event, a digest, of which the channel is
owed a delivery of its own, and are cancelled. Nothing is told twice:

* Two at once: the second waits for the space, and then finds nothing left.
* It is killed: all of a transaction is there, or nothing. Should nobody come back, what waits goes one by one.
* A pump holds what is due, and sends it. What waits for a quiet time is due `AT_MOST` after its end; what is due by
  now, or so soon that it might be before the commit, is left to the pump. What was due is never put off again (neither
  here nor in `wait_until`), so that no pump holds what is found here. The moment is read after the rows are locked.
* What was tried already has its own time for the next try, and what a person has sent now (`resending.redeliver`) no
  longer waits for anything: neither is found here. Whoever has one sent that was told in a digest just before gets it
  again, as they asked.
* The channel is removed, its user leaves or turns something off meanwhile: they lock the same rows, so that what is
  cancelled is not told, and what was told is no longer there to be cancelled.
* More waits than one call has time for: whoever is served gets all of it, and the rest is kept for the next call.
* What is held (its endpoint is stopped, its hook is paused) is due at no time, and stays.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Count, Min, Q, QuerySet
from django.db.models.functions import Lower

from events import catalogue, intake
from events.models import Event
from events.representation import Source
from hooks import clock
from hooks.audience.quiet_times import DIGEST_GRACE, find_quiet_end
from hooks.endpoints import lookup
from hooks.locking import lock_deliveries, lock_endpoint, lock_idle_deliveries, lock_organization
from hooks.messages import Notification, RuleKind
from hooks.models import Channel, Delivery, Endpoint
from hooks.queue import lanes
from hooks.queue.wakeup import wake
from hooks.remarks import Remark, RemarkCode
from hooks.wording import tell
from notifications_project import bulk, ids
from notifications_project.accounts.models import Organization, User
from notifications_project.accounts.organizations import ensure_personal_space
from notifications_project.bulk import split_into_chunks

TYPE = "account.digest"
LISTED = 50  # notifications that a digest names one by one; the rest it counts by type
MOST = 5_000  # deliveries that are told in one digest
_TARGETS = 10_000  # endpoints that one call looks at
_FOUND = 50_000  # deliveries that are read, or kept for the next call, at a time
_SECONDS = 25.0  # after which a call leaves the rest to the next: a task of workers has 60
_KEEPING = 15.0  # seconds in which it keeps that for the next
_MARGIN = timedelta(minutes=1)  # more than any transaction here takes
_REPEATED = ("event_type", "timestamp", "event_id", "organization", "resource")  # of each event, as its own JSON has it

logger = logging.getLogger(__name__)


def wait_until(deliveries: QuerySet[Delivery], when: datetime) -> None:
    """Have deliveries that wait for a quiet time to end wait until `when`, which may be now.

    What is held, or due already, stays as it is: a pump may be sending it.
    """
    deliveries.filter(due_at__gt=clock.now(), tries=0).update(quiet_until=when, due_at=when + DIGEST_GRACE)


def find_digest_id(delivery: Delivery) -> str:
    """The public id of the digest in which a delivery was told; empty if it was not."""
    digest = delivery.digest_id if delivery.is_told_in_digest else None
    return ids.encode("dlv", digest) if digest else ""


def send_due(user: User | None = None) -> int:
    """Let go what waits for quiet times that are over, of everybody or of one user; how many deliveries go.

    Call it in no transaction: each digest is one.
    """
    if user is None:
        _forget_what_no_longer_waits()
    ends, gone = time.monotonic() + _SECONDS, 0
    stuck: set[_Target] = set()
    for target, some in _work(user):
        if time.monotonic() > ends:
            break
        try:
            gone += _send_one(target, some)
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # a defect, a rotten row: nobody else waits for that
            stuck.add(target)
            logger.exception(
                "what waited for endpoint %s cannot be told at once: it goes one by one",
                target.endpoint or target.address,
            )
    _keep_for_the_next(user, stuck)
    return gone


class _Row(NamedTuple):
    pk: UUID
    event_id: UUID
    lane_id: int
    quiet_until: datetime


class _Target(NamedTuple):
    """The target of a digest: an endpoint of a channel or of a device, or (e-mail) an address wherever it is known."""

    endpoint: UUID | None
    address: str

    @classmethod
    def of(cls, endpoint: UUID, kind: str, address: str) -> _Target:
        return cls(None, address.lower()) if kind == Endpoint.Kind.EMAIL else cls(endpoint, "")


def _work(user: User | None) -> Iterator[tuple[_Target, Sequence[UUID]]]:
    """Yield the deliveries to be told at once with their target, one digest after the other.

    All that waits there, up to `MOST`.
    """
    for targets in _split_into_batches(_count_targets(user)):
        found: dict[_Target, list[UUID]] = {target: [] for target in targets}
        rows = _filter_by_targets(_find_waiting(clock.now()), targets).order_by("quiet_until", "pk")
        columns = ("pk", "endpoint", "endpoint__kind", "endpoint__address")
        # One that has more than are read at a time is alone.
        for pk, *to in rows.values_list(*columns)[: _FOUND if len(targets) == 1 else None]:
            found[_Target.of(*to)].append(pk)
        for target, pks in found.items():
            for some in split_into_chunks(sorted(pks), MOST):
                yield target, some


def _count_targets(user: User | None) -> Counter[_Target]:
    """Count the deliveries of each target whose quiet time is over; the longest wait comes first."""
    rows = _filter_by_user(_find_waiting(clock.now()), user).values_list(
        "endpoint", "endpoint__kind", "endpoint__address"
    )
    found = rows.annotate(first=Min("quiet_until"), number=Count("pk")).order_by("first", "endpoint_id")
    numbers: Counter[_Target] = Counter()
    for endpoint, kind, address, _, number in found[:_TARGETS]:
        numbers[_Target.of(endpoint, kind, address)] += number
    return numbers


def _split_into_batches(numbers: Counter[_Target]) -> Iterator[list[_Target]]:
    """Yield batches of targets, each of as many as have `_FOUND` deliveries together, but of one target at least."""
    batch: list[_Target] = []
    total = 0
    for target, number in numbers.items():
        if batch and (total + number > _FOUND or len(batch) == bulk.CHUNK):
            yield batch
            batch, total = [], 0
        batch.append(target)
        total += number
    if batch:
        yield batch


def _filter_by_targets(deliveries: QuerySet[Delivery], targets: Collection[_Target]) -> QuerySet[Delivery]:
    """Return the deliveries that would go to one of these targets."""
    endpoints = [target.endpoint for target in targets if target.endpoint]
    mails = Q(endpoint__kind=Endpoint.Kind.EMAIL, lower__in=[each.address for each in targets if not each.endpoint])
    return deliveries.alias(lower=Lower("endpoint__address")).filter(Q(endpoint__in=endpoints) | mails)


def _filter_by_user(deliveries: QuerySet[Delivery], user: User | None) -> QuerySet[Delivery]:
    if user is None:
        return deliveries
    mails = Q(endpoint__kind=Endpoint.Kind.EMAIL, lower=user.email.lower())
    return deliveries.alias(lower=Lower("endpoint__address")).filter(Q(endpoint__organization=user.pk) | mails)


def _find_waiting(now: datetime) -> QuerySet[Delivery]:
    """Return deliveries whose quiet time is over, and which no pump holds or may take soon."""
    pending = Delivery.objects.pending().filter(quiet_until__lte=now)
    return pending.filter(tries=0, due_at__gt=now + _MARGIN)


@transaction.atomic
def _forget_what_no_longer_waits() -> None:
    """Take the quiet time off deliveries that are held or were tried: each sweep would look at them for nothing.

    They go when their own time comes.
    """
    passed = Delivery.objects.pending().filter(quiet_until__lte=clock.now())
    idle = passed.filter(Q(due_at__isnull=True) | Q(tries__gt=0)).order_by("pk")
    for some in split_into_chunks(lock_idle_deliveries(idle.values_list("pk", flat=True), MOST)):
        Delivery.objects.filter(pk__in=some).update(quiet_until=None)


def _keep_for_the_next(user: User | None, stuck: Collection[_Target]) -> None:
    """Let deliveries that this sweep did not reach wait for the next: many quiet times may end at the same moment.

    Those that cannot be told together (`stuck`) go one by one.
    """
    ends, more = time.monotonic() + _KEEPING, True
    while more:
        with transaction.atomic():
            now = clock.now()
            soon = _filter_by_user(_find_waiting(now), user).filter(due_at__lt=now + DIGEST_GRACE / 2)
            if stuck:
                soon = soon.exclude(pk__in=_filter_by_targets(_find_waiting(now), stuck).values("pk"))
            rows = soon.order_by("quiet_until", "pk").values_list("pk", flat=True)
            found, now = lock_idle_deliveries(rows, _FOUND), clock.now()
            for some in split_into_chunks(found):
                Delivery.objects.filter(pk__in=some, due_at__gt=now + _MARGIN).update(due_at=now + DIGEST_GRACE)
        more = len(found) == _FOUND and time.monotonic() < ends


@transaction.atomic
def _send_one(target: _Target, deliveries: Sequence[UUID]) -> int:
    """Let go what waits for one channel, if it may; how many of these deliveries went."""
    channel, endpoint = _find_channel_and_endpoint(target)
    space = lock_organization(ensure_personal_space(channel.user).pk) if channel else None
    if endpoint:
        lock_endpoint(endpoint.pk)
    rows, now = _lock(deliveries)
    if channel is None or space is None:
        return _release(rows, now)  # nobody has the address any more
    if not channel.user.is_active:
        return _cancel(rows, now, Remark(RemarkCode.USER_DEACTIVATED))
    if end := find_quiet_end(channel, channel.user.time_zone, now):
        for some in split_into_chunks([row.pk for row in rows]):
            wait_until(Delivery.objects.filter(pk__in=some), end)
        return 0
    if len(rows) < 2:
        return _release(rows, now)
    to = endpoint or lookup.get_or_create_mail_endpoint(space, channel.user.email)
    if to.disabled_at:  # mail to the address stopped there, and goes on elsewhere
        return _release(rows, now)
    digest = _create_digest(space, to, channel, rows, now)
    return _cancel(rows, now, Remark(RemarkCode.TOLD_IN_DIGEST, digest=digest.public_id), digest)


def _find_channel_and_endpoint(target: _Target) -> tuple[Channel | None, Endpoint | None]:
    """Return the channel of a target, and its endpoint.

    There is no endpoint for e-mail, whose address may be known in many organizations.
    """
    if target.endpoint is None:
        user = User.objects.annotate(lower=Lower("email")).filter(lower=target.address).first()
        return (_find_channel(user, Channel.Kind.EMAIL) if user else None), None
    endpoint = Endpoint.objects.defer("secrets").select_related("channel__user", "device__user").get(pk=target.endpoint)
    if endpoint.kind == Endpoint.Kind.DEVICE:
        return (
            _find_channel(endpoint.device.user, Channel.Kind.IOS) if hasattr(endpoint, "device") else None
        ), endpoint
    return getattr(endpoint, "channel", None), endpoint


def _find_channel(user: User, kind: str) -> Channel:
    """The user's channel of a kind, one that is never quiet if nothing was said about it."""
    return Channel.objects.filter(user=user, kind=kind).select_related("user").first() or Channel(user=user, kind=kind)


def _lock(deliveries: Sequence[UUID]) -> tuple[list[_Row], datetime]:
    """Lock the deliveries that still wait.

    Return them with the moment after that: only those due well after it may be told.
    """
    due: dict[_Row, datetime | None] = {}
    for some in split_into_chunks(deliveries):
        rows = _find_waiting(clock.now()).filter(pk__in=some).values_list(*_Row._fields, "due_at")
        for pk, event, lane, until, due_at in lock_deliveries(rows):
            due[_Row(pk, event, lane, until)] = due_at
    now = clock.now()
    return [row for row, due_at in due.items() if due_at and due_at > now + _MARGIN], now


def _release(rows: Sequence[_Row], now: datetime) -> int:
    """Have each of these deliveries sent now, without a digest."""
    for some in split_into_chunks([row.pk for row in rows]):
        Delivery.objects.filter(pk__in=some).update(due_at=now, quiet_until=None)
    lanes.touch({row.lane_id for row in rows})
    wake()
    return len(rows)


def _cancel(rows: Sequence[_Row], now: datetime, outcome: str, digest: Delivery | None = None) -> int:
    for some in split_into_chunks([row.pk for row in rows]):
        Delivery.objects.filter(pk__in=some).cancel(outcome, now, digest)
    return len(rows)


def _create_digest(
    space: Organization, to: Endpoint, channel: Channel, rows: Sequence[_Row], now: datetime
) -> Delivery:
    """The delivery of one event that tells all of them.

    Its id follows from what it tells and from when the quiet time ended: after a database was restored, what the
    receiver was told already is told again under the ids that it knows.
    """
    ended = ids.make_smallest_uuid7(max(row.quiet_until for row in rows))
    told = intake.NewEvent(
        type=TYPE,
        data=_build_data(rows, channel.user.language),
        id=ids.derive_uuid7(ended, *sorted(row.pk for row in rows)),
    )
    event = intake.record(space, [told], source=Source.CONSOLE)[0]
    digest = Delivery.objects.create(
        organization=space,
        event=event,
        endpoint=to,
        lane_id=to.lane_id,
        reasons=[{"rule": RuleKind.DIGEST, "name": channel.english_name}],
        due_at=now,
    )
    lanes.touch({to.lane_id})
    wake()
    return digest


def _build_data(rows: Sequence[_Row], language: str) -> dict[str, Any]:
    """The first of them one by one, in the order in which they happened; the rest by type."""
    listed, rest = rows[:LISTED], rows[LISTED:]
    about = Event.objects.select_related("organization", "resource").in_bulk([row.event_id for row in listed])
    more: Counter[str] = Counter()
    for some in split_into_chunks([row.event_id for row in rest]):
        more.update(Event.objects.filter(pk__in=some).values_list("type", flat=True))
    return {
        "total": len(rows),
        "notifications": [_summarize(row, about[row.event_id], language) for row in listed],
        "more": [
            {"event_type": name, "label": catalogue.get_english_label(name), "number": number}
            for name, number in more.most_common()
        ],
    }


def _summarize(row: _Row, event: Event, language: str) -> dict[str, Any]:
    own = json.loads(event.representation)
    notification = Notification(
        delivery=row.pk,
        endpoint=row.pk,  # it goes nowhere: only its title is wanted
        webhook_id=ids.encode("dlv", row.pk),
        tries=0,
        event_type=event.type,
        representation=event.representation,
        occurred_at=event.occurred_at,
        is_test=event.is_test,
        organization=event.organization.name,
        organization_id=event.organization.public_id,
        resource=event.resource.name if event.resource else None,
        address="",
        format="",
        options={},
        signing_keys=(),
        reasons=(),
        language=language,
    )
    repeated = {name: own.get(name) for name in _REPEATED}
    return {**repeated, "delivery_id": notification.webhook_id, "title": tell(notification).title}
