"""Wake-ups over a real Redis, and over the database while it is away."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator

import pytest
from django_q.conf import Conf
from redis import Redis, RedisError

from hooks.engine import broker
from tests.hooks.conftest import free_port
from tests.project.processes import until

pytestmark = [pytest.mark.redis, pytest.mark.django_db(transaction=True)]


class Server:
    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        until(self.answers, 10, "the start of Redis")

    def answers(self) -> bool:
        try:
            return bool(Redis.from_url(self.url).ping())
        except RedisError:
            return False

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def redis(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server()
    monkeypatch.setattr(Conf, "REDIS", server.url)
    monkeypatch.setattr(broker, "_AWAY", 0.0)
    monkeypatch.setattr(broker, "_redis", broker._Redis())
    yield server
    server.stop()


@pytest.fixture
def queue(redis: Server) -> Callable[[], broker.WakeUps]:
    return lambda: broker.WakeUps("wake-ups")


def taken(queue: broker.WakeUps) -> list[str]:
    return [task.decode() if isinstance(task, bytes) else task for _, task in queue.dequeue() or []]


def test_a_wake_up_travels_over_redis(queue: Callable[[], broker.WakeUps]) -> None:
    queue().enqueue("wake")
    assert queue().fallback.queue_size() == 0
    assert taken(queue()) == ["wake"]


def test_while_redis_is_away_a_wake_up_travels_over_the_database(
    queue: Callable[[], broker.WakeUps], redis: Server
) -> None:
    sender, worker = queue(), queue()
    redis.stop()
    sender.enqueue("wake")
    (found,) = worker.dequeue() or []
    assert found[1] == "wake"
    worker.acknowledge(found[0])
    assert worker.fallback.queue_size() == worker.fallback.lock_size() == 0


def test_what_was_queued_while_redis_was_away_is_found_when_it_is_back(
    queue: Callable[[], broker.WakeUps], redis: Server
) -> None:
    sender, worker = queue(), queue()
    redis.stop()
    sender.enqueue("wake")
    redis.start()
    assert taken(worker) == ["wake"]
    sender.enqueue("again")
    assert sender.fallback.queue_size() == 0
    assert taken(worker) == ["again"]


def test_an_absence_is_told_once_whoever_asks_how_often_and_so_is_its_end(
    queue: Callable[[], broker.WakeUps], redis: Server, caplog: pytest.LogCaptureFixture
) -> None:
    redis.stop()
    for one in (queue(), queue()):
        assert one.ping()
        one.set_stat("key", "value", 3)
        one.enqueue("wake")
        assert one.queue_size()
    assert [record.message.partition(" (")[0] for record in caplog.records] == ["Redis does not answer"]
    redis.start()
    queue().set_stat("key", "value", 3)
    queue().set_stat("key", "value", 3)
    assert [record.message for record in caplog.records[1:]] == ["Redis answers again"]
