"""Events, types and resources as the JSON of the API, and the title of an event on pages."""

from __future__ import annotations

import json
from typing import Any

from django.utils.translation import gettext

from events import catalogue
from events.catalogue import EventGroup, EventType
from events.models import Event, Resource


def serialize_event(event: Event) -> dict[str, Any]:
    """Return an event as JSON; `resource` has its present name, the representation the name at the time."""
    return {
        "id": event.public_id,
        "type": event.type,
        "resource": event.resource and serialize_reference(event.resource),
        "occurred_at": event.occurred_at,
        "recorded_at": event.recorded_at,
        "test": event.is_test,
        "representation": json.loads(event.representation),
    }


def serialize_reference(resource: Resource) -> dict[str, Any]:
    return {"id": resource.public_id, "kind": resource.kind, "name": resource.name}


def serialize_resource(resource: Resource) -> dict[str, Any]:
    return serialize_reference(resource) | {
        "archived": resource.archived_at is not None,
        "created_at": resource.created_at,
        "archived_at": resource.archived_at,
    }


def type_json(each: EventType) -> dict[str, Any]:
    return {
        "name": each.name,
        "label": each.label,
        "subject": each.subject,
        "outcome": each.outcome,
        "email_default": each.email_default,
        "category": each.category,
        "category_label": each.category.label,
        "selectable": each.offered,
        "recordable": each.permission is not None,
        "required_permission": each.permission,
        "sample": each.sample,
    }


def group_json(group: EventGroup) -> dict[str, Any]:
    return {"name": group.name, "label": group.label, "types": list(group.types)}


def write_event_title(event: Event) -> str:
    """Return the type of an event with what it is about: "Process is down: shop"."""
    label = catalogue.get_label(event.type)
    if event.resource is None:
        return label
    return gettext("%(event)s: %(resource)s") % {"event": label, "resource": event.resource.name}
