"""Due deliveries of leased lanes, read from the database ready to be sent: all lanes at once, in a few queries."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import Error, connection
from django.db.models import BooleanField, ExpressionWrapper, OuterRef, Q, Subquery
from django.db.models.functions import Lower

from hooks import clock
from hooks.engine import missing_keys
from hooks.engine.leases import Lease
from hooks.messages import Notification, Transport
from hooks.models import Delivery, Endpoint
from hooks.queue.lanes import AT_ONCE
from hooks.remarks import Remark, RemarkCode
from notifications_project import ids
from notifications_project.accounts.models import Organization, User
from notifications_project.encryption import CannotDecrypt, Unreadable

logger = logging.getLogger(__name__)

_UNREADABLE = 300.0  # seconds that a lane rests if what is due in it cannot be read, or a delivery of a shared one
_SHARED = {Transport.SMTP, Transport.APNS}  # transports of which an organization has one lane for all addresses


_COLUMNS = (
    "pk", "lane_id", "endpoint_id", "tries", "reasons", "asked_for", "event__type", "event__representation",
    "event__occurred_at", "event__is_test", "event__resource__name", "organization_id", "organization__kind",
    "organization__name", "scheduled_at", "extra_tries",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """The data of an endpoint that sending needs."""

    address: str
    format: str
    options: dict[str, Any]
    signing_keys: tuple[str, ...]
    address_key: str
    language: str


def take(wanted: Sequence[tuple[Lease, int]]) -> dict[int, list[Notification]]:
    """Return the due deliveries of leased lanes by lane, in order, at most so many of each; nothing is written.

    A lane with something that cannot be read is left out and rests, but for a lane that serves many addresses:
    there that delivery alone waits. The others are served.
    """
    try:
        return _take(wanted)
    except Error:
        raise
    except Exception:
        # Above all an operator's mistake with ENCRYPTION_KEYS: nothing is lost or overwritten.
        taken: dict[int, list[Notification]] = {}
        for lease, most in wanted:
            try:
                taken |= _take([(lease, most)])
            except Error:
                raise
            except CannotDecrypt:
                missing_keys.warn()
                lease.back_off(_UNREADABLE, also_requested=True)
            except Exception:
                if lease.transport in _SHARED:
                    taken[lease.lane] = _take_readable(lease, most)
                    continue
                logger.exception("lane %s waits: what is due in it cannot be read", lease.lane)
                lease.back_off(_UNREADABLE, also_requested=True)
        return taken


def _take_readable(lease: Lease, most: int) -> list[Notification]:
    """Take what can be read of a lane that serves many addresses, one by one; make the rest due later."""
    readable: list[Notification] = []
    for pk in _find_first_due([(lease, most)]):
        try:
            readable += _read([lease], [pk])[lease.lane]
        except Error:
            raise
        except Exception:
            logger.exception("delivery %s waits: it cannot be read", ids.encode("dlv", pk))
            later = clock.now() + timedelta(seconds=_UNREADABLE)
            unreadable = Delivery.objects.pending().filter(pk=pk)
            unreadable.update(due_at=later, outcome=Remark(RemarkCode.DELIVERY_UNREADABLE))
    return readable


def _take(wanted: Sequence[tuple[Lease, int]]) -> dict[int, list[Notification]]:
    return _read([lease for lease, _ in wanted], _find_first_due(wanted))


def _read(leases: Sequence[Lease], deliveries: Sequence[UUID]) -> dict[int, list[Notification]]:
    """Read deliveries ready to be sent, by lane. Raises CannotDecrypt, or whatever else an unreadable value causes."""
    asked_for = ExpressionWrapper(Q(due_at=AT_ONCE), BooleanField())
    due = Delivery.objects.filter(pk__in=deliveries, due_at__isnull=False).annotate(asked_for=asked_for)
    rows = list(due.order_by("due_at", "pk").values_list(*_COLUMNS))
    # Nothing of a mail is signed: a secret that cannot be read is no reason not to send it.
    mails = {lease.lane for lease in leases if lease.transport == Transport.SMTP}
    endpoints = _read_endpoints({row[2] for row in rows if row[1] not in mails}, with_keys=True)
    endpoints |= _read_endpoints({row[2] for row in rows if row[1] in mails}, with_keys=False)
    by_lane: dict[int, list[Notification]] = {lease.lane: [] for lease in leases}
    for row in rows:
        by_lane[row[1]].append(_build_notification(row, endpoints[row[2]]))
    return by_lane


def _find_first_due(wanted: Sequence[tuple[Lease, int]]) -> list[UUID]:
    """Return the ids of what is due first in each lane; PostgreSQL gives them for all lanes at once."""
    if connection.vendor != "postgresql":
        now = clock.now()
        first: list[UUID] = []
        for lease, most in wanted:
            due = Delivery.objects.pending().filter(lane=lease.lane)
            due = due.filter(due_at__lte=AT_ONCE if lease.backs_off_until else now)
            first += due.order_by("due_at", "pk").values_list("pk", flat=True)[:most]
        return first
    latest = [AT_ONCE if lease.backs_off_until else None for lease, _ in wanted]
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_DUE, [[lease.lane for lease, _ in wanted], latest, [most for _, most in wanted]])
        return [pk for (pk,) in cursor.fetchall()]


# `state` is written out, not a parameter: only so the partial index is known to serve.
_FIRST_DUE = """
    SELECT due.id
    FROM unnest(%s::bigint[], %s::timestamptz[], %s::int[]) AS asked (lane, latest, most)
    CROSS JOIN LATERAL (
        SELECT id FROM hooks_delivery
        WHERE lane_id = asked.lane AND state = 'pending'
            AND due_at <= coalesce(asked.latest, statement_timestamp())
        ORDER BY due_at, id
        LIMIT asked.most
    ) AS due
"""


# Of a user's own channels: a personal space has its user's id, and no team has that of any user.
_OWNERS_LANGUAGE = Subquery(User.objects.filter(pk=OuterRef("organization_id")).values("language")[:1])
# Of an e-mail address. Only a member's: the language of a mail must not tell whether a stranger has an account.
_MEMBERS_LANGUAGE = Subquery(
    User.objects.alias(lower=Lower("email"))
    .filter(lower=Lower(OuterRef("address")), memberships__organization=OuterRef("organization_id"))
    .values("language")[:1]
)


def _read_endpoints(wanted: set[UUID], *, with_keys: bool) -> dict[UUID, _Endpoint]:
    """Return where deliveries go, by endpoint: address, format, options, language, and the keys that are valid now.

    `with_keys`: for webhooks and devices; mail is not signed. Raises CannotDecrypt if secrets are lost.
    """
    if not wanted:
        return {}
    columns = ["pk", "address", "address_key", "format", "options", "language", *(["secrets"] if with_keys else [])]
    now = time.time()
    endpoints = {}
    rows = Endpoint.objects.filter(pk__in=wanted).annotate(
        language=_OWNERS_LANGUAGE if with_keys else _MEMBERS_LANGUAGE
    )
    for pk, address, key, format, options, language, *secrets in rows.values_list(*columns):
        known = secrets[0] if secrets and secrets[0] else {}
        if format == "apns" and isinstance(known, Unreadable):
            known = {"address": ""}  # other devices are served in its lane: that of this one is its own failure
        keys = known.get("signing", [])
        valid = tuple(entry["key"] for entry in keys if not entry["until"] or entry["until"] > now)
        if key:  # a webhook or a device: its whole address is a secret
            address = known.get("address", "")
            if format != "apns" and not (address and valid):
                raise CannotDecrypt("its URL or its signing secret was lost, and not given anew")
        endpoints[pk] = _Endpoint(address, format, options | known.get("options", {}), valid, key, language or "")
    return endpoints


def _build_notification(row: tuple[Any, ...], endpoint: _Endpoint) -> Notification:
    (
        pk, _, endpoint_id, tries, reasons, asked_for, event_type, representation, occurred_at, is_test, resource,
        owner, kind, organization, scheduled_at, extra_tries,
    ) = row  # fmt: skip
    return Notification(
        delivery=pk,
        endpoint=endpoint_id,
        webhook_id=ids.encode("dlv", pk),
        tries=tries,
        event_type=event_type,
        representation=representation,
        occurred_at=occurred_at,
        is_test=is_test,
        organization=organization,
        organization_id=ids.encode("user" if kind == Organization.Kind.PERSONAL else "orga", owner),
        resource=resource,
        address=endpoint.address,
        format=endpoint.format,
        options=endpoint.options,
        signing_keys=endpoint.signing_keys,
        reasons=tuple(reasons),
        asked_for=asked_for,
        extra=asked_for and scheduled_at is not None,
        extra_tries=extra_tries,
        address_key=endpoint.address_key,
        language=endpoint.language,
    )
