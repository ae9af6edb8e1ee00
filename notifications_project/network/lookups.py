"""Look-ups of host names get a time-out: `getaddrinfo` cannot be cancelled, and may take longer than an attempt may.

Each look-up runs in a thread of its own, which is abandoned at the time-out. Their number is bounded, in all and for
each owner, so that an owner with slow names uses up its own share only. Callers that ask for the same name for the
same owner share one look-up.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from typing import Any, TypeVar

Found = TypeVar("Found")

MOST = 64  # look-ups of this process at once, abandoned ones included
SHARE = 4  # look-ups of one owner at once


class TooSlow(TimeoutError):
    """Raised if a name was not looked up in time."""

    def __init__(self) -> None:
        super().__init__("the name was not looked up in time")


_under_way: dict[tuple[str, str, int], Future[Any]] = {}
_owned: Counter[str] = Counter()
_changed = threading.Condition()


def look_up(
    find: Callable[[str, int], Found], host: str, port: int, timeout: float, owner: str = "", share: int = SHARE
) -> Found:
    """Return or raise the result of `find(host, port)`; raise TooSlow if it takes longer than `timeout` seconds."""
    if _is_literal(host, port):
        return find(host, port)
    deadline = time.monotonic() + timeout
    key = (owner, host, port)
    with _changed:
        while (asked := _under_way.get(key)) is None:
            if len(_under_way) < MOST and _owned[owner] < share:
                asked = _begin(find, key)
                break
            if not _changed.wait(max(0.0, deadline - time.monotonic())):
                raise TooSlow
    try:
        found: Found = asked.result(max(0.0, deadline - time.monotonic()))
    except FutureTimeout:
        if asked.done():  # the time-out is the look-up's own error, not ours
            raise
        raise TooSlow from None
    return found


def _begin(find: Callable[[str, int], Any], key: tuple[str, str, int]) -> Future[Any]:
    """Start a look-up; the caller holds the lock."""
    owner, host, port = key
    asked: Future[Any] = Future()

    def run() -> None:
        try:
            asked.set_result(find(host, port))
        except BaseException as error:
            asked.set_exception(error)
        finally:
            with _changed:
                del _under_way[key]
                _owned[owner] -= 1
                if not _owned[owner]:
                    del _owned[owner]
                _changed.notify_all()

    # A daemon, as otherwise a process that ends would wait for the name server.
    thread = threading.Thread(target=run, name="look-up", daemon=True)
    thread.start()
    _under_way[key] = asked
    _owned[owner] += 1
    return asked


def _is_literal(host: str, port: int) -> bool:
    """Tell whether a host is an IP address in any spelling, for which no name server is asked."""
    with suppress(OSError, UnicodeError):
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return True
    return False
