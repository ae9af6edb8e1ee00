"""Bounds for HTTP that uvicorn does not have: of the length of a request's head, of time, and of connections.

Without them one client that sends an endless header fills the memory, and a few hundred that send half a request and
then nothing keep all others out.
"""

from __future__ import annotations

import asyncio
import resource
import time
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST_HEAD = 64 * 1024  # bytes of a request line and its headers
HEAD_WITHIN = 15.0  # seconds, from the connection's beginning, or from the first byte of a later request
BODY_WITHIN = 60.0
READ_WITHIN = 60.0  # seconds in which a client must read some more of an answer
MOST_CONNECTIONS = 1000
_FILES = 200  # that a process has open besides connections of clients: database connections, its own code
_PIECE = 16 * 1024
_LINGER = 5.0  # seconds for which a refused client may go on sending, so that it comes to read the answer
_MOST_LINGERING = 16 * 1024 * 1024  # bytes


class _HeadTooLong(Exception):
    pass


class BoundedProtocol(HttpToolsProtocol):
    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._in_head = True
        self._head = 0  # bytes of the head that are parsed
        self._unparsed = 0  # bytes received and not parsed, as the parser keeps an unfinished line
        self._refused = False
        self._discarded = 0
        self._since = time.monotonic()
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    # --- The connection --------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > limit_connections() and not self._make_room():
            self._refuse(503, "There are too many connections.")
            return
        self._expect_by(HEAD_WITHIN)

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        self._read_again()
        super().connection_lost(exc)

    def _make_room(self) -> bool:
        """Close the connection that has been idle longest; return True if there was one."""
        others: list[BoundedProtocol] = [each for each in self.connections if each is not self and each.is_idle]  # type: ignore[union-attr, misc]
        if others:
            min(others, key=lambda each: each._since).transport.abort()
        return bool(others)

    @property
    def is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    # --- What comes in ---------------------------------------------------------------------------------------
    def data_received(self, data: bytes) -> None:
        if self._refused:
            self._discard(len(data))
            return
        if self._in_head and self._deadline is None:
            self._expect_by(HEAD_WITHIN)
        for start in range(0, len(data), _PIECE):
            piece = data[start : start + _PIECE]
            super().data_received(piece)
            if self._refused or self.transport.is_closing() or self.parser is None:
                return
            if self._in_head:
                self._unparsed += len(piece)
                if self._unparsed > LONGEST_HEAD + _PIECE:
                    self._refuse_head()
                    return

    def on_message_begin(self) -> None:
        self._in_head, self._head, self._unparsed = True, 0, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._unparsed = False, 0
        self._expect_by(BODY_WITHIN)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._expect_nothing()
        self._in_head = True
        super().on_message_complete()

    def _count(self, bytes: int) -> None:
        self._head += bytes
        if self._head > LONGEST_HEAD:
            raise _HeadTooLong

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that the parser or `_count` does not accept; uvicorn calls this."""
        if self._head > LONGEST_HEAD:
            self._refuse_head()
        else:
            self._refuse(400, msg)

    def _unsupported_upgrade_warning(self) -> None:
        """Log nothing, as clients could fill the log. The request is answered as one without an upgrade."""

    # --- Time ------------------------------------------------------------------------------------------------
    def on_response_complete(self) -> None:
        self._since = time.monotonic()
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(READ_WITHIN, self.transport.abort)

    def resume_writing(self) -> None:
        self._read_again()
        super().resume_writing()

    def _read_again(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _expect_by(self, seconds: float) -> None:
        self._expect_nothing()
        self._deadline = self.loop.call_later(seconds, self._end_if_late, seconds)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end_if_late(self, seconds: float) -> None:
        self._deadline = None
        if self.flow.read_paused:  # this side does not read yet, as an earlier request is not answered
            self._expect_by(seconds)
        elif self._in_head and self.is_idle and (self._head or self._unparsed):
            self._refuse(408, "The request did not come in time.")
        else:
            self.transport.abort()

    # --- Refusing --------------------------------------------------------------------------------------------
    def _refuse_head(self) -> None:
        self._refuse(431, f"The request line and the headers are longer than {LONGEST_HEAD // 1024} kB.")

    def _refuse(self, status: int, text: str) -> None:
        """Answer, then close after a while: a client that is still sending would see a reset instead of the answer."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self._expect_nothing()
        if not self.is_idle:  # an earlier request is being answered; the connection closes after that
            self.cycle.keep_alive = False
            return
        self._unset_keepalive_if_required()
        self._deadline = self.loop.call_later(_LINGER, self.transport.abort)
        self.transport.write(_answer(status, text))
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _discard(self, bytes: int) -> None:
        self._discarded += bytes
        if self._discarded > _MOST_LINGERING:
            self.transport.abort()


def _answer(status: int, text: str) -> bytes:
    phrases = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large"}
    head = f"HTTP/1.1 {status} {phrases.get(status, 'Service Unavailable')}\r\n"
    more = "retry-after: 5\r\n" if status == 503 else ""
    body = text.encode()
    rest = f"content-type: text/plain; charset=utf-8\r\ncontent-length: {len(body)}\r\n{more}connection: close\r\n\r\n"
    return (head + rest).encode() + body


def limit_connections() -> int:
    """Return the limit of connections: without open files left, the server could not even answer that it is full."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if files == resource.RLIM_INFINITY else max(50, min(MOST_CONNECTIONS, files - _FILES))
