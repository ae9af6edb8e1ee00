"""Repairing, once a minute, what a crash can leave behind. Every step is idempotent and bounded."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, OuterRef

from hooks import clock
from hooks.engine import leases, set_back
from hooks.models import Delivery, Lane, PumpHeartbeat
from hooks.queue import lanes
from notifications_project.accounts.models import AccountMail
from notifications_project.isolation import isolate
from notifications_project.runtime import sqlite_file

_FORGET_PUMPS = timedelta(hours=1)
_LANES = 500


def sweep() -> None:
    """Bring back lanes that sleep with work in them, leases from a clock that went back; forget what is over."""
    for repair in (set_back.repair, _wake_lanes, _shorten_leases, _forget_pumps, _forget_account_mails, _cut_log):
        with isolate(f"a step of the sweep failed: {repair.__name__}"):
            repair()


def _wake_lanes() -> None:
    """Touch lanes that sleep with work in them."""
    waiting = Delivery.objects.pending().filter(lane=OuterRef("pk"), due_at__isnull=False)
    asleep = Lane.objects.filter(Exists(waiting), work_due_at__isnull=True, leased_until__isnull=True)
    lanes.touch(list(asleep.values_list("pk", flat=True)[:_LANES]))


def _shorten_leases() -> None:
    # A lease longer than any that is given was made before the clock was set back, and nobody saw it happen.
    longest = clock.now() + timedelta(seconds=leases.get_lease_seconds())
    Lane.objects.filter(leased_until__gt=longest).update(leased_until=longest)


def _forget_pumps() -> None:
    PumpHeartbeat.objects.filter(seen_at__lt=clock.now() - _FORGET_PUMPS).delete()


def _cut_log() -> None:
    sqlite_file.write_back(only_if_large=True)


def _forget_account_mails() -> None:
    AccountMail.objects.filter(expires_at__lte=clock.now()).delete()
