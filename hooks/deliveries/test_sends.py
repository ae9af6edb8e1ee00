"""Trying a hook, a channel or a device out: a real test event, through the real workers, to the one endpoint."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext

from events import catalogue, intake
from events.catalogue import EventType
from events.representation import Source
from hooks.endpoints import lookup
from hooks.messages import Reason, RuleKind
from hooks.models import Channel, Delivery, Endpoint, Hook
from hooks.queue import lanes
from hooks.queue.wakeup import wake
from notifications_project.accounts import audit
from notifications_project.accounts.models import Organization, User


class CannotTest(Exception):
    """The endpoint cannot be tested by this event type or person; the message says why, for people."""


@transaction.atomic
def send_hook_test(hook: Hook, event_type: str, actor: User) -> Delivery:
    """A delivery of the type's sample, marked as a test, that goes at once, also if the hook is paused.

    A webhook's goes to its URL, an e-mail hook's only to `actor`. It is never matched. Raises CannotTest.
    Its success puts an endpoint that was disabled to work again; the test's reason says so (`enables`).
    """
    if hook.deleted_at:
        raise CannotTest(gettext("This hook was deleted."))
    endpoint = hook.endpoint
    if endpoint is None:
        _check(event_type)
        endpoint = lookup.get_or_create_mail_endpoint(hook.organization, actor.email)
    delivery = _send(hook.organization, endpoint, event_type, actor, hook.public_id, hook.name, hook)
    audit.record(hook.organization, actor, "hook.tested", hook.name, type=event_type)
    return delivery


@transaction.atomic
def send_endpoint_test(endpoint: Endpoint, event_type: str, actor: User) -> Delivery:
    """Send a test to one channel or device of a user, within the personal space that it belongs to.

    See `send_hook_test`.
    """
    if endpoint.deleted_at:
        raise CannotTest(gettext("It was removed."))
    kind, name, public_id = _describe_user(endpoint)
    delivery = _send(endpoint.organization, endpoint, event_type, actor, public_id, name, None)
    audit.record(endpoint.organization, actor, f"{kind}.tested", name, type=event_type)
    return delivery


def _describe_user(endpoint: Endpoint) -> tuple[str, str, str]:
    """Return which part of a user's settings the endpoint belongs to: "device" or "channel", its name and its id."""
    if endpoint.kind == Endpoint.Kind.DEVICE:
        return "device", endpoint.device.name, endpoint.device.public_id
    channel = Channel.objects.filter(endpoint=endpoint).first()
    if channel is None:  # e-mail: the channel has no endpoint of its own
        return "channel", Channel.Kind.EMAIL.english, ""
    return "channel", channel.english_name, channel.public_id


def _check(event_type: str) -> EventType:
    known = catalogue.EVENT_TYPES.get(event_type)
    if known is None or not known.offered:
        raise CannotTest(gettext("Unknown event type: %(type)s.") % {"type": event_type})
    return known


def _send(
    organization: Organization,
    endpoint: Endpoint,
    event_type: str,
    actor: User,
    rule: str,
    name: str,
    hook: Hook | None,
) -> Delivery:
    """`rule`: the id of what is tested, called `name`."""
    known = _check(event_type)
    sample = intake.NewEvent(type=event_type, data=known.sample, is_test=True)
    event = intake.record(organization, [sample], actor=actor, source=Source.CONSOLE)[0]
    reason: Reason = {"rule": RuleKind.TEST, "id": rule, "name": name, "by": str(actor)}
    if endpoint.disabled_at and (hook is None or hook.endpoint):
        reason["enables"] = True
    delivery = Delivery.objects.create(
        organization=organization,
        event=event,
        endpoint=endpoint,
        lane_id=endpoint.lane_id,
        hook=hook,
        reasons=[reason],
        due_at=lanes.AT_ONCE,
    )
    lanes.probe_now(endpoint.lane_id)
    wake()
    return delivery
