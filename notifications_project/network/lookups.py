"""Look-ups of names that can be left: `getaddrinfo` cannot be cut, and may take far longer than an attempt may.

Each runs in a thread of its own, which is left behind when its time is over. There are few of them, at once and in one
owner's name: an owner whose names are slow uses up its own share. Who waits for a name that is being looked up already,
in the same name, gets the answer to that.
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

MOST = 64  # look-ups of this process at once, those that nobody waits for any more included
SHARE = 4  # of them for one owner


class TooSlow(TimeoutError):
    """A name was not looked up in time."""

    def __init__(self) -> None:
        super().__init__("the name was not looked up in time")


_under_way: dict[tuple[str, str, int], Future[Any]] = {}
_owned: Counter[str] = Counter()
_changed = threading.Condition()


def look_up(
    find: Callable[[str, int], Found], host: str, port: int, timeout: float, owner: str = "", share: int = SHARE
) -> Found:
    """What `find(host, port)` returns or raises; raises TooSlow if that takes longer than so many seconds."""
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
        if asked.done():  # it was the look-up itself that found no answer in time
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

    # A daemon: a process that ends does not wait for a name server.
    thread = threading.Thread(target=run, name="look-up", daemon=True)
    thread.start()
    _under_way[key] = asked
    _owned[owner] += 1
    return asked


def _is_literal(host: str, port: int) -> bool:
    """Whether a host is an address in one of its spellings, for which no name server is asked."""
    with suppress(OSError, UnicodeError):
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return True
    return False
