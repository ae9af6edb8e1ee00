"""How wake-ups travel with `REDIS_URL`: over Redis, and over the database's queue while Redis is away.

A wake-up holds no work, so one that Redis loses costs at most the minute until the next sweep. But with Redis stopped,
django-q2's scheduler would stop as well, and nothing would be woken any more.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from django_q.brokers.orm import ORM
from django_q.brokers.redis_broker import Redis as RedisBroker
from django_q.conf import Conf
from redis import Redis, RedisError

logger = logging.getLogger(__name__)

_AWAY = 5.0  # seconds until Redis is tried again
_ANSWERS_WITHIN = 2.0

Taken = list[tuple[Any, Any]] | None


class _Absence:
    """What this process knows of Redis, and every process that it forks: told once, not at each try."""

    until = 0.0
    told = False

    def begin(self, error: RedisError) -> None:
        self.until = time.monotonic() + _AWAY
        if not self.told:
            logger.warning("Redis does not answer (%s); wake-ups go over the database", error)
        self.told = True

    def end(self) -> None:
        if self.told:
            logger.warning("Redis answers again")
        self.told = False


_absence = _Absence()


class WakeUps(RedisBroker):  # type: ignore[misc]
    """A django-q2 broker: Redis first, the ORM broker when Redis does not answer."""

    def __init__(self, list_key: str | None = None) -> None:
        super().__init__(list_key=list_key)
        self.fallback = ORM(list_key=list_key or Conf.CLUSTER_NAME)

    @staticmethod
    def get_connection(list_key: str | None = None) -> Redis:
        return Redis.from_url(
            Conf.REDIS, socket_connect_timeout=_ANSWERS_WITHIN, socket_timeout=_ANSWERS_WITHIN, retry_on_timeout=False
        )

    def enqueue(self, task: Any) -> Any:
        sent = self._ask(lambda: super(WakeUps, self).enqueue(task))
        return self.fallback.enqueue(task) if sent is None else sent

    def dequeue(self) -> Taken:
        """A task from Redis, waiting a second for one; else what was queued in the database meanwhile."""
        if _is_here():
            return self._ask(super().dequeue) or self._from_database()
        taken: Taken = self.fallback.dequeue()
        return taken

    def acknowledge(self, task_id: Any) -> Any:
        return self.fallback.acknowledge(task_id) if task_id else None

    def fail(self, task_id: Any) -> Any:
        return self.fallback.fail(task_id) if task_id else None

    def queue_size(self) -> int:
        return int(self._ask(super().queue_size) or 0) + int(self.fallback.queue_size())

    def ping(self) -> bool:
        """True, as one of the two always takes a wake-up. A cluster asks first of all, before it forks."""
        self._ask(self.connection.ping)
        return True

    def set_stat(self, key: str, value: str, timeout: int) -> None:
        self._ask(lambda: super(WakeUps, self).set_stat(key, value, timeout))

    def _ask(self, redis: Callable[[], Any]) -> Any:
        """What Redis answers; None while it is away."""
        if not _is_here():
            return None
        try:
            answer = redis()
        except RedisError as error:
            _absence.begin(error)
            return None
        _absence.end()
        return answer

    def _from_database(self) -> Taken:
        if not self.fallback.queue_size():
            return None
        taken: Taken = self.fallback.dequeue()
        return taken


def _is_here() -> bool:
    return time.monotonic() >= _absence.until
