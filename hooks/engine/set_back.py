"""Repairs what is due later after the database's clock was set back: what was due soon would now be due in an hour.

Heartbeats show that it happened: they are never later than now (those of pumps at work are kept from going back, see
`wakeup.Heartbeat`). The latest of them shows by how much, short by at most the minute between two sweeps. The first
worker that sees it repairs; others that wait for the same heartbeats then find none in the future.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Greatest
from django.utils import timezone
from django_q.models import Schedule

from hooks import clock
from hooks.engine import leases
from hooks.locking import lock_lanes
from hooks.models import Circuit, Delivery, Lane, PumpHeartbeat
from notifications_project.accounts.models import AccountMail

logger = logging.getLogger(__name__)

_NOTICED = timedelta(seconds=5)  # clocks are trimmed by less all the time
_SCHEDULED = timedelta(minutes=2)  # more than the schedule's minute


def repair() -> bool:
    """Repair what a clock that was set back has moved away; return True if there was anything to do."""
    _keep_the_schedule()
    if not PumpHeartbeat.objects.filter(seen_at__gt=clock.now() + _NOTICED).exists():
        return False
    with transaction.atomic():
        now = clock.now()
        seen = PumpHeartbeat.objects.select_for_update().filter(seen_at__gt=now + _NOTICED).order_by("pk")
        ahead = {pump.pk: pump.seen_at for pump in seen}
        if not ahead:
            return False
        step = max(ahead.values()) - now
        _draw_nearer(now, step)
        PumpHeartbeat.objects.filter(pk__in=ahead).update(seen_at=now)
    logger.warning(
        "the clock was set back by some %d s: what was to be done later is drawn nearer", step.total_seconds()
    )
    return True


def _draw_nearer(now: datetime, step: timedelta) -> None:
    """Draw everything that is due later nearer by `step`: deliveries first, then lanes, as `hooks.locking` has it."""

    def draw_nearer(name: str) -> Case:
        sooner = Greatest(F(name) - Value(step), Value(now))
        return Case(When(**{f"{name}__gt": now}, then=sooner), default=F(name))

    def cut_to(name: str, than: datetime) -> Case:
        return Case(When(**{f"{name}__gt": than}, then=Value(than)), default=F(name))

    later = Q(due_at__gt=now) | Q(scheduled_at__gt=now)
    Delivery.objects.pending().filter(later).update(
        due_at=draw_nearer("due_at"), scheduled_at=draw_nearer("scheduled_at")
    )
    # A lease is only cut to a whole one: it may have been taken after the clock was set back.
    longest = now + timedelta(seconds=leases.get_lease_seconds())
    ahead = Q(next_at__gt=now) | Q(not_before__gt=now) | Q(leased_until__gt=longest)
    concerned = lock_lanes(Lane.objects.filter(ahead).values_list("pk", flat=True))
    Lane.objects.filter(pk__in=concerned).update(
        work_due_at=draw_nearer("work_due_at"),
        not_before=draw_nearer("not_before"),
        next_at=draw_nearer("next_at"),
        leased_until=cut_to("leased_until", longest),
    )
    Circuit.objects.filter(not_before__gt=now).update(not_before=draw_nearer("not_before"))
    AccountMail.objects.filter(due_at__gt=now).update(due_at=draw_nearer("due_at"))


def _keep_the_schedule() -> None:
    """Have the sweep run now if it is scheduled too late: by the clock of this machine, as django-q2 has it."""
    now = timezone.now()
    late = Schedule.objects.filter(func="hooks.tasks.sweep", next_run__gt=now + _SCHEDULED)
    if late.exists():
        late.update(next_run=now)
