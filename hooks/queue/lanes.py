"""Lanes as everybody may use them: saying that work is due, forgetting a back-off, asking for a try at once.

Every statement is written for two workers at once. Touching always writes, in id order, and never moves
`not_before`: a new event does not defeat a back-off. Leasing and releasing are the engine's (`hooks.engine.lanes`).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Greatest, Least

from hooks import clock
from hooks.locking import lock_lanes
from hooks.models import Lane

# The `due_at` of what goes before everything else in its lane: tests, and what a person asked to try now.
AT_ONCE = datetime(2000, 1, 1, tzinfo=UTC)


def touch(lanes: Collection[int]) -> None:
    """Note that work is due in these lanes now. A lane that backs off goes on doing so."""
    if not lanes:
        return
    with transaction.atomic():
        _lock(lanes)
        now = clock.now()
        due = Least(Coalesce(F("work_due_at"), now), now)
        later = Greatest(Least(Coalesce(F("work_due_at"), now), now), Coalesce(F("not_before"), now))
        # Never later than it was to be: something may have been asked for at once.
        sooner = Least(Coalesce(F("next_at"), later), later)
        Lane.objects.filter(pk__in=lanes).update(work_due_at=due, next_at=sooner)


def reset(lane: int) -> None:
    """Forget a lane's back-off: its circuit is closed, it may be tried at once.

    The holder of its lease keeps it; but what that worker learns is about the time before, and is dropped when it
    releases the lane.
    """
    Lane.objects.filter(pk=lane).update(
        not_before=None,
        failures=0,
        circuit_open=False,
        last_failed=None,
        seats=1,
        next_at=F("work_due_at"),
        was_reset=True,
    )


def probe_now(lane: int) -> None:
    """Let what is due `AT_ONCE` go although the lane backs off: somebody asked for it. The rest backs off as before."""
    with transaction.atomic():
        _lock([lane])
        now = clock.now()
        Lane.objects.filter(pk=lane).update(work_due_at=now, next_at=now)


def _lock(lanes: Collection[int]) -> None:
    lock_lanes(Lane.objects.filter(pk__in=lanes).values_list("pk"))
