"""Notifications as the engine hands them to formats, without a database."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from events import catalogue
from hooks.messages import Notification

APPLICATION = "app_3c2b8a52-4e1f-4f0b-9d3e-2a7f5f6b7c81"
ORGANIZATION = "orga_0f8c2c4e-6a3b-4c1d-8e2f-1a2b3c4d5e6f"
EVENT = "evt_019a1b2c-3d4e-7f00-8a1b-2c3d4e5f6a7b"


def notification(
    event_type: str, data: dict[str, Any] | None = None, resource: str | None = "front", **fields: Any
) -> Notification:
    """Make a notification about a resource of Acme, with the catalogue's sample as data; `fields` replace others."""
    kind = "addon" if event_type.startswith("addon.") else "application"
    representation = {
        "event_type": event_type,
        "timestamp": 1_795_000_000,
        "event_id": EVENT,
        "organization": {"id": ORGANIZATION, "name": "Acme"},
        "resource": resource and {"id": APPLICATION, "kind": kind, "name": resource},
        **(catalogue.EVENT_TYPES[event_type].sample if data is None else data),
    }
    return Notification(
        **{
            "delivery": UUID(int=1),
            "endpoint": UUID(int=2),
            "webhook_id": "dlv_019a1b2c-3d4e-7f00-8a1b-000000000001",
            "tries": 0,
            "event_type": event_type,
            "representation": json.dumps(representation),
            "occurred_at": datetime(2026, 11, 22, 12, tzinfo=UTC),
            "is_test": False,
            "organization": "Acme",
            "organization_id": ORGANIZATION,
            "resource": resource,
            "address": "https://receiver.example/hook",
            "format": "raw",
            "options": {},
            "signing_keys": (),
            "reasons": (),
            **fields,
        }
    )
