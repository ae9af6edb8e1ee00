"""Progress, watched from outside the cluster: django-q2 can hang for good, and its own status does not show it.

A cluster stands still when work is due for long *and* no pump has been seen for long; a full pool is neither.
Without a hang, due work and no pump just means that nobody was woken (a retry came due): then it is nudged.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Max, Q

from events.models import Event
from hooks import clock
from hooks.engine import account_mails, set_back
from hooks.messages import Transport
from hooks.models import Lane, PumpHeartbeat
from hooks.queue import wakeup

_OVERDUE = timedelta(seconds=1)  # then a pump is woken
_STANDING = timedelta(seconds=30)  # then the cluster is replaced


def is_work_due(since: timedelta = timedelta(0)) -> bool:
    """Return True if events wait to be routed, or free lanes or account mails to be served, for longer than `since`."""
    before = clock.get_now_expression() - since
    free = Q(leased_until__isnull=True) | Q(leased_until__lt=before)
    due = Lane.objects.filter(free, next_at__lt=before)
    if due.exists() and due.filter(transport__in=wakeup.list_open_transports()).exists():
        return True
    if account_mails.find_due(before).exists() and Transport.SMTP in wakeup.list_open_transports():
        return True
    return Event.objects.filter(routed_at__isnull=True, recorded_at__lt=before).exists()


def check_progress() -> bool:
    """Wake a pump if need be.

    Return True if the cluster should be replaced. A supervisor calls this every few seconds.
    """
    if set_back.repair():
        wakeup.wake()
    nudge()
    return is_standing_still()


def nudge() -> None:
    """Wake a pump if work is due and none is at work: retries come due without an event to announce them."""
    if not wakeup.count_active_pumps() and is_work_due(_OVERDUE):
        wakeup.wake()


def is_standing_still() -> bool:
    """Return True if the cluster should be replaced. Ask again only after it had time to start."""
    now = clock.now()
    # What was seen in the future was seen before the clock was set back.
    seen = PumpHeartbeat.objects.filter(seen_at__lt=now + wakeup.FRESH).aggregate(last=Max("seen_at"))["last"]
    if seen is not None and seen > now - _STANDING:
        return False
    return is_work_due(_STANDING)
