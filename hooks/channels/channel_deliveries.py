"""A user's own deliveries: to the user's channels and address, whatever organization they are of."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from events.models import Event
from hooks.channels import services
from hooks.models import Channel, Delivery, Endpoint
from hooks.presentation import delivery_lists
from notifications_project.accounts.models import Organization, User

_LOOKED_THROUGH = 1_000  # newest events of each organization
_ORGANIZATIONS = 50


def list_deliveries(user: User) -> QuerySet[Delivery]:
    """Return the deliveries that the user may read whole, in organizations of the user. Look for few of them by id."""
    mails = Q(endpoint__kind=Endpoint.Kind.EMAIL, lower=user.email.lower())
    mine = Delivery.objects.alias(lower=Lower("endpoint__address")).filter(Q(endpoint__organization=user.pk) | mails)
    return mine.filter(organization__in=user.memberships.values("organization"))


def load_related(found: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Load with the deliveries everything that pages show of them."""
    related = ("organization", "event__resource", "endpoint", "hook")
    return delivery_lists.load_back_off(found).select_related(*related).defer("endpoint__secrets")


def find_endpoints_by_kind(user: User) -> dict[str, list[UUID]]:
    """List the addresses or devices of each of the user's channels."""
    there: dict[str, Channel] = {**_list_always(user), **services.list_channels(user)}
    return {
        kind: list(services.find_endpoints(channel).values_list("pk", flat=True)) for kind, channel in there.items()
    }


def find_recent(user: User, endpoints: dict[str, list[UUID]], most: int) -> dict[str, list[Delivery]]:
    """Return the newest deliveries of each kind of channel.

    Deliveries have no index by endpoint, as each costs every write: they are found by their events, of which the
    newest thousand of each organization are looked through.
    """
    kinds = {endpoint: kind for kind, found in endpoints.items() for endpoint in found}
    by_kind: dict[str, list[UUID]] = {kind: [] for kind in endpoints}
    for pk, endpoint in sorted(_find_among_newest(user, kinds), reverse=True):
        by_kind[kinds[endpoint]].append(pk)
    wanted = [pk for found in by_kind.values() for pk in found[:most]]
    rows = {delivery.pk: delivery for delivery in load_related(Delivery.objects.filter(pk__in=wanted))}
    return {kind: [rows[pk] for pk in found[:most] if pk in rows] for kind, found in by_kind.items()}


def _find_among_newest(user: User, endpoints: Collection[UUID]) -> Iterable[tuple[UUID, UUID]]:
    """List deliveries to these endpoints, with the endpoint, of the newest events of the user's organizations."""
    if not endpoints:
        return
    owners = Organization.objects.filter(memberships__user=user).order_by("-memberships__joined_at")
    for owner in owners.values_list("pk", flat=True)[:_ORGANIZATIONS]:
        newest = Event.objects.filter(organization=owner).order_by("-pk").values("pk")[:_LOOKED_THROUGH]
        found = Delivery.objects.filter(event__in=newest, endpoint__in=endpoints)
        yield from found.order_by().values_list("pk", "endpoint")


def _list_always(user: User) -> dict[str, Channel]:
    """Return the channels that need no set-up: e-mail."""
    return {Channel.Kind.EMAIL: Channel(user=user, kind=Channel.Kind.EMAIL)}


__all__ = ["find_endpoints_by_kind", "find_recent", "list_deliveries", "load_related"]
