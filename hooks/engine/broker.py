"""How wake-ups travel with `REDIS_URL`: over Redis, and over the database's queue while Redis is away.

A wake-up holds no work, so one that Redis loses costs at most the minute until the next sweep. But with Redis stopped,
django-q2's scheduler would stop as well, and nothing would be woken any more.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from django_q.brokers.orm import ORM
from django_q.brokers.redis_broker import Redis as RedisBroker
from django_q.conf import Conf
from redis import Redis, RedisError

logger = logging.getLogger(__name__)

_AWAY = 5.0  # seconds until Redis is tried again
_ANSWERS_WITHIN = 2.0

Taken = list[tuple[Any, Any]] | None


class WakeUps(RedisBroker):  # type: ignore[misc]
    """A django-q2 broker: Redis first, the ORM broker when Redis does not answer."""

    def __init__(self, list_key: str | None = None) -> None:
        super().__init__(list_key=list_key)
        self.fallback = ORM(list_key=list_key or Conf.CLUSTER_NAME)
        self.away_until = 0.0

    @staticmethod
    def get_connection(list_key: str | None = None) -> Redis:
        return Redis.from_url(
            Conf.REDIS, socket_connect_timeout=_ANSWERS_WITHIN, socket_timeout=_ANSWERS_WITHIN, retry_on_timeout=False
        )

    def enqueue(self, task: Any) -> Any:
        if self._is_here():
            try:
                return super().enqueue(task)
            except RedisError as error:
                self._went_away(error)
        return self.fallback.enqueue(task)

    def dequeue(self) -> Taken:
        """A task from Redis, waiting a second for one; else what was queued in the database meanwhile."""
        if self._is_here():
            try:
                return super().dequeue() or self._from_database()
            except RedisError as error:
                self._went_away(error)
        taken: Taken = self.fallback.dequeue()
        return taken

    def acknowledge(self, task_id: Any) -> Any:
        return self.fallback.acknowledge(task_id) if task_id else None

    def fail(self, task_id: Any) -> Any:
        return self.fallback.fail(task_id) if task_id else None

    def queue_size(self) -> int:
        size = 0
        if self._is_here():
            try:
                size = super().queue_size()
            except RedisError as error:
                self._went_away(error)
        return size + int(self.fallback.queue_size())

    def ping(self) -> bool:
        return True  # one of the two always takes a wake-up

    def set_stat(self, key: str, value: str, timeout: int) -> None:
        try:
            super().set_stat(key, value, timeout)
        except RedisError as error:
            self._went_away(error)

    def _from_database(self) -> Taken:
        if not self.fallback.queue_size():
            return None
        taken: Taken = self.fallback.dequeue()
        return taken

    def _is_here(self) -> bool:
        return time.monotonic() >= self.away_until

    def _went_away(self, error: RedisError) -> None:
        logger.warning("Redis does not answer (%s); wake-ups go over the database", error)
        self.away_until = time.monotonic() + _AWAY
