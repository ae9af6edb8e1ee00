"""CPU and memory of processes, and child processes that cannot outlive the benchmarks."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from notifications_project.runtime.supervisor import start_guard

_TICKS = os.sysconf("SC_CLK_TCK")
_PPID, _TIMES = 1, slice(11, 15)  # in /proc/…/stat, counted from after the command's name

_guard: subprocess.Popen[bytes] | None = None


def guarded(pid: int) -> None:
    """Start a guard that kills a process group when this process ends."""
    global _guard
    _guard = _guard or start_guard()
    assert _guard.stdin is not None
    _guard.stdin.write(b"%d\n" % pid)
    _guard.stdin.flush()


class Process:
    """A program in its own process group that ends with the `with` block. `Process.python(...)` runs Python."""

    def __init__(self, command: Sequence[str | Path], environment: Mapping[str, str] | None = None, **more: Any):
        self.popen: subprocess.Popen[str] = subprocess.Popen(
            [str(part) for part in command],
            env=None if environment is None else dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **more,
        )
        guarded(self.popen.pid)

    @classmethod
    def python(cls, *arguments: str, **more: Any) -> Process:
        return cls([sys.executable, *arguments], **more)

    def line(self) -> str:
        """Return the next line that the process writes."""
        assert self.popen.stdout is not None
        return self.popen.stdout.readline().strip()

    def tell(self, line: str) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write(f"{line}\n")
        self.popen.stdin.flush()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *error: object) -> None:
        self.popen.terminate()
        try:
            self.popen.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait()
        for stream in (self.popen.stdin, self.popen.stdout):
            if stream is not None:
                stream.close()


class NotInstalled(Exception):
    """A program that a benchmark needs is missing; the message says which."""


@contextmanager
def redis() -> Iterator[str]:
    """Run a private Redis without persistence; give its URL."""
    program = shutil.which("redis-server")
    if program is None:
        raise NotInstalled("redis-server is not installed")
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with Process([*command, "--loglevel", "warning"]):
        wait_for_port(port)
        yield f"redis://127.0.0.1:{port}/0"


def wait_for_port(port: int, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pss_mb(pids: Iterable[int]) -> float:
    """Return the memory of these processes in MB; a shared page counts once for all that share it."""
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total / 1024


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU seconds of these processes and of their ended children."""
    return sum(sum(int(part) for part in stat[_TIMES]) for pid in pids if (stat := _stat(pid))) / _TICKS


def server_of(backend: int) -> list[int]:
    """Return the processes of the database server to which this backend belongs."""
    leader = int(_stat(backend)[_PPID])
    every = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return [leader, *(pid for pid in every if (stat := _stat(pid)) and int(stat[_PPID]) == leader)]


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
