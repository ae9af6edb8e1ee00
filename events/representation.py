"""The representation is the JSON form of an event; the API, raw webhooks and the WebSocket send it byte for byte.

It is made once, when the event is stored, and kept with it. Its names stand in this order: `event_type`,
`timestamp`, `event_id`, `test`, `organization`, `resource`, `meta`, then the data in the order in which it was sent. It
is compact, without blanks between the parts, and text beyond ASCII is not escaped.

No name is ever added at the top level, where it could collide with a name in a sender's data: later additions go
into `meta`. Representations that were stored before `test` and `meta` existed stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from events.models import Event, Resource
from notifications_project.accounts.models import Organization

RESERVED = frozenset({"event_type", "timestamp", "event_id", "test", "organization", "resource", "meta"})
VERSION = 1  # of the names above and what they hold
MEDIA_TYPE = "application/json"


class Source(StrEnum):
    """The way by which an event was recorded."""

    API = "api"
    CONSOLE = "console"
    INBOUND = "source"  # another system's webhook


def build(
    *,
    event_id: str,
    event_type: str,
    occurred_at: datetime,
    organization: Organization,
    resource: Resource | None,
    is_test: bool,
    source: Source,
    data: Mapping[str, Any],
) -> str:
    """Return the text to store with a new event. `data` must not use a name of `RESERVED`."""
    return encode(
        {
            "event_type": event_type,
            "timestamp": int(occurred_at.timestamp()),
            "event_id": event_id,
            "test": is_test,
            "organization": {"id": organization.public_id, "name": organization.name},
            "resource": resource and {"id": resource.public_id, "kind": str(resource.kind), "name": resource.name},
            "meta": {"version": VERSION, "occurred_at": _format_time(occurred_at), "source": source},
            **data,
        }
    )


def _format_time(when: datetime) -> str:
    """Return a time in UTC with three decimals and Z, the form of every time that receivers get as a text."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def encode(value: Any) -> str:
    """Return compact JSON. Raises ValueError for NaN and infinities, which JSON does not have."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def get_bytes(event: Event) -> bytes:
    """Return the stored representation of an event in UTF-8."""
    return event.representation.encode()
