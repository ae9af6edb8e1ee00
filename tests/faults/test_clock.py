"""The clock is set back by an hour in the middle of the work, for database, workers and web server."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from tests.faults.console import Console
from tests.faults.private_postgres import private_postgres
from tests.faults.sizes import size

pytestmark = pytest.mark.django_db(transaction=True)
# Under libfaketime 0.9.10 `time.sleep` returns at once: it does not handle glibc's absolute sleeps.
SLEEPS = """
import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds)
"""
LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


class Clock:
    """A clock for the processes with its `environment`; monotonic clocks are not changed."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "clock"
        self.set("+0")
        (directory / "sitecustomize.py").write_text(SLEEPS)
        self.environment = {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",  # all processes see a change at the same moment
            "PYTHONPATH": str(directory),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, offset: str) -> None:
        """Set the clock to an offset from the true time, such as -1h."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{offset}\n")
        new.chmod(0o644)
        new.replace(self.file)


@pytest.fixture
def clock() -> Iterator[Clock]:
    if not LIBRARIES:
        pytest.skip("faketime is not installed")
    with tempfile.TemporaryDirectory(prefix="console-clock-") as directory:
        os.chmod(directory, 0o755)  # PostgreSQL's user reads it too
        yield Clock(Path(directory))


@pytest.fixture
def database_url(clock: Clock, database_url: str) -> Iterator[str]:
    if connection.vendor == "sqlite":
        yield database_url
    else:
        with private_postgres(**clock.environment) as (_, url):
            yield url


def test_setting_the_clock_back_loses_nothing_and_holds_up_nothing(console: Console, clock: Clock) -> None:
    """the clock set back by an hour"""
    console.add_hooks("one", "two", "three", "four")
    console.receiver.takes = 0.1
    web = console.web(**clock.environment)
    console.record(size(50))
    console.worker(**clock.environment)
    console.busy(size(10))
    clock.set("-3600")
    console.post(web, size(5))
    console.all_arrive()
    console.nothing_was_repeated_in_vain()


def test_killed_workers_and_a_clock_set_back_hold_up_nothing(console: Console, clock: Clock) -> None:
    """the clock set back by an hour, and the whole group killed meanwhile"""
    console.add_hooks("one", "two", "three", "four")
    console.receiver.takes = 0.1
    console.record(size(50))
    worker = console.worker(**clock.environment)
    console.busy(size(10))
    os.kill(worker.busiest(), signal.SIGSTOP)  # keeps its leases and its heartbeat as they are
    worker.destroy()
    clock.set("-3600")
    console.worker(**clock.environment)
    console.all_arrive()
