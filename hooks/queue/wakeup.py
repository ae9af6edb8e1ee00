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
    """The row that says that a pump is at work, while the `with` block runs."""

    def __init__(self) -> None:
        self.id = uuid.uuid4()
        self.beaten_at = 0.0
        self.leaving = False

    def __enter__(self) -> Heartbeat:
        with _commit_without_waiting():
            PumpHeartbeat.objects.create(pk=self.id, seen_at=clock.in_query())
        self.beaten_at = time.monotonic()
        return self

    def beat(self) -> None:
        """Renew it, at most once a second."""
        if time.monotonic() - self.beaten_at >= _BEAT:
            with _commit_without_waiting():
                PumpHeartbeat.objects.filter(pk=self.id).update(seen_at=self._seen())
            self.beaten_at = time.monotonic()

    def leave(self) -> None:
        """Mark a pump as one that takes on nothing new, or not for sure: whoever has something new wakes another."""
        with _commit_without_waiting():
            PumpHeartbeat.objects.filter(pk=self.id).update(active=False, seen_at=self._seen())
        self.leaving = True

    @staticmethod
    def _seen() -> Greatest:
        return Greatest("seen_at", clock.in_query())  # never back: it shows when the clock was set back (`set_back`)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.leaving:
            self.leave()  # but the row is kept for the watchdog: it shows when a pump was last seen


@contextmanager
def _commit_without_waiting() -> Iterator[None]:
    """A transaction that does not wait for the disk: nobody misses a heartbeat that a crash of the database takes."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL synchronous_commit TO OFF")
        yield


def wake() -> None:
    """Once the transaction is committed, have a pump look for work, unless one is at work and will look anyway."""
    transaction.on_commit(_wake, robust=True)


def invite_another() -> None:
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
    """Pumps with a fresh heartbeat; not those whose heartbeats lie ahead, because the clock was set back since."""
    now = clock.in_query()
    return PumpHeartbeat.objects.filter(active=True, seen_at__gt=now - FRESH, seen_at__lt=now + FRESH).count()


def is_wakeup_queued() -> bool:
    """Return True if a task is in the queue and nobody has taken it.

    It will look for work, and so after this moment.
    """
    if settings.REDIS_URL:
        return int(_get_broker(os.getpid()).queue_size()) > 0
    from django_q.models import OrmQ

    return bool(OrmQ.objects.filter(key=settings.Q_CLUSTER["name"], lock__lt=clock.in_query()).exists())


def list_open_transports() -> list[str]:
    """The transports that may be tried now: mail and push only when they are configured and not known to be away."""
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
    # One that waits in the queue is enough: without workers, each event would leave one more for them to go through.
    if not count_active_pumps() and not is_wakeup_queued():
        _enqueue()


@lru_cache(maxsize=1)
def _get_broker(process: int) -> Broker:
    """Return this process's one connection to the queue.

    Opening one for each wake-up would cost more than it carries.
    """
    return get_broker()


def _enqueue() -> None:
    try:
        async_task(PUMP_TASK, broker=_get_broker(os.getpid()))
    except Exception:
        # The work is safe in the database; the supervisor and the schedule see it.
        logger.exception("no wake-up could be queued; the next sweep finds the work")
