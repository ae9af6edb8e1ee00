"""Stopping: `manage.py up` and `worker` give every descendant a pipe; when it is readable, work ends.

django-q2's workers take SIGTERM by its default action, so a signal would end a pump in mid-send
(facts/engine.md, section 10); and a pipe also tells when the supervisor itself has died.
"""

from __future__ import annotations

import os
import select
import time

GRACE = 1.5  # seconds that a stopping pump waits for what is under way

_asked_at: float | None = None


def asked() -> bool:
    """Whether the supervisor has asked to stop (or is gone). Always False without a supervisor."""
    global _asked_at  # noqa: PLW0603
    if _asked_at is None:
        fd = os.environ.get("CONSOLE_STOP_FD")
        if fd and select.select([int(fd)], [], [], 0)[0]:
            _asked_at = time.monotonic()
    return _asked_at is not None


def since() -> float:
    """Seconds since the stop was first seen."""
    return 0.0 if _asked_at is None else time.monotonic() - _asked_at


def wait(seconds: float) -> None:
    """Sleep, but no longer than until a stop is asked for."""
    fd = os.environ.get("CONSOLE_STOP_FD")
    if fd:
        select.select([int(fd)], [], [], seconds)
    else:
        time.sleep(seconds)
