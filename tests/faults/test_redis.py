"""Redis carries only wake-ups: it may lose them, and it may stop."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.console import Console
from tests.faults.redis_server import RedisServer
from tests.faults.sizes import size
from tests.project.processes import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.redis]


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.stop()


def test_flushing_redis_loses_no_delivery(console: Console, redis: RedisServer) -> None:
    """Redis flushed, before and in the middle of the work"""
    console.add_hooks("one", "two", "three", "four")
    web = console.web(REDIS_URL=redis.url)
    console.post(web, size(5))
    redis.flush()  # deletes the wake-up for all these
    worker = console.worker(REDIS_URL=redis.url)
    until(lambda: len(worker.workers()) == 2, 30, "the start of two workers")
    console.post(web, size(5))
    console.busy(4)
    redis.flush()
    console.post(web, size(5))
    redis.flush()
    console.all_arrive()


def test_stopping_redis_loses_no_delivery(console: Console, redis: RedisServer) -> None:
    """Redis stopped in the middle of the work, and started again"""
    console.add_hooks("one", "two", "three", "four")
    web = console.web(REDIS_URL=redis.url)
    worker = console.worker(REDIS_URL=redis.url)
    until(lambda: len(worker.workers()) == 2, 30, "the start of two workers")
    console.post(web, size(20))
    console.busy(4)
    redis.stop()
    console.post(web, size(5))
    redis.start()
    console.all_arrive()


def test_deliveries_go_on_without_redis(console: Console, redis: RedisServer) -> None:
    """Redis stopped for good"""
    console.add_hooks("one", "two")
    web = console.web(REDIS_URL=redis.url)
    worker = console.worker(REDIS_URL=redis.url)
    until(lambda: len(worker.workers()) == 2, 30, "the start of two workers")
    redis.stop()
    console.post(web, size(5))
    console.all_arrive(within=120)
