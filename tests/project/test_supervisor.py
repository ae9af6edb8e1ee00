"""The supervisor stops and replaces children that behave badly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from notifications_project.runtime import supervisor
from notifications_project.runtime.supervisor import STANDS_STILL, ChildDied, StopRequested, Supervisor
from tests.project.processes import until, within

pytestmark = pytest.mark.sqlite_only  # no database is concerned: once is enough
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(99)
"""
LISTENS = f"""
import os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
os.read(int(os.environ["{supervisor.STOP_FD}"]), 1)
sys.exit(7)
"""
BEATS = f"""
import os, time
while True:
    os.write(int(os.environ["{supervisor.BEAT_FD}"]), b".")
    time.sleep(0.1)
"""
SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(99)"]


def test_who_does_not_stop_is_killed_when_patience_ends(capfd: pytest.CaptureFixture[str]) -> None:
    with Supervisor(0.5) as children:
        children.start("stubborn", [sys.executable, "-S", "-c", STUBBORN])
        until(lambda: "up" in capfd.readouterr().out, 10, "its start")
        began, process = time.monotonic(), children.children[0].process
    assert 0.5 <= time.monotonic() - began < within(2)
    assert process
    assert process.returncode == -signal.SIGKILL


def test_a_second_signal_does_not_wait(capfd: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    with pytest.raises(StopRequested), Supervisor(60) as children:
        children.start("stubborn", [sys.executable, "-S", "-c", STUBBORN])
        until(lambda: "up" in capfd.readouterr().out, 10, "its start")
        os.kill(os.getpid(), signal.SIGTERM)
        pid = os.fork()
        if pid == 0:  # a second Ctrl-C
            time.sleep(0.5)
            os.kill(os.getppid(), signal.SIGINT)
            os._exit(0)
        children.watch()
    os.waitpid(pid, 0)
    assert time.monotonic() - began < within(15)


def test_the_stop_pipe_ends_when_children_are_to_stop(capfd: pytest.CaptureFixture[str]) -> None:
    with Supervisor(5) as children:
        children.start("listening", [sys.executable, "-S", "-c", LISTENS])
        until(lambda: "up" in capfd.readouterr().out, 10, "its start")
        process = children.children[0].process
    assert process
    assert process.returncode == 7


def test_a_death_is_told_with_its_exit_code() -> None:
    with pytest.raises(ChildDied, match=r"The short one has died \(exit code 3\)"), Supervisor(1) as children:
        children.start("short one", [sys.executable, "-S", "-c", "raise SystemExit(3)"])
        children.watch()


def test_a_cluster_that_finds_itself_standing_still_is_started_again_at_once() -> None:
    told: list[str] = []
    with Supervisor(1, told.append) as children:
        children.start("cluster", [sys.executable, "-S", "-c", f"raise SystemExit({STANDS_STILL})"], replaced=True)
        while len(told) < 3:
            children.check(0.1)
    assert told == ["The cluster stands still; starting it again."] * 3


def test_a_cluster_that_is_silent_is_killed_and_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "SILENCE", 0.3)
    told: list[str] = []
    with Supervisor(1, told.append) as children:
        children.start("cluster", SLEEP, replaced=True)
        first = children.children[0].process
        while not told:
            children.check(0.05)
        second = children.children[0].process
        assert first
        assert second
        assert first.returncode == -signal.SIGKILL
        assert second.poll() is None
        assert told == ["The cluster is silent; starting it again."]


def test_a_cluster_that_gives_signs_of_life_is_left_in_peace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "SILENCE", within(2))
    told: list[str] = []
    with Supervisor(1, told.append) as children:
        children.start("cluster", [sys.executable, "-S", "-c", BEATS], replaced=True)
        ends = time.monotonic() + within(2) + 1
        while time.monotonic() < ends:
            children.check(0.1)
    assert told == []


def test_a_cluster_that_keeps_dying_is_tried_again_with_growing_pauses() -> None:
    told: list[str] = []
    with Supervisor(1, say=told.append) as children:
        children.start("cluster", [sys.executable, "-S", "-c", "raise SystemExit(1)"], replaced=True)
        while len(told) < 3:
            children.check(0.1)
    assert told == [
        "The cluster has died; starting it again.",
        "The cluster has died; starting it again in 2 s.",
        "The cluster has died; starting it again in 4 s.",
    ]


def test_leaving_says_what_was_to_be_said_and_takes_no_time_for_anything_else() -> None:
    program = """
import atexit
from notifications_project.runtime.supervisor import leave
atexit.register(print, "and took everything apart")
print("Stopped.")
leave(3)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=supervisor.BASE, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"Stopped.\n", b"")
