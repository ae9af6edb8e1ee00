"""Repairing, once a minute, what a crash can leave behind. Every step is idempotent and bounded."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, OuterRef

from hooks.engine import clock, lanes, leases, set_back
from hooks.models import Delivery, Lane, Pump
from notifications_project.accounts.models import AccountMail

_FORGET_PUMPS = timedelta(hours=1)
_LANES = 500


def sweep() -> None:
    """Bring back lanes that sleep with work in them, leases from a clock that went back; forget what is over."""
    set_back.repair()
    now = clock.now()
    waiting = Delivery.objects.filter(lane=OuterRef("pk"), state=Delivery.State.PENDING, due_at__isnull=False)
    asleep = Lane.objects.filter(Exists(waiting), work_due_at__isnull=True, leased_until__isnull=True)
    lanes.touch(list(asleep.values_list("pk", flat=True)[:_LANES]))
    # A lease longer than any that is given was made before the clock was set back, and nobody saw it happen.
    longest = now + timedelta(seconds=leases.lease_seconds())
    Lane.objects.filter(leased_until__gt=longest).update(leased_until=longest)
    Pump.objects.filter(seen_at__lt=now - _FORGET_PUMPS).delete()
    AccountMail.objects.filter(expires_at__lte=now).delete()
