"""Endpoints looked up in bulk, or made: what deliveries need of them, and those of e-mail addresses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from hooks import clock
from hooks.locking import lock_endpoints
from hooks.messages import Transport
from hooks.models import Endpoint, Lane
from notifications_project.accounts.models import Organization
from notifications_project.bulk import find_rows


def get_or_create_mail_endpoints(organization: Organization, addresses: dict[str, str]) -> dict[str, EndpointRef]:
    """The endpoint of each address, by its lower-case form; missing ones are made."""
    if not addresses:
        return {}
    lane = get_or_create_lane(organization, Transport.SMTP)
    found = _find_existing(organization, addresses)
    missing = [
        Endpoint(
            organization=organization,
            kind=Endpoint.Kind.EMAIL,
            # A database may know the lower case of ASCII letters only: what it would not find again is stored so.
            address=address if address.isascii() else lower,
            format="mail",
            lane=lane,
            secrets={},
        )
        for lower, address in addresses.items()
        if lower not in found
    ]
    if missing:
        Endpoint.objects.bulk_create(missing, batch_size=500, ignore_conflicts=True)
        found |= _find_existing(organization, [each.address.lower() for each in missing])
    return found


def _find_existing(organization: Organization, addresses: Iterable[str]) -> dict[str, EndpointRef]:
    """The endpoints of these addresses that there are, by address in lower case."""
    mails = Endpoint.objects.mails().filter(organization=organization)
    rows = find_rows(mails.values_list(*EndpointRef._fields), "lower", list(addresses))
    return {endpoint.address.lower(): endpoint for endpoint in (EndpointRef(*row) for row in rows)}


def get_or_create_lane(organization: Organization, transport: str) -> Lane:
    """The one lane of an organization's mail (`smtp`) or push (`apns`)."""
    lane, _ = Lane.objects.get_or_create(organization=organization, transport=transport)
    return lane


def request_confirmations(organization: Organization, addresses: dict[str, str]) -> int:
    """Have addresses (as typed, by lower case) asked whether they want mail, unless they were; how many will be."""
    found = [endpoint.pk for endpoint in get_or_create_mail_endpoints(organization, addresses).values()]
    unasked = Endpoint.objects.filter(ask_at__isnull=True, asked_at__isnull=True, confirmed_at__isnull=True)
    return unasked.filter(pk__in=found, disabled_at__isnull=True).update(ask_at=clock.now()) if found else 0


def get_or_create_mail_endpoint(organization: Organization, address: str) -> Endpoint:
    """The endpoint of one e-mail address of an organization."""
    found = get_or_create_mail_endpoints(organization, {address.lower(): address})[address.lower()]
    return Endpoint.objects.get(pk=found.pk)


class EndpointRef(NamedTuple):
    """The columns of an endpoint that its deliveries need."""

    pk: UUID
    lane_id: int
    address: str
    disabled_at: datetime | None


def read_endpoint_refs(endpoints: QuerySet[Endpoint]) -> Iterator[EndpointRef]:
    return (EndpointRef(*row) for row in endpoints.values_list(*EndpointRef._fields))


def lock_endpoint_refs(endpoints: Collection[UUID]) -> dict[UUID, EndpointRef]:
    """Lock endpoints that were disabled, and read them anew, by id.

    If one were enabled before the caller commits, deliveries held for it would never be released.
    """
    rows = lock_endpoints(Endpoint.objects.filter(pk__in=endpoints).values_list(*EndpointRef._fields))
    return {to.pk: to for to in (EndpointRef(*row) for row in rows)}
