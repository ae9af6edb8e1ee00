"""Brokers for wake-ups: in the database's queue, or with `REDIS_URL` over Redis, and in the queue while it is away.

PostgreSQL announces what is queued (NOTIFY), so that waiting costs two queries a second, and a wake-up no delay.

A wake-up holds no work, so one that Redis loses costs at most the minute until the next sweep. But with Redis stopped,
django-q2's scheduler would stop as well, and nothing would be woken any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.db import InterfaceError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.brokers.redis_broker import Redis as RedisBroker
from django_q.conf import Conf
from django_q.models import OrmQ
from redis import Redis, RedisError

from notifications_project.runtime import absence
from notifications_project.runtime.absence import Absence

_AWAY = 5.0  # seconds until Redis is tried again
_ANSWERS_WITHIN = 2.0
_CHANNEL = "task_queued"
_LISTEN = 0.5  # seconds for which it listens before it looks by itself: a pooler may swallow what is announced
_DATABASE_AWAY = 1.0

Taken = list[tuple[Any, Any]] | None


class _Redis:
    """The state of Redis as this process knows it."""

    def __init__(self) -> None:
        self.until = 0.0  # not asked again before that
        self.absence = Absence("Redis", "wake-ups go over the database")


_redis = _Redis()


class Queue(ORM):  # type: ignore[misc]
    """django-q2's ORM broker, but one look at the queue is one query, and a restart of the database no sudden death."""

    listens: object = None  # the connection that listens

    def enqueue(self, task: Any) -> Any:
        key = super().enqueue(task)
        connection = connections[Conf.ORM]
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_notify(%s, '')", [_CHANNEL])
        return key

    def dequeue(self) -> Taken:
        """Return tasks that are queued, or None after a while, or if the database is away."""
        connection = connections[Conf.ORM]
        try:
            if connection.vendor == "postgresql":
                self._listen(connection)  # first: what is queued after the look is heard
            taken = self.take()
            if not taken:
                self._wait(connection)
        except (OperationalError, InterfaceError) as error:
            absence.DATABASE.begin(error)
            connection.close()
            time.sleep(_DATABASE_AWAY)
            return None
        absence.DATABASE.end()
        return taken

    def take(self) -> Taken:
        """Return the queued tasks that no other process has taken meanwhile."""
        queue = OrmQ.objects.using(Conf.ORM)
        waiting = queue.filter(key=self.list_key, lock__lt=timezone.now())[: Conf.BULK]
        return [
            (task.pk, task.payload)
            for task in waiting
            if queue.filter(pk=task.pk, lock=task.lock).update(lock=self.timeout(task))
        ]

    def set_stat(self, key: str, value: str, timeout: int) -> None:
        """Do nothing: django-q2 would write its state down twice a second, and nobody reads it."""

    def _listen(self, connection: BaseDatabaseWrapper) -> None:
        connection.ensure_connection()
        if self.listens is not connection.connection:
            with connection.cursor() as cursor:
                cursor.execute(f"LISTEN {_CHANNEL}")
            self.listens = connection.connection

    @staticmethod
    def _wait(connection: BaseDatabaseWrapper) -> None:
        if connection.vendor == "postgresql":
            with connection.wrap_database_errors:
                list(connection.connection.notifies(timeout=_LISTEN, stop_after=1))
        else:
            time.sleep(Conf.POLL)


class WakeUps(RedisBroker):  # type: ignore[misc]
    """A django-q2 broker: Redis first, the queue when Redis does not answer."""

    def __init__(self, list_key: str | None = None) -> None:
        super().__init__(list_key=list_key)
        self.fallback = Queue(list_key=list_key or Conf.CLUSTER_NAME)

    @staticmethod
    def get_connection(list_key: str | None = None) -> Redis:
        return Redis.from_url(
            Conf.REDIS, socket_connect_timeout=_ANSWERS_WITHIN, socket_timeout=_ANSWERS_WITHIN, retry_on_timeout=False
        )

    def enqueue(self, task: Any) -> Any:
        sent = self._ask(lambda: super(WakeUps, self).enqueue(task))
        return self.fallback.enqueue(task) if sent is None else sent

    def dequeue(self) -> Taken:
        """Return a task from Redis, waiting a second for one; else what was queued in the database meanwhile."""
        if _is_redis_here():
            return self._ask(super().dequeue) or self._take_from_database()
        return self.fallback.dequeue()

    def acknowledge(self, task_id: Any) -> Any:
        return self.fallback.acknowledge(task_id) if task_id else None

    def fail(self, task_id: Any) -> Any:
        return self.fallback.fail(task_id) if task_id else None

    def queue_size(self) -> int:
        return int(self._ask(super().queue_size) or 0) + int(self.fallback.queue_size())

    def ping(self) -> bool:
        """Return True: one of the two brokers always takes a wake-up. A cluster asks this before it forks."""
        self._ask(self.connection.ping)
        return True

    def set_stat(self, key: str, value: str, timeout: int) -> None:
        self._ask(lambda: super(WakeUps, self).set_stat(key, value, timeout))

    def _ask(self, redis: Callable[[], Any]) -> Any:
        """Return what Redis answers; None while it is away."""
        if not _is_redis_here():
            return None
        try:
            answer = redis()
        except RedisError as error:
            _redis.until = time.monotonic() + _AWAY
            _redis.absence.begin(error)
            return None
        _redis.absence.end()
        return answer

    def _take_from_database(self) -> Taken:
        """Return what was queued while Redis was away; None if the database is away too."""
        try:
            taken = self.fallback.take()
        except (OperationalError, InterfaceError) as error:
            absence.DATABASE.begin(error)
            connections[Conf.ORM].close()
            return None
        absence.DATABASE.end()
        return taken


def _is_redis_here() -> bool:
    """Return False for some seconds after Redis did not answer."""
    return time.monotonic() >= _redis.until
