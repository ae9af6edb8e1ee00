"""Sending again because a person asked for it: one delivery, or some that were selected."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Coalesce
from django.utils.translation import gettext

from hooks import clock
from hooks.deliveries import resend_checks
from hooks.locking import lock_deliveries, lock_endpoints
from hooks.models import Delivery, Endpoint
from hooks.queue import lanes
from hooks.queue.wakeup import wake
from notifications_project.accounts import audit
from notifications_project.accounts.models import Organization, User

MOST_AT_ONCE = 100


class CannotRedeliver(Exception):
    """The delivery cannot be sent again; the message says why, for people."""


@transaction.atomic
def redeliver(delivery: Delivery, actor: User) -> None:
    """Send it at once: an extra try of what waits, or all tries again of what is settled. Raises CannotRedeliver.

    The webhook-id and the body stay the same; attempts made before are kept.
    """
    endpoints = _lock_endpoints([delivery])
    endpoint = endpoints[delivery.endpoint_id]
    if problem := _find_obstacles([delivery], endpoints, actor).get(delivery.pk):
        raise CannotRedeliver(problem)
    _send([delivery.pk], [delivery.lane_id])
    _tell(delivery, endpoint, actor)
    wake()


@transaction.atomic
def redeliver_many(
    organization: Organization, ids: Collection[UUID], actor: User
) -> tuple[list[Delivery], dict[UUID, str]]:
    """Send up to 100 of an organization's deliveries again. Return those that go out, and why the others do not, by id.

    Raises CannotRedeliver, and sends nothing, if there are more.
    """
    wanted = list(dict.fromkeys(ids))
    if len(wanted) > MOST_AT_ONCE:
        raise CannotRedeliver(
            gettext("At most %(number)s deliveries can be sent again at once.") % {"number": MOST_AT_ONCE}
        )
    found = Delivery.objects.filter(organization=organization).in_bulk(wanted)
    sent, refused = redeliver_these(list(found.values()), actor)
    return sent, {pk: gettext("There is no such delivery.") for pk in wanted if pk not in found} | refused


@transaction.atomic
def redeliver_these(deliveries: Collection[Delivery], actor: User) -> tuple[list[Delivery], dict[UUID, str]]:
    """Send deliveries again that were looked up before, of whatever organizations."""
    endpoints = _lock_endpoints(deliveries)
    refused = _find_obstacles(deliveries, endpoints, actor)
    sent = sorted((each for each in deliveries if each.pk not in refused), key=lambda each: each.pk)
    _send([each.pk for each in sent], [each.lane_id for each in sent])
    for each in sent:
        _tell(each, endpoints[each.endpoint_id], actor)
    if sent:
        wake()
    return sent, refused


def _tell(delivery: Delivery, endpoint: Endpoint, actor: User) -> None:
    """Whoever's endpoint it is: what a member does with the own channels is no matter of the organization's."""
    audit.record(endpoint.organization, actor, "delivery.redelivered", delivery.public_id)


def _lock_endpoints(deliveries: Iterable[Delivery]) -> dict[UUID, Endpoint]:
    """The endpoints of deliveries: none is deleted or disabled meanwhile."""
    wanted = Endpoint.objects.filter(pk__in={each.endpoint_id for each in deliveries})
    return {row.pk: row for row in lock_endpoints(wanted.select_related("organization").without_secrets())}


def _find_obstacles(deliveries: Collection[Delivery], endpoints: dict[UUID, Endpoint], actor: User) -> dict[UUID, str]:
    """Return why `actor` may not have some of them sent, by id."""
    unwanted = resend_checks.find_reasons_not_to_resend(deliveries, endpoints, actor)
    found = {each.pk: _find_obstacle(each, endpoints[each.endpoint_id], actor) for each in deliveries}
    return {pk: problem for pk, first in found.items() if (problem := first or unwanted.get(pk, ""))}


def _find_obstacle(delivery: Delivery, endpoint: Endpoint, actor: User) -> str:
    """Return why `actor` may not have the delivery sent there; empty if it is allowed."""
    is_personal = endpoint.organization.is_personal and endpoint.kind != Endpoint.Kind.EMAIL
    if endpoint.organization_id not in {delivery.organization_id, actor.pk}:
        return gettext("It goes to a member’s own channel: only that member can send it again.")
    if endpoint.deleted_at:
        if endpoint.kind == Endpoint.Kind.DEVICE:
            return gettext("The device was removed: there is nowhere to send it to.")
        if is_personal and delivery.hook_id is None:
            return gettext("The channel was removed: there is nowhere to send it to.")
        return gettext("The hook was deleted: there is nowhere to send it to.")
    if endpoint.disabled_at and endpoint.kind == Endpoint.Kind.EMAIL:
        return gettext(
            "Mail to this address is disabled. "
            "An administrator or a manager can have it tried again on its hook’s page."
        )
    if endpoint.disabled_at and is_personal and delivery.hook_id is None:
        return gettext("Its channel is disabled. Test it first: a successful test enables it again.")
    if endpoint.disabled_at:
        return gettext("Its hook is disabled. Test it first: a successful test enables it again.")
    return ""


def _send(deliveries: Collection[UUID], of_lanes: Iterable[int]) -> None:
    rows = Delivery.objects.filter(pk__in=deliveries)
    # A worker that settles one meanwhile has done so before what follows, or finds it waiting.
    lock_deliveries(rows.values_list("pk"))
    rows.exclude(state=Delivery.State.PENDING).update(
        tries=0, extra_tries=0, scheduled_at=None, settled_at=None, digest=None
    )
    waiting = rows.pending().exclude(due_at=lanes.AT_ONCE)
    waiting.update(scheduled_at=Coalesce("due_at", clock.now()))  # what is held goes on once it is let go
    rows.update(state=Delivery.State.PENDING, due_at=lanes.AT_ONCE, quiet_until=None)
    for lane in sorted(set(of_lanes)):
        lanes.probe_now(lane)
