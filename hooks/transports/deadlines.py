"""A deadline for a whole attempt: time-outs of the libraries are per read, and a receiver may answer byte by byte."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Protocol


class Watched(Protocol):
    """An attempt: when it must be over, the socket that it uses (none yet: None), and whether that was cut."""

    deadline: float
    sock: socket.socket | None
    cut: bool


class _Deadlines(threading.Thread):
    """Cuts the socket of each attempt that outlives its deadline, whatever it is doing: TLS, headers, body."""

    def __init__(self) -> None:
        super().__init__(name="deadlines", daemon=True)
        # No lock: a step of a dictionary with numbers as keys is one step of the interpreter.
        self.attempts: dict[int, Watched] = {}

    def watch(self, attempt: Watched) -> None:
        self.attempts[id(attempt)] = attempt

    def forget(self, attempt: Watched) -> None:
        self.attempts.pop(id(attempt), None)

    def run(self) -> None:
        while True:
            time.sleep(0.1)
            now = time.monotonic()
            for attempt in list(self.attempts.values()):
                if attempt.deadline > now or not attempt.sock:
                    continue
                attempt.cut = True
                with suppress(OSError):
                    # Of the plain socket, also under TLS: an SSLSocket's own shutdown is not safe across threads.
                    socket.socket.shutdown(attempt.sock, socket.SHUT_RDWR)


_deadlines: _Deadlines | None = None
_starting = threading.Lock()


def watcher() -> _Deadlines:
    """The watching thread of this process, made at first use: after the fork, not before."""
    global _deadlines
    if _deadlines is None:
        with _starting:
            if _deadlines is None:
                started = _Deadlines()
                started.start()
                _deadlines = started
    return _deadlines
