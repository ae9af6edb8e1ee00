"""Trying a hook out: a real test event, through the real workers, to the one endpoint that is tested."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from events import catalogue, intake
from hooks import matching
from hooks.engine import lanes, wake
from hooks.models import Delivery, Hook
from notifications_project.accounts import audit
from notifications_project.accounts.models import User


class CannotTest(Exception):
    """The hook cannot be tested with this; the message says why, for people."""


@transaction.atomic
def send_test(hook: Hook, event_type: str, actor: User) -> Delivery:
    """A delivery of the type's sample, marked as a test, that goes at once, also if the hook is paused.

    A webhook's goes to its URL, an e-mail hook's only to `actor`. It is never matched. Raises CannotTest.
    Its success puts an endpoint that was disabled to work again; the test's reason says so (`enables`).
    """
    known = catalogue.EVENT_TYPES.get(event_type)
    if known is None:
        raise CannotTest(f"Unknown event type: {event_type}.")
    if hook.deleted_at:
        raise CannotTest("This hook was deleted.")
    sample = intake.NewEvent(type=event_type, data={**known.sample, "test": True}, is_test=True)
    event = intake.record(hook.organization, [sample], actor=actor)[0]
    endpoint = hook.endpoint or matching.mail_endpoint(hook.organization, actor.email)
    reason: dict[str, Any] = {"rule": "test", "id": hook.public_id, "name": hook.name, "by": str(actor)}
    if hook.endpoint and hook.endpoint.disabled_at:
        reason["enables"] = True
    delivery = Delivery.objects.create(
        organization=hook.organization,
        event=event,
        endpoint=endpoint,
        lane_id=endpoint.lane_id,
        hook=hook,
        reasons=[reason],
        due_at=lanes.AT_ONCE,
    )
    lanes.probe_now(endpoint.lane_id)
    audit.record(hook.organization, actor, "hook.tested", hook.name, type=event_type)
    wake()
    return delivery
