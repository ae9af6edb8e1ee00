"""What waited for a channel goes as one message when its quiet time is over.

`send_due` serves one channel of one user after the other, each in a transaction of its own. It locks the user's
personal space, as does whatever the user decides; then the channel's endpoint and the deliveries in the order of their
ids, as do workers that write results. If the channel is quiet again, they wait on; one alone goes as it is; several are
told in one event, a digest, of which the channel is owed a delivery of its own, and are cancelled. Nothing is told
twice:

* Two at once: the second waits for the space, and then finds nothing left.
* It is killed: all of a transaction is there, or nothing. Should nobody come back, what waits goes one by one.
* A pump holds what is due, and sends it. What waits for a quiet time is due `AT_MOST` after its end; what is due by
  now, or so soon that it might be before the commit, is left to the pump. What was due is never put off again (neither
  here nor in `wait_until`), so that no pump holds what is found here. The moment is read after the rows are locked.
* What was tried already has its own time for the next try, and what a person has sent now (`engine.redeliver`) no
  longer waits for anything: neither is found here. Whoever has one sent that was told in a digest just before gets it
  again, as they asked.
* The channel is removed, its user leaves or turns something off meanwhile: they lock the same rows, so that what is
  cancelled is not told, and what was told is no longer there to be cancelled.
* What is held (its endpoint is stopped, its hook is paused) is due at no time, and stays.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from events import catalogue, intake
from events.models import Event
from hooks import matching
from hooks.engine import clock, lanes, wake
from hooks.messages import Notification
from hooks.models import Channel, Delivery, Endpoint
from hooks.quiet import AT_MOST, quiet_until
from hooks.sentences import TOLD_IN_DIGEST
from hooks.wording import tell
from notifications_project import ids
from notifications_project.accounts.models import Organization, User
from notifications_project.accounts.organizations import ensure_personal_space

TYPE = "account.digest"
LISTED = 50  # notifications that a digest names one by one; the rest it counts by type
MOST = 5_000  # deliveries that are told in one digest
_FOUND = 50_000  # deliveries that one call looks at
_SECONDS = 25.0  # after which a call leaves the rest to the next: a task of workers has 60
_MARGIN = timedelta(minutes=1)  # more than any transaction here takes
_CHUNK = 500
_REPEATED = ("event_type", "timestamp", "event_id", "organization", "resource")  # of each event, as its own JSON has it

logger = logging.getLogger(__name__)


def wait_until(deliveries: QuerySet[Delivery], when: datetime) -> None:
    """Have deliveries that wait for a quiet time to end wait until `when`, which may be now.

    What is held, or due already, stays as it is: a pump may be sending it.
    """
    deliveries.filter(due_at__gt=clock.now(), tries=0).update(quiet_until=when, due_at=when + AT_MOST)


def told_in(delivery: Delivery) -> str:
    """The public id of the digest in which a delivery was told; empty if it was not."""
    folded = delivery.state == Delivery.State.CANCELLED and delivery.outcome.startswith(TOLD_IN_DIGEST)
    return delivery.outcome.removeprefix(TOLD_IN_DIGEST) if folded else ""


def send_due(user: User | None = None) -> int:
    """Let go what waits for quiet times that are over, of everybody or of one user; how many deliveries go.

    Call it in no transaction: each digest is one.
    """
    if user is None:
        _forget_what_no_longer_waits()
    ends, gone = time.monotonic() + _SECONDS, 0
    work = [(target, some) for target in _targets(user) for some in _in_chunks(target.deliveries, MOST)]
    for done, (target, some) in enumerate(work):
        if time.monotonic() > ends:
            _keep_for_the_next([pk for _, left in work[done:] for pk in left])
            break
        try:
            gone += _serve(target, some)
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # a defect, a rotten row: nobody else waits for that
            logger.exception("what waited for endpoint %s cannot be told at once: it goes one by one", target.endpoint)
    return gone


class _Row(NamedTuple):
    pk: UUID
    event_id: UUID
    lane_id: int


@dataclass(frozen=True)
class _Target:
    """Where a digest would go, an endpoint of a channel or of a device, or (e-mail) an address wherever it is known."""

    endpoint: UUID | None
    address: str
    deliveries: list[UUID]


def _targets(user: User | None) -> list[_Target]:
    """Whatever waits for a quiet time that is over, by where it goes; who waits longest comes first."""
    found = _waiting(clock.now())
    if user:
        known_by = {"endpoint__kind": Endpoint.Kind.EMAIL, "lower": user.email.lower()}
        mine = Q(endpoint__organization=user.pk) | Q(**known_by)
        found = found.annotate(lower=Lower("endpoint__address")).filter(mine)
    columns = ("pk", "endpoint", "endpoint__kind", "endpoint__address")
    grouped: dict[tuple[UUID | None, str], list[UUID]] = defaultdict(list)
    for pk, endpoint, kind, address in found.order_by("quiet_until", "pk").values_list(*columns)[:_FOUND]:
        grouped[(None, address.lower()) if kind == Endpoint.Kind.EMAIL else (endpoint, "")].append(pk)
    return [_Target(endpoint, address, sorted(pks)) for (endpoint, address), pks in grouped.items()]


def _waiting(now: datetime) -> QuerySet[Delivery]:
    """What waits for a quiet time that is over, and what no pump holds or may take soon."""
    pending = Delivery.objects.filter(state=Delivery.State.PENDING, quiet_until__lte=now)
    return pending.filter(tries=0, due_at__gt=now + _MARGIN)


@transaction.atomic
def _forget_what_no_longer_waits() -> None:
    """What is held, or was tried, goes when its own time comes: it would be looked at each minute for nothing."""
    passed = Delivery.objects.filter(state=Delivery.State.PENDING, quiet_until__lte=clock.now())
    idle = passed.filter(Q(due_at__isnull=True) | Q(tries__gt=0))
    rows = idle.select_for_update(skip_locked=True, no_key=True).order_by("pk").values_list("pk", flat=True)
    for some in _in_chunks(list(rows[:MOST])):
        Delivery.objects.filter(pk__in=some).update(quiet_until=None)


def _keep_for_the_next(deliveries: Sequence[UUID]) -> None:
    """What nobody came to in time goes no sooner one by one: many quiet times may end at the same moment."""
    for some in _in_chunks(sorted(deliveries)):
        with transaction.atomic():
            now = clock.now()
            soon = _waiting(now).filter(pk__in=some, due_at__lt=now + AT_MOST / 2)
            rows = soon.select_for_update(skip_locked=True, no_key=True).order_by("pk")
            Delivery.objects.filter(pk__in=list(rows.values_list("pk", flat=True))).update(due_at=now + AT_MOST)


@transaction.atomic
def _serve(target: _Target, deliveries: Sequence[UUID]) -> int:
    """Let go what waits for one channel, if it may; how many of these deliveries went."""
    channel, endpoint = _channel(target)
    space = _locked_space(channel.user) if channel else None
    if endpoint:
        list(Endpoint.objects.select_for_update(no_key=True).filter(pk=endpoint.pk).values_list("pk"))
    rows, now = _locked(deliveries)
    if channel is None or space is None:
        return _let_go(rows, now)  # nobody has the address any more
    if not channel.user.is_active:
        return _settle(rows, now, "Its user was deactivated")
    if end := quiet_until(channel, channel.user.time_zone, now):
        for some in _in_chunks([row.pk for row in rows]):
            wait_until(Delivery.objects.filter(pk__in=some), end)
        return 0
    if len(rows) < 2:
        return _let_go(rows, now)
    to = endpoint or matching.mail_endpoint(space, channel.user.email)
    if to.disabled_at:  # mail to the address stopped there, and goes on elsewhere
        return _let_go(rows, now)
    digest = _digest(space, to, channel, rows, now)
    return _settle(rows, now, f"{TOLD_IN_DIGEST}{digest.public_id}")


def _locked_space(user: User) -> Organization:
    locked = Organization.objects.select_for_update(no_key=True).filter(pk=user.pk)
    return locked.first() or locked.get(pk=ensure_personal_space(user).pk)


def _channel(target: _Target) -> tuple[Channel | None, Endpoint | None]:
    """Whose channel it is, and its endpoint; none for e-mail, which the user has wherever it came from."""
    if target.endpoint is None:
        user = User.objects.annotate(lower=Lower("email")).filter(lower=target.address).first()
        return (_of(user, Channel.Kind.EMAIL) if user else None), None
    endpoint = Endpoint.objects.defer("secrets").select_related("channel__user", "device__user").get(pk=target.endpoint)
    if endpoint.kind == Endpoint.Kind.DEVICE:
        return (_of(endpoint.device.user, Channel.Kind.IOS) if hasattr(endpoint, "device") else None), endpoint
    return getattr(endpoint, "channel", None), endpoint


def _of(user: User, kind: str) -> Channel:
    """The user's channel of a kind, one that is never quiet if nothing was said about it."""
    return Channel.objects.filter(user=user, kind=kind).select_related("user").first() or Channel(user=user, kind=kind)


def _locked(deliveries: Sequence[UUID]) -> tuple[list[_Row], datetime]:
    """Those that still wait, locked, and the moment after that: only what is due well after it may be told."""
    due: dict[_Row, datetime | None] = {}
    for some in _in_chunks(deliveries):
        rows = _waiting(clock.now()).select_for_update(no_key=True).filter(pk__in=some).order_by("pk")
        for pk, event, lane, due_at in rows.values_list("pk", "event_id", "lane_id", "due_at"):
            due[_Row(pk, event, lane)] = due_at
    now = clock.now()
    return [row for row, due_at in due.items() if due_at and due_at > now + _MARGIN], now


def _let_go(rows: Sequence[_Row], now: datetime) -> int:
    """Each by itself, at once."""
    for some in _in_chunks([row.pk for row in rows]):
        Delivery.objects.filter(pk__in=some).update(due_at=now, quiet_until=None)
    lanes.touch({row.lane_id for row in rows})
    wake()
    return len(rows)


def _settle(rows: Sequence[_Row], now: datetime, outcome: str) -> int:
    for some in _in_chunks([row.pk for row in rows]):
        Delivery.objects.filter(pk__in=some).update(
            state=Delivery.State.CANCELLED, outcome=outcome, settled_at=now, due_at=None, quiet_until=None
        )
    return len(rows)


def _digest(space: Organization, to: Endpoint, channel: Channel, rows: Sequence[_Row], now: datetime) -> Delivery:
    """The delivery of one event that tells all of them."""
    told = intake.NewEvent(type=TYPE, data=_data(rows))
    event = intake.record(space, [told], internal=True)[0]
    digest = Delivery.objects.create(
        organization=space,
        event=event,
        endpoint=to,
        lane_id=to.lane_id,
        reasons=[{"rule": "digest", "name": channel.get_kind_display()}],
        due_at=now,
    )
    lanes.touch({to.lane_id})
    wake()
    return digest


def _data(rows: Sequence[_Row]) -> dict[str, Any]:
    """The first of them one by one, in the order in which they happened; the rest by type."""
    listed, rest = rows[:LISTED], rows[LISTED:]
    about = Event.objects.select_related("organization", "resource").in_bulk([row.event_id for row in listed])
    more: Counter[str] = Counter()
    for some in _in_chunks([row.event_id for row in rest]):
        more.update(Event.objects.filter(pk__in=some).values_list("type", flat=True))
    return {
        "total": len(rows),
        "notifications": [_told(row, about[row.event_id]) for row in listed],
        "more": [
            {"event_type": name, "label": catalogue.label(name), "number": number}
            for name, number in more.most_common()
        ],
    }


def _told(row: _Row, event: Event) -> dict[str, Any]:
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
    )
    repeated = {name: own.get(name) for name in _REPEATED}
    return {**repeated, "delivery_id": notification.webhook_id, "title": tell(notification).title}


def _in_chunks(pks: Sequence[UUID], size: int = _CHUNK) -> Iterator[Sequence[UUID]]:
    return (pks[start : start + size] for start in range(0, len(pks), size))
