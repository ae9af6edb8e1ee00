"""The supervisor starts processes, watches them, and lets none of them outlive it.

Every child leads a process group of its own, out of reach of the terminal's Ctrl-C. `guard.py` learns of each group
before the child's program begins; if the supervisor dies without stopping its children, the guard kills them all.

Two signals stop the django-q2 cluster: the stop pipe ends, which its pumps watch (`hooks.engine.stop`), and its
leader, no other process, gets SIGTERM. A cluster can hang without dying: its leader watches it for progress
(`cluster.py`) and ends when there is none. A leader that is silent for long is replaced too.

`manage.py worker` runs this module as a program without Django, which only the cluster needs, to save memory.
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
SILENCE = 60.0  # seconds without a beat after which a replaced child counts as hung
# The cluster's many threads share two of the C library's heaps; a heap for each would keep its freed memory.
FEW_HEAPS = {"MALLOC_ARENA_MAX": "2"}
logger = logging.getLogger(__name__)


class StopRequested(Exception):
    """Raised on Ctrl-C, SIGTERM, or when the terminal is closed."""


class ChildDied(Exception):
    def __init__(self, name: str, code: int) -> None:
        how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        super().__init__(f"The {name} has died ({how}); stopping everything.")


@dataclass
class Child:
    name: str
    command: Sequence[str]
    replaced: bool = False  # started again when it dies; the death of any other child ends everything
    silent: bool = False
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    start_at: float = 0.0  # when a replaced child that keeps dying is started again
    heard: float = 0.0  # when a replaced child last wrote to BEAT_FD
    quick_deaths: int = 0


def build_manage_command(*arguments: str) -> list[str]:
    return [sys.executable, str(BASE / "manage.py"), *arguments]


def leave(code: int) -> NoReturn:
    """End this process at once with this exit code.

    No child is left and nothing is open that counts. A regular end of the interpreter, with all of Django in it, would
    take a second or two after Ctrl-C on a busy machine.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def start_guard() -> subprocess.Popen[bytes]:
    """Start the guard, which kills the groups named on its stdin when that ends, at the latest with this process."""
    command = [sys.executable, "-I", "-S", str(BASE / "notifications_project" / "runtime" / "guard.py")]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)


@dataclass
class Supervisor:
    """The parent of the children: `with Supervisor(...) as children: children.start(...); children.watch()`.

    Leaving the block stops all children; they get `patience` seconds to finish. One child may be `replaced`: it shows
    that it lives by writing to the pipe `BEAT_FD`.
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
        self._before = {number: signal.signal(number, self._note_signal) for number in self._stop_signals()}
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self._wakeup_in, warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._before)  # a parent may have blocked them
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
        """Watch the children for ever. Raises StopRequested or ChildDied."""
        while True:
            self.check(1.0)

    def check(self, timeout: float) -> None:
        """Wait up to `timeout` seconds for something to happen, and replace or report dead children."""
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
            elif child.replaced and not self._is_alive(child):
                self._replace(child, "is silent")

    def _is_alive(self, child: Child) -> bool:
        """Tell whether a child has written to its pipe within SILENCE."""
        with contextlib.suppress(BlockingIOError):
            if os.read(self._beats, 4096):
                child.heard = time.monotonic()
        return time.monotonic() - child.heard < SILENCE

    def _launch(self, child: Child) -> None:
        guard = self._guard.stdin
        assert guard is not None
        own = FEW_HEAPS | {BEAT_FD: str(self._beats_in)} if child.replaced else {}

        def tell_guard() -> None:  # runs in the child before its program, so that the child is never unguarded
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
        """Kill the rest of a child's group and start the child again, with growing pauses if it dies quickly."""
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
        hung_up = [] if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else [signal.SIGHUP]  # ignored under nohup
        return [signal.SIGINT, signal.SIGTERM, *hung_up]

    def _note_signal(self, number: int, frame: FrameType | None) -> None:
        self.stop_requests += 1

    def _sleep(self, timeout: float) -> None:
        """Sleep until a signal comes (a child's death is one), or for `timeout` seconds."""
        if select.select([self._wakeup], [], [], timeout)[0]:
            os.read(self._wakeup, 4096)


def main(patience: float) -> NoReturn:
    """Supervise one cluster; `manage.py worker` becomes this program."""
    say: Callable[[str], None] = functools.partial(print, flush=True)
    try:
        with Supervisor(patience, say) as children:
            children.start("task cluster", build_manage_command("qcluster_watched"), replaced=True, silent=True)
            say("Workers are running; Ctrl-C or SIGTERM stops them.")
            children.watch()
    except StopRequested:
        say("Stopped.")
    except ChildDied as error:  # raised for the guard only, as the cluster is replaced
        say(str(error))
        leave(1)
    leave(0)


if __name__ == "__main__":
    main(float(sys.argv[1]))
