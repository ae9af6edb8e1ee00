"""Starts processes, watches them, and lets none of them outlive it.

Every child leads a process group of its own, out of reach of the terminal's Ctrl-C. `guard.py` is told of each
group before the child's program begins; should this process die without stopping them, it kills them all.

The django-q2 cluster stops by two signs: the stop pipe ends, which its pumps look at (`hooks.engine.stopping`),
and its leader, nobody else, gets SIGTERM. It can hang for good without
dying, so that its leader watches it for progress (`cluster.py`) and ends when there is none; and should the leader
itself be silent for long, it is replaced too.

Run as a program by `manage.py worker`: without Django, which the cluster alone needs, it takes little memory.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import NoReturn

BASE = Path(__file__).resolve().parent.parent.parent
STOP_FD = "CONSOLE_STOP_FD"
BEAT_FD = "CONSOLE_BEAT_FD"
STANDS_STILL = 75  # the exit code of a replaced child that found no progress
SILENCE = 60.0  # seconds after which a replaced child that says nothing is taken for hung
# The cluster's many threads share two of the C library's heaps: each of its own would keep what was freed in it.
FEW_HEAPS = {"MALLOC_ARENA_MAX": "2"}
logger = logging.getLogger(__name__)


class StopRequested(Exception):
    """Ctrl-C, SIGTERM, or the terminal has gone."""


class ChildDied(Exception):
    def __init__(self, name: str, code: int) -> None:
        how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        super().__init__(f"The {name} has died ({how}); stopping everything.")


@dataclass
class Child:
    name: str
    command: Sequence[str]
    replaced: bool = False  # when it dies; otherwise its death ends everything
    silent: bool = False
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    start_at: float = 0.0  # of a replaced child that keeps dying
    heard: float = 0.0  # when a replaced child last wrote to its pipe of beats
    quick_deaths: int = 0


def manage(*arguments: str) -> list[str]:
    return [sys.executable, str(BASE / "manage.py"), *arguments]


def leave(code: int) -> NoReturn:
    """End this process now. No child is left and nothing is open that counts; but taking the interpreter apart, with
    all of Django in it, would keep who pressed Ctrl-C waiting for a second or two on a busy machine."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def start_guard() -> subprocess.Popen[bytes]:
    """A process that kills the groups it is told of when its stdin ends, at the latest with this process."""
    command = [sys.executable, "-I", "-S", str(BASE / "notifications_project" / "runtime" / "guard.py")]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)


@dataclass
class Supervisor:
    """`with Supervisor(...) as children: children.start(...); children.watch()`; leaving it stops them all.

    `patience` is how many seconds they get to finish. One child may be `replaced`; it shows that it lives by writing
    to the pipe `BEAT_FD`.
    """

    patience: float
    say: Callable[[str], None] = logger.warning
    children: list[Child] = field(default_factory=list)
    stop_requests: int = 0

    def __enter__(self) -> Supervisor:
        self._wakeup, self._wakeup_in = os.pipe()
        os.set_blocking(self._wakeup_in, False)
        self._stop_pipe, self._stop_pipe_in = os.pipe()
        self._beats, self._beats_in = os.pipe()
        for descriptor in (self._beats, self._beats_in):
            os.set_blocking(descriptor, False)
        self._guard = start_guard()
        self._before = {number: signal.signal(number, self._signalled) for number in self._stop_signals()}
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self._wakeup_in, warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._before)  # whoever started us may have blocked them
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._stop()
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in self._before.items():
                signal.signal(number, handler)
            for descriptor in (self._wakeup, self._wakeup_in, self._stop_pipe, self._beats, self._beats_in):
                os.close(descriptor)

    # --- Starting and watching -------------------------------------------------------------------------------
    def start(self, name: str, command: Sequence[str], *, replaced: bool = False, silent: bool = False) -> None:
        child = Child(name, command, replaced, silent)
        self.children.append(child)
        self._launch(child)

    def watch(self) -> None:
        """Return never; raises StopRequested or ChildDied."""
        while True:
            self.check(1.0)

    def check(self, timeout: float) -> None:
        """Wait a moment, or less if something happens, and see to the children."""
        self._sleep(timeout)
        if self.stop_requests:
            raise StopRequested
        if self._guard.poll() is not None:
            raise ChildDied("guard", self._guard.returncode)
        for child in self.children:
            if child.process is None:
                if time.monotonic() >= child.start_at:
                    self._launch(child)
            elif child.process.poll() is not None:
                if not child.replaced:
                    raise ChildDied(child.name, child.process.returncode)
                self._replace(child, "stands still" if child.process.returncode == STANDS_STILL else "has died")
            elif child.replaced and not self._hears(child):
                self._replace(child, "is silent")

    def _hears(self, child: Child) -> bool:
        """Whether it has written to its pipe of late."""
        with contextlib.suppress(BlockingIOError):
            if os.read(self._beats, 4096):
                child.heard = time.monotonic()
        return time.monotonic() - child.heard < SILENCE

    def _launch(self, child: Child) -> None:
        guard = self._guard.stdin
        assert guard is not None
        own = FEW_HEAPS | {BEAT_FD: str(self._beats_in)} if child.replaced else {}

        def tell_guard() -> None:  # in the child, before its program begins: no moment is left unguarded
            os.write(guard.fileno(), b"%d\n" % os.getpid())

        child.process = subprocess.Popen(
            child.command,
            cwd=BASE,
            env=os.environ | {"CONSOLE_VENV": "none", STOP_FD: str(self._stop_pipe)} | own,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if child.silent else None,
            pass_fds=[self._stop_pipe, self._beats_in] if child.replaced else [self._stop_pipe],
            start_new_session=True,
            preexec_fn=tell_guard,
        )
        child.started = child.heard = time.monotonic()

    def _replace(self, child: Child, why: str) -> None:
        """Kill what is left of it and start it again; soon, but with growing pauses if it dies quickly."""
        assert child.process is not None
        self._kill(child)
        child.process.wait()
        self._forget(child)
        lived = time.monotonic() - child.started
        child.quick_deaths = child.quick_deaths + 1 if lived < 30 and why == "has died" else 0
        pause = min(30.0, 2.0 ** (child.quick_deaths - 1)) if child.quick_deaths > 1 else 0.0
        child.start_at, child.process = time.monotonic() + pause, None
        self.say(f"The {child.name} {why}; starting it again{f' in {pause:.0f} s' if pause else ''}.")
        if not pause:
            self._launch(child)

    # --- Stopping --------------------------------------------------------------------------------------------
    def _stop(self) -> None:
        os.close(self._stop_pipe_in)
        running = [child for child in self.children if child.process is not None]
        for child in running:
            assert child.process is not None
            child.process.terminate()  # its leader only
        asked, deadline = self.stop_requests, time.monotonic() + self.patience
        while any(child.process and child.process.poll() is None for child in running):
            if time.monotonic() >= deadline or self.stop_requests > asked:
                break
            self._sleep(0.2)
        for child in running:
            self._kill(child)
        for child in running:
            assert child.process is not None
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(timeout=1)
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._guard.wait(timeout=1)

    @staticmethod
    def _kill(child: Child) -> None:
        """Kill the whole group of a child; its leader may be dead already."""
        assert child.process is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.process.pid, signal.SIGKILL)

    def _forget(self, child: Child) -> None:
        assert self._guard.stdin is not None
        assert child.process is not None
        os.write(self._guard.stdin.fileno(), b"-%d\n" % child.process.pid)

    # --- Signals ---------------------------------------------------------------------------------------------
    @staticmethod
    def _stop_signals() -> list[signal.Signals]:
        hung_up = [] if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else [signal.SIGHUP]  # nohup
        return [signal.SIGINT, signal.SIGTERM, *hung_up]

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self.stop_requests += 1

    def _sleep(self, timeout: float) -> None:
        """Sleep until a signal comes (a child's death is one), or for `timeout` seconds."""
        if select.select([self._wakeup], [], [], timeout)[0]:
            os.read(self._wakeup, 4096)


def main(patience: float) -> NoReturn:
    """What `manage.py worker` becomes."""
    say: Callable[[str], None] = functools.partial(print, flush=True)
    try:
        with Supervisor(patience, say) as children:
            children.start("task cluster", manage("qcluster_watched"), replaced=True, silent=True)
            say("Workers are running; Ctrl-C or SIGTERM stops them.")
            children.watch()
    except StopRequested:
        say("Stopped.")
    except ChildDied as error:  # only the guard's death ends the workers
        say(str(error))
        leave(1)
    leave(0)


if __name__ == "__main__":
    main(float(sys.argv[1]))
