"""A deadline for a whole attempt: time-outs of the libraries are per read, and a receiver may answer byte by byte."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Protocol, cast


class Watched(Protocol):
    """An attempt: when it must be over, the socket that it uses (none yet: None), and whether that was cut."""

    deadline: float
    sock: socket.socket | None
    cut: bool


class _Deadlines(threading.Thread):
    """Cuts the socket of each attempt that outlives its deadline, whatever it is doing: TLS, headers, body."""

    def __init__(self) -> None:
        super().__init__(name="deadlines", daemon=True)
        self.attempts: dict[int, Watched] = {}
        self.lock = threading.Lock()

    def watch(self, attempt: Watched) -> None:
        with self.lock:
            self.attempts[id(attempt)] = attempt
            if not self.is_alive():
                self.start()

    def forget(self, attempt: Watched) -> None:
        with self.lock:
            self.attempts.pop(id(attempt), None)

    def run(self) -> None:
        while True:
            time.sleep(0.1)
            now = time.monotonic()
            with self.lock:
                late = [attempt for attempt in self.attempts.values() if attempt.deadline <= now and attempt.sock]
            for attempt in late:
                attempt.cut = True
                with suppress(OSError):
                    # Of the plain socket, also under TLS: an SSLSocket's own shutdown is not safe across threads.
                    socket.socket.shutdown(cast(socket.socket, attempt.sock), socket.SHUT_RDWR)


_deadlines: _Deadlines | None = None
_starting = threading.Lock()


def watcher() -> _Deadlines:
    """The watching thread of this process, made at first use: after the fork, not before."""
    global _deadlines
    with _starting:
        if _deadlines is None:
            _deadlines = _Deadlines()
        return _deadlines
