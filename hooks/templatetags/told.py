"""`{% load told %}{% told event %}`: on the page of an event, who is told about it."""

from __future__ import annotations

from typing import Any

from django import template

from events.models import Event
from hooks import sentences
from hooks.models import Endpoint

register = template.Library()

_MOST = 100


@register.inclusion_tag("hooks/told.html", takes_context=True)
def told(context: template.Context, event: Event) -> dict[str, Any]:
    """The deliveries that an event owes, in the order of routing, each with its state and its reason."""
    found = list(event.deliveries.select_related("endpoint", "lane", "hook").order_by("pk")[: _MOST + 1])
    return {
        "organization": context["organization"],
        "event": event,
        "rows": [
            {
                "delivery": delivery,
                "badge": sentences.delivery_badge(delivery.state),
                "state": sentences.describe_state(delivery),
                "target": _target(delivery.endpoint, delivery.hook and delivery.hook.name),
                "reasons": sentences.describe_reasons(delivery.reasons),
            }
            for delivery in found[:_MOST]
        ],
        "more": len(found) > _MOST,
    }


def _target(endpoint: Endpoint, hook: str | None) -> str:
    return hook if hook and endpoint.kind == Endpoint.Kind.WEBHOOK else sentences.where(endpoint)
