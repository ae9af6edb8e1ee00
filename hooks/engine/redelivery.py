"""Sending again because a person asked for it: one delivery, or some that were selected."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from django.db import transaction

from hooks.engine import lanes
from hooks.engine.wakeup import wake
from hooks.models import Delivery, Endpoint
from notifications_project.accounts import audit
from notifications_project.accounts.models import Organization, User

MOST_AT_ONCE = 100


class CannotRedeliver(Exception):
    """The delivery cannot be sent again; the message says why, for people."""


@transaction.atomic
def redeliver(delivery: Delivery, actor: User) -> None:
    """Send it at once: the next try of what waits, or all tries again of what is settled. Raises CannotRedeliver.

    The webhook-id and the body stay the same; attempts made before are kept.
    """
    endpoint = _locked_endpoints([delivery])[delivery.endpoint_id]
    if problem := _obstacle(endpoint):
        raise CannotRedeliver(problem)
    _send([delivery.pk], [delivery.lane_id])
    audit.record(delivery.organization, actor, "delivery.redelivered", delivery.public_id)
    wake()


@transaction.atomic
def redeliver_many(
    organization: Organization, ids: Collection[UUID], actor: User
) -> tuple[list[Delivery], dict[UUID, str]]:
    """As `redeliver`, for up to 100 of an organization's deliveries: what goes out, and why the others do not, by id.

    Raises CannotRedeliver, and sends nothing, if there are more.
    """
    wanted = list(dict.fromkeys(ids))
    if len(wanted) > MOST_AT_ONCE:
        raise CannotRedeliver(f"At most {MOST_AT_ONCE} deliveries can be sent again at once.")
    found = Delivery.objects.filter(organization=organization).in_bulk(wanted)
    endpoints = _locked_endpoints(found.values())
    refused = {pk: "There is no such delivery." for pk in wanted if pk not in found}
    refused |= {pk: problem for pk, each in found.items() if (problem := _obstacle(endpoints[each.endpoint_id]))}
    sent = [found[pk] for pk in sorted(found) if pk not in refused]
    _send([each.pk for each in sent], [each.lane_id for each in sent])
    for each in sent:
        audit.record(organization, actor, "delivery.redelivered", each.public_id)
    if sent:
        wake()
    return sent, refused


def _locked_endpoints(deliveries: Iterable[Delivery]) -> dict[UUID, Endpoint]:
    """First of all, as whoever writes results or changes a rule does: none is deleted or disabled meanwhile."""
    rows = Endpoint.objects.select_for_update(no_key=True).defer("secrets").order_by("pk")
    return {row.pk: row for row in rows.filter(pk__in={each.endpoint_id for each in deliveries})}


def _obstacle(endpoint: Endpoint) -> str:
    """Why nothing can be sent there; empty if it can."""
    if endpoint.deleted_at:
        return "The hook was deleted: there is nowhere to send it to."
    if endpoint.disabled_at:
        return "Its address was stopped. Test the hook first: a successful test puts it to work again."
    return ""


def _send(deliveries: Collection[UUID], of_lanes: Iterable[int]) -> None:
    rows = Delivery.objects.filter(pk__in=deliveries)
    # Locked in order; a worker that settles one meanwhile has done so before what follows, or finds it waiting.
    list(rows.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    rows.exclude(state=Delivery.State.PENDING).update(tries=0, settled_at=None)
    rows.update(state=Delivery.State.PENDING, due_at=lanes.AT_ONCE)
    for lane in sorted(set(of_lanes)):
        lanes.probe_now(lane)
