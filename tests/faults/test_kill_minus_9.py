"""kill -9 in the middle of work: nothing is lost, on either database."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from werkzeug import Request

from events import intake
from hooks import rules
from hooks.models import Delivery
from notifications_project.accounts.models import Organization
from tests.conftest import Receiver
from tests.environment import SETTINGS
from tests.project.processes import Command, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]

HOOKS, EVENTS = 4, 50
OWED = HOOKS * EVENTS


@pytest.fixture
def two_hundred(acme: Organization, receiver: Receiver) -> int:
    """200 deliveries that are owed to a receiver which takes its time."""

    def slowly(request: Request) -> None:
        time.sleep(0.02)  # the receiver's own time: it makes a middle of the work to kill in

    receiver.before_answer = slowly
    for number in range(HOOKS):
        rules.create_webhook(
            organization=acme, actor=None, name=f"Hook {number}", url=receiver.url, events=["git.push"]
        )
    intake.record(acme, [intake.NewEvent(type="git.push") for _ in range(EVENTS)])
    return OWED


@pytest.fixture
def worker(database_url: str) -> Iterator[Callable[[], Command]]:
    """Starts `manage.py worker` on the test's database; short time-outs make leases end soon."""
    started: list[Command] = []

    def start() -> Command:
        started.append(Command("worker", **SETTINGS | {"DATABASE_URL": database_url, "DELIVERY_TIMEOUT": "3"}))
        return started[-1]

    yield start
    for command in started:
        command.destroy()


def busiest(command: Command) -> int:
    """The django-q2 worker with the most threads: the one that is sending."""
    return max((pid for pid, line in command.family().items() if "qcluster" in line), key=threads)


def threads(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except FileNotFoundError:
        return 0


def delivered(receiver: Receiver) -> set[str]:
    return {request.headers["webhook-id"] for request in receiver.requests}


def all_arrive(receiver: Receiver, owed: int) -> None:
    until(lambda: Delivery.objects.filter(state="delivered").count() == owed, 120, "the delivery of everything")
    assert len(delivered(receiver)) == owed
    repeated = len(receiver.requests) - owed
    print(f"owed {owed}, delivered {len(delivered(receiver))}, lost 0, repeated {repeated}")  # noqa: T201


def test_killing_a_busy_worker_loses_nothing(
    two_hundred: int, worker: Callable[[], Command], receiver: Receiver
) -> None:
    command = worker()
    until(lambda: len(receiver.requests) > 20, 60, "the middle of the work")
    os.kill(busiest(command), signal.SIGKILL)
    all_arrive(receiver, two_hundred)


def test_killing_everything_and_starting_again_loses_nothing(
    two_hundred: int, worker: Callable[[], Command], receiver: Receiver
) -> None:
    for so_far in (20, 60):
        command = worker()
        until(lambda: len(receiver.requests) > so_far, 90, f"delivery {so_far}")  # noqa: B023
        command.destroy()
    worker()
    all_arrive(receiver, two_hundred)


def test_killing_the_idle_workers_does_not_stop_deliveries_for_good(
    acme: Organization, worker: Callable[[], Command], receiver: Receiver
) -> None:
    """django-q2 hangs for good when the worker that waits for a task is killed; the watchdog replaces the cluster."""
    command = worker()
    until(lambda: len(workers_of(command)) == 2, 30, "two workers")
    for pid in workers_of(command):
        os.kill(pid, signal.SIGKILL)
    rules.create_webhook(organization=acme, actor=None, name="Hook", url=receiver.url, events=["git.push"])
    intake.record(acme, [intake.NewEvent(type="git.push")])
    until(lambda: receiver.requests, 120, "the delivery")


def workers_of(command: Command) -> list[int]:
    """The worker processes, which are forked by the sentinel, which the cluster's leader forked."""
    family = {pid for pid, line in command.family().items() if "qcluster" in line}
    parents = {pid: parent(pid) for pid in family}
    sentinels = {pid for pid in family if parents[pid] in family and any(parents[other] == pid for other in family)}
    children = sorted(pid for pid in family if parents[pid] in sentinels)
    return children[:2]  # the pusher and the monitor are forked after them


def parent(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])
