"""Starts processes, watches them, and lets none of them outlive it.

Every child leads a process group of its own, out of reach of the terminal's Ctrl-C. `guard.py` is told of each
group before the child's program begins; should this process die without stopping them, it kills them all.

The django-q2 cluster stops by two signs: the stop pipe ends, which its pumps look at (`hooks.engine.stopping`),
and its leader, nobody else, gets SIGTERM (facts/engine.md, sections 2 and 10). It can hang for good without
dying, so that it is watched for progress and replaced.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import NoReturn

BASE = Path(__file__).resolve().parent.parent
STOP_FD = "CONSOLE_STOP_FD"
SETTLING = 20.0  # seconds that a new cluster gets before it is asked for progress
ASK_EVERY = 3.0
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
    command = [sys.executable, "-I", "-S", str(BASE / "notifications_project" / "guard.py")]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)


@dataclass
class Supervisor:
    """`with Supervisor(...) as children: children.start(...); children.watch()`; leaving it stops them all.

    `patience` is how many seconds they get to finish. `stands_still` is asked whether the replaced child has
    stopped getting on; it may block and fail, on a thread of its own.
    """

    patience: float
    stands_still: Callable[[], bool] | None = None
    say: Callable[[str], None] = logger.warning
    children: list[Child] = field(default_factory=list)
    stop_requests: int = 0

    def __enter__(self) -> Supervisor:
        self._wakeup, self._wakeup_in = os.pipe()
        os.set_blocking(self._wakeup_in, False)
        self._stop_pipe, self._stop_pipe_in = os.pipe()
        self._guard = start_guard()
        self._before = {number: signal.signal(number, self._signalled) for number in self._stop_signals()}
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self._wakeup_in, warn_on_full_buffer=False)
        self._watchdog = Watchdog(self.stands_still) if self.stands_still else None
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
            for descriptor in (self._wakeup, self._wakeup_in, self._stop_pipe):
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
                self._replace(child, "has died")
            elif child.replaced and self._watchdog and self._watchdog.barks():
                self._replace(child, "stands still")

    def _launch(self, child: Child) -> None:
        guard = self._guard.stdin
        assert guard is not None

        def tell_guard() -> None:  # in the child, before its program begins: no moment is left unguarded
            os.write(guard.fileno(), b"%d\n" % os.getpid())

        child.process = subprocess.Popen(
            child.command,
            cwd=BASE,
            env=os.environ | {"CONSOLE_VENV": "none", STOP_FD: str(self._stop_pipe)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if child.silent else None,
            pass_fds=[self._stop_pipe],
            start_new_session=True,
            preexec_fn=tell_guard,
        )
        child.started = time.monotonic()
        if child.replaced and self._watchdog:
            self._watchdog.rest(SETTLING)

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
        if self._watchdog:
            self._watchdog.rest(float("inf"))
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


class Watchdog:
    """Asks every few seconds, on a thread, because the answer may take as long as the database likes.

    It asks from the start: asking wakes workers as well. But what it finds in a cluster that rests does not count.
    """

    def __init__(self, ask: Callable[[], bool]) -> None:
        self._ask, self._found, self._not_before = ask, False, 0.0
        threading.Thread(target=self._run, daemon=True, name="watchdog").start()

    def rest(self, seconds: float) -> None:
        """Let it start for so long; for ever: ask no more."""
        self._not_before, self._found = time.monotonic() + seconds, False

    def barks(self) -> bool:
        return self._found and time.monotonic() >= self._not_before

    def _run(self) -> None:
        trouble = ""
        while True:
            time.sleep(ASK_EVERY)
            if self._not_before == float("inf"):
                return
            resting = time.monotonic() < self._not_before
            try:
                found, now = self._ask(), ""
            except Exception as error:
                found, now = False, f"{type(error).__name__}: {error}"
            self._found = found and not resting
            if now and now != trouble:
                logger.warning("the watchdog cannot see whether the cluster gets on (%s); it goes on asking", now)
            trouble = now
