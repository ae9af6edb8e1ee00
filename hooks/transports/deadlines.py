"""A deadline for a whole attempt. The libraries only limit each read: a receiver could answer byte by byte for ever."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Protocol


class Watched(Protocol):
    """An attempt with its deadline (monotonic seconds), its socket once there is one, and whether that was cut."""

    deadline: float
    sock: socket.socket | None
    cut: bool


class _Deadlines(threading.Thread):
    """A thread that cuts the socket of each attempt past its deadline, be it in TLS, headers or body."""

    def __init__(self) -> None:
        super().__init__(name="deadlines", daemon=True)
        # Needs no lock: each operation on a dictionary with integer keys is atomic in CPython.
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
                    # The plain socket's method, also under TLS: SSLSocket.shutdown is not safe across threads.
                    socket.socket.shutdown(attempt.sock, socket.SHUT_RDWR)


_deadlines: _Deadlines | None = None
_starting = threading.Lock()


def get_watcher() -> _Deadlines:
    """Return the watching thread of this process. It starts at first use, as a thread does not survive a fork."""
    global _deadlines
    if _deadlines is None:
        with _starting:
            if _deadlines is None:
                started = _Deadlines()
                started.start()
                _deadlines = started
    return _deadlines
