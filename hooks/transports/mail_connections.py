"""A pool of open connections to the operator's mail relay, kept for a few seconds.

Without it, a distant relay would cost a TLS handshake and a sign-in for nearly every mail, as a lane sends few mails at
once where answers take long. Each process has its own connections: a fork must not share a socket.
"""

from __future__ import annotations

import os
import smtplib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.mail import get_connection

KEPT_FOR = 5.0  # seconds without a mail after which a connection is closed


@dataclass(frozen=True, slots=True)
class _Kept:
    relay: tuple[object, ...]
    connection: Any
    since: float


_kept: list[_Kept] = []
_lock = threading.Lock()
_looks_in: int | None = None  # the process whose timer will close old connections


@contextmanager
def open_connection() -> Iterator[Any]:
    """Give a connection of Django's mail backend, either open already or opened by the first mail.

    The relay may have closed it meanwhile: the sender must then open it again.
    """
    relay = _identify_relay()
    # The watching thread cannot cut a connection before it is open, so no step of opening may take the whole deadline.
    connection = _take(relay) or get_connection(timeout=settings.DELIVERY_TIMEOUT * 2 / 3)
    try:
        yield connection
    except GeneratorExit:  # the caller stopped reading answers: the connection is still good
        _keep(relay, connection)
        raise
    except BaseException:
        _close(connection)
        raise
    else:
        _keep(relay, connection)


def _identify_relay() -> tuple[object, ...]:
    return os.getpid(), settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_HOST_USER


def _take(relay: tuple[object, ...]) -> Any:
    with _lock:
        for kept in reversed(_kept):  # the last used first, so that surplus ones grow old and are closed
            if kept.relay == relay:
                _kept.remove(kept)
                return kept.connection
    return None


def _keep(relay: tuple[object, ...], connection: Any) -> None:
    if getattr(connection, "connection", None) is None:  # not open, or a backend without SMTP
        _close(connection)
        return
    with _lock:
        _kept.append(_Kept(relay, connection, time.monotonic()))
        if _looks_in != os.getpid():
            _schedule_closing()


def _schedule_closing() -> None:
    global _looks_in
    _looks_in = os.getpid()
    timer = threading.Timer(KEPT_FOR, _close_old)
    timer.daemon = True
    timer.start()


def _close_old() -> None:
    global _looks_in
    now = time.monotonic()
    with _lock:
        old = [kept for kept in _kept if now - kept.since >= KEPT_FOR]
        _kept[:] = [kept for kept in _kept if kept not in old]
        _looks_in = None
        if _kept:
            _schedule_closing()
    for kept in old:
        if kept.relay[0] == os.getpid():
            _close(kept.connection)


def _close(connection: Any) -> None:
    with suppress(OSError, smtplib.SMTPException):
        connection.close()
