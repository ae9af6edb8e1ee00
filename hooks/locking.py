"""Locks on rows, and the one order in which they are taken.

A transaction that locks several rows does so in this order, and those of one kind by their ids. Two transactions that
kept to different orders could wait for each other, and one of them would fail:

1. The organization: routing, and changes of members, rules and settings take turns.
2. Endpoints: results are written, and rules change, while nobody else disables or deletes where deliveries go.
3. Deliveries. The endpoint of a webhook guards its deliveries; those of mail are locked one by one, as several rules
   may ask for one mail.
4. Lanes.
5. The circuit of a transport.

The locks are FOR NO KEY UPDATE, so that rows which refer to the locked ones can be inserted meanwhile. SQLite has no
locks on rows: there a transaction that writes has the database to itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet

from hooks import clock
from hooks.models import Circuit, Delivery, Endpoint, Lane
from notifications_project.accounts.locking import (
    lock_idle_organization,
    lock_organization,
    lock_organizations,
    lock_organizations_of,
)
from notifications_project.bulk import CHUNK

Row = TypeVar("Row")
_Model = TypeVar("_Model", bound=Model)


def lock_endpoint(endpoint: UUID) -> Endpoint:
    """Lock one endpoint and read it anew, without its secrets. Raises Endpoint.DoesNotExist."""
    return Endpoint.objects.without_secrets().select_for_update(no_key=True).get(pk=endpoint)


def lock_endpoints(endpoints: QuerySet[Endpoint, Row]) -> list[Row]:
    """Lock endpoints by their ids, and read them."""
    return list(_sort(endpoints))


def lock_deliveries(deliveries: QuerySet[Delivery, Row], limit: int | None = None) -> list[Row]:
    """Lock deliveries by their ids, and read them; with a `limit` the first ones."""
    return list(_sort(deliveries)[:limit])


def lock_each_delivery(deliveries: QuerySet[Delivery, Row]) -> Iterator[Row]:
    """Lock deliveries by their ids while they are read: for more than are to be held in memory."""
    return _sort(deliveries).iterator(CHUNK)


def lock_idle_deliveries(deliveries: QuerySet[Delivery, Row], limit: int) -> list[Row]:
    """Lock deliveries that nobody else has locked, in their own order: as none is waited for, any order will do."""
    return list(deliveries.select_for_update(skip_locked=True, no_key=True, of=("self",))[:limit])


def lock_lanes(lanes: QuerySet[Lane, Row]) -> list[Row]:
    """Lock lanes by their ids, and read them."""
    return list(_sort(lanes))


def lock_idle_lanes(lanes: QuerySet[Lane, Row], limit: int) -> list[Row]:
    """Lock lanes that nobody else has locked: as none is waited for, any order will do."""
    return list(lanes.select_for_update(skip_locked=True, no_key=True)[:limit])


def lock_circuit(name: str) -> Circuit | None:
    """Lock the circuit of a transport, if there is one, and read it anew, with the database's time as `now`."""
    return Circuit.objects.select_for_update().filter(pk=name).annotate(now=clock.get_now_column()).first()


def lock_or_make_circuit(name: str) -> Circuit:
    """Lock the circuit of a transport, as `lock_circuit`, having made it if there was none."""
    if found := lock_circuit(name):
        return found
    Circuit.objects.get_or_create(pk=name)
    return lock_or_make_circuit(name)


def _sort(rows: QuerySet[_Model, Row]) -> QuerySet[_Model, Row]:
    return rows.select_for_update(no_key=True, of=("self",)).order_by("pk")


__all__ = [
    "lock_circuit",
    "lock_deliveries",
    "lock_each_delivery",
    "lock_endpoint",
    "lock_endpoints",
    "lock_idle_deliveries",
    "lock_idle_lanes",
    "lock_idle_organization",
    "lock_lanes",
    "lock_or_make_circuit",
    "lock_organization",
    "lock_organizations",
    "lock_organizations_of",
]
