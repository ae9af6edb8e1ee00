"""Requests take turns, so that one client's burst of requests does not keep the others' pages waiting.

A process works on a few requests at a time: more would only share its one interpreter, and all be late. The others
wait in line, one line for each client, and the lines are served in rotation. A request that waits for a network, or
has taken long, gives its turn to the next and goes on beside it.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings

AT_ONCE = 3  # requests that a process works on at once
LONGEST = 0.5  # seconds; a longer turn ends, or a request that waits for a lock would keep the others waiting


class Turn:
    """A turn is the right to work on one request. Any thread may end it; it ends once."""

    def __init__(self, turns: Turns) -> None:
        self._turns, self._loop = turns, asyncio.get_running_loop()
        self._timer = self._loop.call_later(LONGEST, self._end)
        self._ended = False

    def end(self) -> None:
        """Let the next request begin. Any thread may call this, more than once too."""
        if not self._ended and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._timer.cancel()
            self._turns.pass_on()


class Turns:
    """The lines of one process; every method runs in the event loop."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._free = at_once
        self._lines: dict[Hashable, deque[asyncio.Future[None]]] = {}  # ordered as they are served

    async def take(self, client: Hashable) -> Turn:
        """Wait for a turn of this client."""
        if self._free:
            self._free -= 1
            return Turn(self)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(client, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():  # else its new turn would be lost
                self.pass_on()
            raise
        return Turn(self)

    def pass_on(self) -> None:
        """Give the turn to the first request of the next line, or keep it free if none waits."""
        while self._lines:
            client = next(iter(self._lines))
            line = self._lines.pop(client)
            place = line.popleft()
            if line:
                self._lines[client] = line  # behind the other clients'
            if not place.done():
                place.set_result(None)
                return
        self._free += 1


_current = threading.local()


@contextmanager
def work_on(turn: Turn) -> Iterator[None]:
    """Work on a request in this thread; its turn ends with the block at the latest."""
    _current.turn = turn
    try:
        yield
    finally:
        _current.turn = None
        turn.end()


def end_turn() -> None:
    """End the turn of the request that this thread works on, if it has one; call it before waiting."""
    turn: Turn | None = getattr(_current, "turn", None)
    if turn is not None:
        turn.end()


def identify_client(scope: dict[str, Any]) -> Hashable:
    """Return the sender of a request, of this ASGI scope: a token, a session, else an address.

    Nothing is verified here. A client that invents tokens gets several lines; each of them costs the others one turn.
    """
    headers: dict[bytes, bytes] = dict(scope["headers"])
    if token := headers.get(b"authorization"):
        return token
    name = settings.SESSION_COOKIE_NAME.encode() + b"="
    for cookie in headers.get(b"cookie", b"").split(b";"):
        if cookie.strip().startswith(name):
            return cookie.strip()
    if getattr(settings, "ALLAUTH_TRUSTED_PROXY_COUNT", 0) and (forwarded := headers.get(b"x-forwarded-for")):
        return forwarded.rpartition(b",")[2].strip()  # the proxy added the last address; a client may invent the others
    address: str = (scope.get("client") or [""])[0]
    return address
