"""`{% load told %}{% told event %}`: on the page of an event, who is told about it."""

from __future__ import annotations

from typing import Any

from django import template

from events.models import Event
from hooks.context import has_running_workers
from hooks.deliveries import privacy
from hooks.models import Delivery, Endpoint
from hooks.presentation import delivery_lists, delivery_sentences, phrases

register = template.Library()

_MOST = 100


@register.inclusion_tag("hooks/deliveries/_told.html", takes_context=True)
def told(context: template.Context, event: Event) -> dict[str, Any]:
    """Return the deliveries that an event owes, in the order of routing, each with its state and its reason."""
    loaded = delivery_lists.load_back_off(
        event.deliveries.select_related("endpoint", "hook").defer("endpoint__secrets")
    )
    found = list(loaded.order_by("pk")[: _MOST + 1])
    private = privacy.find_owners(found[:_MOST])
    return {
        "organization": context["organization"],
        "event": event,
        "rows": [
            {
                "delivery": delivery,
                "badge": delivery_sentences.make_delivery_badge(delivery.state),
                "state": privacy.describe_state(delivery)
                if delivery.pk in private
                else delivery_sentences.describe_state(
                    delivery, workers=lambda: has_running_workers(context["request"])
                ),
                "target": private.get(delivery.pk) or _target(delivery),
                "reasons": delivery_sentences.describe_reasons(delivery.reasons),
            }
            for delivery in found[:_MOST]
        ],
        "more": len(found) > _MOST,
    }


def _target(delivery: Delivery) -> str:
    if delivery.hook and delivery.endpoint.kind == Endpoint.Kind.WEBHOOK:
        return delivery.hook.name
    return phrases.show_address(delivery.endpoint)
