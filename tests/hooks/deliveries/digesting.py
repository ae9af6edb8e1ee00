"""Helpers of the tests of digests: a quiet time, its end, and what was sent then."""

from __future__ import annotations

import json
from datetime import timedelta

from hooks import clock
from hooks.audience.quiet_times import DIGEST_GRACE
from hooks.channels import services
from hooks.deliveries import digests
from hooks.models import Channel, Delivery
from notifications_project.accounts.models import User

TYPES = ["process.down", "git.push", "job.fail"]


def snooze(user: User, kind: str, hours: int = 8) -> None:
    services.snooze(user, [kind], clock.now() + timedelta(hours=hours))


def quiet_time_ends() -> None:
    """Move the end of the snooze to now."""
    now = clock.now()
    Channel.objects.update(snoozed_until=None)
    waiting = Delivery.objects.filter(state="pending", quiet_until__isnull=False)
    waiting.filter(due_at__isnull=False).update(quiet_until=now, due_at=now + DIGEST_GRACE)
    waiting.update(quiet_until=now)


def folded() -> list[Delivery]:
    found = Delivery.objects.filter(state="cancelled", digest__isnull=False)
    return list(found.order_by("pk"))


def digest() -> Delivery:
    return Delivery.objects.select_related("event", "endpoint", "organization").get(event__type=digests.TYPE)


def titles() -> list[str]:
    """Return the titles that the digest names one by one."""
    return [each["title"] for each in json.loads(digest().event.representation)["notifications"]]
