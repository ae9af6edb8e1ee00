"""What a receiver answers to one POST, read from the socket: HTTP/1.1 as it is spoken out there.

`http.client` is no help here: it takes an interim answer for the final one, a head that was cut off for a whole one,
gives up on a long header, and what it has read beyond an answer nobody sees. So an answer is read here, leniently, as
its status is what counts; and whether another request may follow over the same connection is judged strictly, as
whatever is left over would be taken for the answer to that one.
"""

from __future__ import annotations

import re
import select
import socket
import ssl
import time
from contextlib import suppress
from http.client import RemoteDisconnected

_PIECE = 64 * 1024  # bytes that are read, or written, at once
_INTERIM = 16  # interim answers before the final one, at the most
_HEADS = 256 * 1024  # bytes of the heads of all of these together; it may not go on for ever
_EVERYTHING = 512 * 1024  # bytes of an answer with all that frames it
_HEADERS, _HEADER = 100, 8 * 1024  # headers that are kept, and bytes of each; the rest is dropped
_CHUNK_LINE = 1024
_PATIENCE = 1.0  # seconds for what may never come: a body of unknown length, the rest of an unwanted request

_END = re.compile(rb"\n\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/1\.(\d)[ \t]+([1-9]\d\d)(?:[ \t]+(.*))?")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LENGTH = re.compile(rb"\d{1,15}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?")
# Headers that say something about the answer itself are understood wherever they stand, also beyond the limit.
_UNDERSTOOD = {
    b"connection", b"proxy-connection", b"content-length", b"transfer-encoding", b"content-encoding", b"content-type",
    b"retry-after",
}  # fmt: skip


class NoReply(Exception):
    """What came is no answer in HTTP; the message says why, fit for people."""

    def __init__(self, words: str = "The answer was not valid HTTP") -> None:
        super().__init__(words)


class _Broken(Exception):
    """A body cannot be read any further."""


class Reply:
    """The final answer to one request. `doubtful`: how it is framed may be understood in more than one way."""

    def __init__(self, source: _Source, head: bytes) -> None:
        self._source = source
        lines = head.replace(b"\r\n", b"\n").split(b"\n")
        said = _STATUS_LINE.fullmatch(lines[0])
        if said is None:
            raise NoReply
        self.status, self.reason = int(said[2]), _text(said[3] or b"").strip()
        self.headers: list[tuple[str, str]] = []
        self.doubtful = not head.count(b"\r") == head.count(b"\n") == head.count(b"\r\n") or b"\x00" in head
        self.complete = False
        self._understood: dict[bytes, list[bytes]] = {}
        for line in lines[1:-2]:
            self._add(line)
        self._closes = said[1] == b"0" or self._says_close()
        self._length, self._chunked, self.codings = self._framing(old=said[1] == b"0")

    def get(self, name: str) -> str:
        """The first header of this name that is understood here; empty if there is none."""
        return _text(self._understood.get(name.encode(), [b""])[0])

    @property
    def is_interim(self) -> bool:
        """Whether another answer follows. None follows a 101: the connection has become something else."""
        return self.status < 200 and self.status != 101

    @property
    def leaves_nothing(self) -> bool:
        """Whether the next request may go over the same connection, as far as this answer can tell.

        Not after a refusal: a receiver may have answered before it read the request, and take its rest for another.
        """
        whole = self.complete and not self.doubtful and not self._closes
        return whole and 200 <= self.status < 300 and not self._source.buffer

    @property
    def left_over(self) -> bool:
        """Whether more came than this answer."""
        return self.complete and bool(self._source.buffer)

    def read(self, most: int, deadline: float) -> bytes:
        """The body, at most so many bytes. One that cannot be read to its end changes nothing: the status stands."""
        body = bytearray()
        with suppress(OSError, _Broken):
            if self._chunked:
                self._read_chunks(body, most, deadline)
            elif self._length is not None:
                self._read_bytes(body, min(self._length, most), deadline)
                self.complete = len(body) == self._length
            else:
                patient = min(deadline, time.monotonic() + _PATIENCE) if self.doubtful else deadline
                self._read_bytes(body, most, patient)
        return bytes(body[:most])

    # --- The head ------------------------------------------------------------------------------------------------
    def _add(self, line: bytes) -> None:
        if line[:1] in (b" ", b"\t"):  # folded, as it was allowed once: what it belongs to may be read in two ways
            self.doubtful = True
            if self.headers:
                folded, before = self.headers[-1]
                self.headers[-1] = folded, f"{before} {_text(line.strip())}"[:_HEADER]
            return
        name, colon, value = line.partition(b":")
        if not colon or not _TOKEN.fullmatch(name):
            self.doubtful = True
            return
        value = value.strip()
        if (known := name.lower()) in _UNDERSTOOD:
            self._understood.setdefault(known, []).append(value[:_HEADER])
        if len(self.headers) < _HEADERS:
            self.headers.append((name.decode("ascii")[:_HEADER], _text(value[:_HEADER])))

    def _list(self, name: bytes) -> list[bytes]:
        """The parts of all headers of this name."""
        joined = b",".join(self._understood.get(name, []))
        return [part.strip().lower() for part in joined.split(b",")] if joined else []

    def _says_close(self) -> bool:
        said = {*self._list(b"connection"), *self._list(b"proxy-connection")}
        return b"close" in said or b"upgrade" in said

    def _framing(self, *, old: bool) -> tuple[int | None, bool, list[str]]:
        """How long the body is (None: until the connection closes), whether it comes in chunks, how it is packed."""
        lengths, transfer = self._list(b"content-length"), self._list(b"transfer-encoding")
        packed = [part.decode("latin-1") for part in self._list(b"content-encoding")]
        if self.status in {101, 204, 304}:
            self.doubtful = self.doubtful or bool(transfer) or bool(set(lengths) - {b"0"})
            return 0, False, packed
        if b"transfer-encoding" in self._understood:
            self.doubtful = self.doubtful or transfer != [b"chunked"] or old or b"content-length" in self._understood
            if transfer and transfer[-1] == b"chunked":
                return None, True, packed + [part.decode("latin-1") for part in transfer[:-1]]
            return None, False, packed
        if b"content-length" in self._understood:
            self.doubtful = self.doubtful or len(lengths) != 1
            if len(set(lengths)) == 1 and _LENGTH.fullmatch(lengths[0]):
                return int(lengths[0]), False, packed
            self.doubtful = True
            return None, False, packed
        self._closes = True
        return None, False, packed

    # --- The body ------------------------------------------------------------------------------------------------
    def _read_bytes(self, body: bytearray, most: int, deadline: float) -> None:
        """Read until `body` has so many bytes, or the connection ends."""
        buffer = self._source.buffer
        while True:
            wanted = most - len(body)
            body += buffer[:wanted]
            del buffer[:wanted]
            if len(body) >= most or not self._source.fill(deadline):
                return

    def _read_chunks(self, body: bytearray, most: int, deadline: float) -> None:
        source = self._source
        while len(body) < most:
            size = _CHUNK.fullmatch(source.line(_CHUNK_LINE, deadline))
            if size is None:
                raise _Broken
            if not (left := int(size[1], 16)):
                while source.line(_HEADER, deadline):  # trailers
                    pass
                self.complete = True
                return
            end = len(body) + left
            self._read_bytes(body, min(end, most), deadline)
            if len(body) < end or source.line(2, deadline):
                raise _Broken


class _Source:
    """The bytes of one connection, from the end of a request on."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.buffer, self.came = sock, bytearray(), 0

    def fill(self, deadline: float | None = None) -> bool:
        """Read what comes next; False if the connection ends. Raises OSError, also if nothing comes in time."""
        if self.came > _EVERYTHING:
            raise _Broken
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.sock.settimeout(left)
        came = self.sock.recv(_PIECE)
        self.buffer += came
        self.came += len(came)
        return bool(came)

    def head(self, most: int) -> bytes:
        """The next head, with the empty line at its end."""
        buffer, seen = self.buffer, 0
        while True:
            found = _END.search(buffer, max(0, seen - 2))
            if (found.end() if found else len(buffer)) > most:
                raise NoReply(f"The answer's headers are longer than {_HEADS // 1024} kB")
            if found:
                head = bytes(buffer[: found.end()])
                del buffer[: found.end()]
                return head
            if not b"HTTP/1.".startswith(buffer[:7]):
                raise NoReply  # at once, as a line's end may never come
            seen = len(buffer)
            if not self.fill():
                if buffer:
                    raise ConnectionAbortedError("closed within an answer")
                raise RemoteDisconnected("closed without an answer")

    def line(self, most: int, deadline: float) -> bytes:
        """The next line of a chunked body; one that does not end in CRLF raises _Broken."""
        while (end := self.buffer.find(b"\n")) < 0:
            if len(self.buffer) > most or not self.fill(deadline):
                raise _Broken
        line = bytes(self.buffer[: end + 1])
        del self.buffer[: end + 1]
        if not line.endswith(b"\r\n") or end > most or b"\r" in line[:-2]:
            raise _Broken
        return line[:-2]


def read_reply(sock: socket.socket) -> Reply:
    """Read the head of the final answer; its body is still to be read. Raises NoReply or OSError."""
    source, left = _Source(sock), _HEADS
    for _ in range(_INTERIM + 1):
        head = source.head(left)
        left -= len(head)
        reply = Reply(source, head)
        if not reply.is_interim:
            return reply
    raise NoReply(f"More than {_INTERIM} interim answers came, and no final one")


def write_request(sock: socket.socket, wire: bytes) -> bool:
    """Write a request, and say whether all of it was out before anything was answered."""
    view, sent, first = memoryview(wire), 0, True
    try:
        while True:
            sent += sock.send(view[sent : sent + _PIECE])
            if sent >= len(wire):
                return first
            if first and not is_quiet(sock):
                # An interim answer, or one to a request that the receiver does not want to read to its end.
                first = False
                sock.settimeout(min(sock.gettimeout() or _PATIENCE, _PATIENCE))
    except (BrokenPipeError, ConnectionResetError):
        return False  # it may have answered before it closed
    except TimeoutError:
        if first:
            raise
        return False


def is_quiet(sock: socket.socket) -> bool:
    """Whether nothing has come that was not read, the end of the connection included."""
    if isinstance(sock, ssl.SSLSocket) and sock.pending():
        return False
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return not poll.poll(0)


def says_something(sock: socket.socket) -> bool:
    """Whether what has come over a connection that is not quiet is more than its end. It is of no use any more."""
    try:
        sock.settimeout(0)
        return bool(sock.recv(1))
    except (OSError, ValueError):
        return False


def _text(value: bytes) -> str:
    """A header's text: UTF-8 as most write it, or the Latin-1 of old."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
