"""What waited for a channel goes as one message when its quiet time is over."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from hooks.models import Delivery
from hooks.quiet import AT_MOST


def wait_until(deliveries: QuerySet[Delivery], when: datetime) -> None:
    """Have deliveries that wait for a quiet time to end wait until `when`, which may be now."""
    deliveries.update(quiet_until=when, due_at=when + AT_MOST)
