"""Commands of the console as real processes, with all their descendants."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.environment import NOT_GIVEN, SETTINGS

BASE = Path(__file__).resolve().parent.parent.parent
MARK = "CONSOLE_TEST_MARK"


def clean_environment() -> dict[str, str]:
    """Return this process's environment without any setting of the console."""
    return {name: value for name, value in os.environ.items() if name not in {*SETTINGS, *NOT_GIVEN}}


def within(seconds: float) -> float:
    """Scale a time limit of a quiet machine by the load of this one."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def until(true: Callable[[], object], seconds: float, what: str) -> None:
    seconds = within(seconds)
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:.1f} s"
        time.sleep(0.02)


def group_of(pid: int) -> int:
    """Return the process group of a process; 0 if it has ended."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


class Command:
    """A run of `manage.py ...` in a session of its own; its output and that of its children is one stream.

    All of them have the mark in their environment, so that they can be found when they have lost their parents.
    It inherits no ignored signal, whatever started the tests, but those of `ignoring`; `blocking` are blocked.
    """

    ignoring: Sequence[int] = ()
    blocking: Sequence[int] = ()

    def __init__(self, *arguments: str, **environment: str) -> None:
        def inherit() -> None:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
                signal.signal(number, signal.SIG_IGN if number in self.ignoring else signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, self.blocking)

        self.mark = f"{MARK}={uuid.uuid4()}"
        name, _, value = self.mark.partition("=")
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=BASE,
            env=clean_environment() | {"CONSOLE_VENV": "none", name: value} | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=inherit,
        )
        self.said = ""

    def wait_for(self, text: str) -> str:
        """Read the output up to a line with `text`; return it."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.said += line
            if text in line:
                return self.said
        raise AssertionError(f"{text!r} was never said, but:\n{self.said}")

    def read_to_end(self) -> str:
        """Return the output until no process is left that could write more."""
        assert self.process.stdout
        self.said += self.process.stdout.read()
        return self.said

    def end(self) -> tuple[int, str]:
        said = self.read_to_end()
        return self.process.wait(), said

    def family(self) -> dict[int, str]:
        """Return every living process with the mark: command lines by process id."""
        found = {}
        for directory in Path("/proc").iterdir():
            if not directory.name.isdecimal():
                continue
            try:
                if self.mark.encode() in (directory / "environ").read_bytes().split(b"\0"):
                    line = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    found[int(directory.name)] = line
            except OSError:
                continue  # ended meanwhile
        return {pid: line for pid, line in found.items() if line}  # a zombie has no command line

    def leaders(self, part: str) -> list[int]:
        """Return the ids of the group leaders with `part` in their command line."""
        return [pid for pid, line in self.family().items() if part in line and group_of(pid) == pid]

    def leader(self, part: str) -> int:
        found = self.leaders(part)
        assert len(found) == 1, self.family()
        return found[0]

    def destroy(self) -> None:
        self.process.kill()
        self.process.wait()
        deadline = time.monotonic() + 2  # for the guard
        while family := self.family():
            if time.monotonic() > deadline:
                for pid in family:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        if self.process.stdout:
            self.process.stdout.close()
