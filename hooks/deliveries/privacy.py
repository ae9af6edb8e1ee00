"""Deliveries to members' own channels, as their organizations may see them: that somebody was told, or not.

The URL, the room, the device, the body, and what came back are the member's alone (docs/who-is-told.md). Such a
delivery belongs to the event's organization, and its endpoint to the member's personal space.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.utils.translation import gettext, pgettext

from hooks.models import Channel, Delivery, Endpoint
from hooks.presentation.delivery_sentences import make_delivery_badge
from notifications_project.accounts.models import User


def is_private(delivery: Delivery) -> bool:
    """Return True if the delivery goes to a member's own channel. Its endpoint must be loaded."""
    return delivery.endpoint.organization_id != delivery.organization_id


def is_owner(delivery: Delivery, user: User) -> bool:
    """Return True if the delivery goes to a channel of this user, whose personal space has the user's id."""
    return delivery.endpoint.organization_id == user.pk


def describe_state(delivery: Delivery) -> str:
    """Return the state of a delivery in words, and nothing of the receiver's answer."""
    if delivery.state == Delivery.State.PENDING:
        return pgettext("delivery", "Waits")
    return make_delivery_badge(delivery.state).word


def find_owners(deliveries: Iterable[Delivery]) -> dict[UUID, str]:
    """Return to whom the private ones of these go, "HipChat of Ada", by delivery; in two queries, or none."""
    private = [delivery for delivery in deliveries if is_private(delivery)]
    if not private:
        return {}
    owners = User.objects.in_bulk({delivery.endpoint.organization_id for delivery in private})
    kinds = dict(
        Channel.objects.filter(endpoint__in={delivery.endpoint_id for delivery in private}).values_list(
            "endpoint", "kind"
        )
    )
    return {
        delivery.pk: gettext("%(channel)s of %(user)s")
        % {
            "channel": _get_kind(delivery.endpoint, kinds),
            "user": owners.get(delivery.endpoint.organization_id) or gettext("somebody"),
        }
        for delivery in private
    }


def _get_kind(endpoint: Endpoint, kinds: dict[UUID, str]) -> str:
    if endpoint.kind == Endpoint.Kind.DEVICE:
        return str(Channel.Kind.IOS.label)
    kind = kinds.get(endpoint.pk)
    return str(Channel.Kind(kind).label) if kind else gettext("A former channel")
