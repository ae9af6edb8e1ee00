"""Stopping: `manage.py up` and `worker` give every descendant a pipe; when it is readable, work ends.

django-q2's workers take SIGTERM by its default action, so a signal would end a pump in mid-send; and
a pipe also tells when the supervisor itself has died.
"""

from __future__ import annotations

import os
import select
import time

STOP_FD = "CONSOLE_STOP_FD"


def is_requested() -> bool:
    """Return True if the supervisor has asked to stop (or is gone). Always False without a supervisor."""
    return _is_readable(0)


def wait(seconds: float) -> None:
    """Sleep, but no longer than until a stop is asked for."""
    if STOP_FD in os.environ:
        _is_readable(seconds)
    else:
        time.sleep(seconds)


def _is_readable(seconds: float) -> bool:
    fd = os.environ.get(STOP_FD)
    return fd is not None and bool(select.select([int(fd)], [], [], seconds)[0])
