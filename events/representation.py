"""The one JSON form of an event: the API, raw webhooks and the WebSocket give it byte for byte.

It is made once, when the event is stored, and kept with it. Its names stand in this order: `event_type`,
`timestamp`, `event_id`, `organization`, `resource`, then the data in the order in which it was sent. It is
compact (no blanks between the parts) and text beyond ASCII stands as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from events.models import Event, Resource
from notifications_project.accounts.models import Organization

RESERVED = frozenset({"timestamp", "event_type", "event_id", "organization", "resource"})
MEDIA_TYPE = "application/json"


def build(
    *,
    event_id: str,
    event_type: str,
    occurred_at: datetime,
    organization: Organization,
    resource: Resource | None,
    data: Mapping[str, Any],
) -> str:
    """The text to store with a new event. `data` must not use a name of `RESERVED`."""
    return dumps(
        {
            "event_type": event_type,
            "timestamp": int(occurred_at.timestamp()),
            "event_id": event_id,
            "organization": {"id": organization.public_id, "name": organization.name},
            "resource": resource and {"id": resource.public_id, "kind": str(resource.kind), "name": resource.name},
            **data,
        }
    )


def dumps(value: Any) -> str:
    """Compact JSON; NaN and infinities, which JSON does not know, are a ValueError."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def of(event: Event) -> bytes:
    """The representation of a stored event."""
    return event.representation.encode()
