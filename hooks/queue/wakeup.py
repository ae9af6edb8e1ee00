"""Waking pumps, and knowing whether one is at work.

A wake-up is a django-q2 task without arguments; it holds no work, so losing one costs time and nothing else.
The order matters: intake commits its event and then looks for an active pump; a pump that is about to leave
says so, commits, and then looks once more for work. Whichever comes later sees the other.
"""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from types import TracebackType

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Greatest
from django_q.brokers import Broker, get_broker
from django_q.tasks import async_task

from hooks import clock
from hooks.formats import LIMITED_HOSTS
from hooks.messages import Transport
from hooks.models import Circuit, PumpHeartbeat

logger = logging.getLogger(__name__)

PUMP_TASK = "hooks.tasks.pump"
FRESH = timedelta(seconds=3)  # a heartbeat older than this is of a pump that was killed
_BEAT = 1.0
_INVITE = 1.0

_invited_at = 0.0


class Heartbeat:
    """A row that shows that a pump is at work, while the `with` block runs.

    It stays afterwards: the watchdog reads from it when a pump was last seen.
    """

    def __init__(self) -> None:
        self.id = uuid.uuid4()
        self.beaten_at = 0.0
        self.leaving = False

    def __enter__(self) -> Heartbeat:
        with _skip_waiting_for_commit():
            PumpHeartbeat.objects.create(pk=self.id, seen_at=clock.get_now_expression())
        self.beaten_at = time.monotonic()
        return self

    def beat(self) -> None:
        """Renew the heartbeat, at most once a second."""
        if time.monotonic() - self.beaten_at >= _BEAT:
            with _skip_waiting_for_commit():
                PumpHeartbeat.objects.filter(pk=self.id).update(seen_at=self._find_newest())
            self.beaten_at = time.monotonic()

    def leave(self) -> None:
        """Mark the pump as leaving: it may take on nothing new, so that new work has to wake another."""
        with _skip_waiting_for_commit():
            PumpHeartbeat.objects.filter(pk=self.id).update(active=False, seen_at=self._find_newest())
        self.leaving = True

    @staticmethod
    def _find_newest() -> Greatest:
        """Return the later of the last beat and now: a heartbeat in the future shows that the clock was set back."""
        return Greatest("seen_at", clock.get_now_expression())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.leaving:
            self.leave()


@contextmanager
def _skip_waiting_for_commit() -> Iterator[None]:
    """Commit without waiting for the disk: a crash of the database may take a heartbeat, which nobody misses."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL synchronous_commit TO OFF")
        yield


def wake() -> None:
    """Have a pump look for work after the commit, unless one is at work and will look anyway."""
    transaction.on_commit(_wake, robust=True)


def invite_another_worker() -> None:
    """Invite another worker, of whichever cluster, to help if one is free: there is more than one pump can hold.

    If none is, the invitation waits, and so there is no second one.
    """
    global _invited_at
    now = time.monotonic()
    if now - _invited_at < _INVITE:
        return
    _invited_at = now
    if not is_wakeup_queued():
        _enqueue()


def count_active_pumps() -> int:
    """Count the pumps with a fresh heartbeat; a heartbeat in the future is from before the clock was set back."""
    now = clock.get_now_expression()
    return PumpHeartbeat.objects.filter(active=True, seen_at__gt=now - FRESH, seen_at__lt=now + FRESH).count()


def is_wakeup_queued() -> bool:
    """Return True if a task is in the queue that nobody has taken: it will look for work, and so after this moment."""
    if settings.REDIS_URL:
        return int(_get_broker(os.getpid()).queue_size()) > 0
    from django_q.models import OrmQ

    return bool(OrmQ.objects.filter(key=settings.Q_CLUSTER["name"], lock__lt=clock.get_now_expression()).exists())


def list_open_transports() -> list[str]:
    """Return the transports that may be tried now: mail and push if they are configured and not known to be away."""
    free, to_probe = list_transports()
    return free + to_probe


def list_transports() -> tuple[list[str], list[str]]:
    """Return the transports that may be tried freely, and those that were away and are due for one attempt."""
    now = clock.now()
    circuits = {circuit.pk: circuit for circuit in Circuit.objects.all()}
    free: list[str] = []
    to_probe: list[str] = []
    configured = {
        Transport.HTTP.value: True,
        Transport.SMTP.value: settings.MAIL_CONFIGURED,
        Transport.APNS.value: settings.PUSH_CONFIGURED,
    }
    configured |= dict.fromkeys(LIMITED_HOSTS, True)
    for name in [name for name, there in configured.items() if there]:
        circuit = circuits.get(name)
        if circuit and circuit.not_before and circuit.not_before > now:
            continue
        (to_probe if circuit and circuit.failures else free).append(name)
    return free, to_probe


def _wake() -> None:
    # A wake-up in the queue is enough: without workers each event would leave another, and all would have to be run.
    if not count_active_pumps() and not is_wakeup_queued():
        _enqueue()


@lru_cache(maxsize=1)
def _get_broker(process: int) -> Broker:
    """Return this process's one connection to the queue.

    Opening one for each wake-up would cost more than it carries.
    """
    return get_broker()


def _enqueue() -> None:
    """Queue a wake-up. An error is only logged."""
    try:
        async_task(PUMP_TASK, broker=_get_broker(os.getpid()))
    except Exception:
        # The work is safe in the database; the supervisor and the schedule see it.
        logger.exception("no wake-up could be queued; the next sweep finds the work")
