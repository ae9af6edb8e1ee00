"""`manage.py worker` runs on the database of the tests."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.environment import SETTINGS
from tests.project.processes import Command, until, within

pytestmark = pytest.mark.django_db(transaction=True)
Start = Callable[..., Command]


@pytest.fixture
def worker(command: Start, database_url: str) -> Command:
    running = command("worker", **(SETTINGS | {"DATABASE_URL": database_url}))
    running.wait_for("Workers are running")
    until(lambda: len(running.family()) >= 7, 20, "the start of supervisor, guard, leader, sentinel and its children")
    return running


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_idle_workers_stop_soon_and_leave_nothing(worker: Command, number: int) -> None:
    began = time.monotonic()
    os.killpg(worker.process.pid, number)
    code, said = worker.end()
    assert time.monotonic() - began < within(5)
    assert (code, worker.family()) == (0, {})
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_workers_stop_whatever_signals_were_ignored_or_blocked_when_they_were_started(
    command: Start, database_url: str, number: int
) -> None:
    ignored, blocked = [signal.SIGINT, signal.SIGCHLD], [signal.SIGTERM, signal.SIGINT, signal.SIGCHLD]
    running = command("worker", ignoring=ignored, blocking=blocked, **(SETTINGS | {"DATABASE_URL": database_url}))
    running.wait_for("Workers are running")
    os.kill(running.process.pid, number)
    code, said = running.end()
    assert (code, running.family()) == (0, {})
    assert said.endswith("Stopped.\n")


def test_with_nohup_workers_stay_when_the_terminal_goes(command: Start, database_url: str) -> None:
    given = SETTINGS | {"DATABASE_URL": database_url}
    running = command("worker", ignoring=[signal.SIGHUP], **given)
    running.wait_for("Workers are running")
    ignored = re.search(r"^SigIgn:\s*(\w+)", Path(f"/proc/{running.process.pid}/status").read_text(), re.MULTILINE)
    assert ignored
    assert int(ignored[1], 16) & 1 << (signal.SIGHUP - 1)


def test_killed_with_9_it_takes_the_cluster_along(worker: Command) -> None:
    worker.process.kill()
    until(lambda: not worker.family(), 1.5, "the end of all processes")


def test_a_cluster_that_dies_is_replaced(worker: Command) -> None:
    leader = worker.leader("qcluster")
    os.kill(leader, signal.SIGKILL)
    worker.wait_for("The task cluster has died; starting it again.")
    until(lambda: worker.leaders("qcluster"), 20, "the start of the new cluster")
    assert worker.leader("qcluster") != leader
