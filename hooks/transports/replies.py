"""Read the answer to a POST from the socket, in HTTP/1.1 as real servers speak it.

`http.client` does not fit: it takes an interim answer for the final one and a truncated head for a whole one, fails on
a long header, and hides the bytes it has read beyond an answer. This reader is lenient about an answer, as its status
is what counts. It is strict about the reuse of the connection: left-over bytes would be taken for the next answer.
"""

from __future__ import annotations

import re
import select
import socket
import ssl
import time
from contextlib import suppress
from http.client import RemoteDisconnected

from hooks.remarks import Remark, RemarkCode

_PIECE = 64 * 1024  # bytes read or written at once
_INTERIM = 16  # interim answers that may precede the final one
_HEADS = 256 * 1024  # bytes of all their heads: without a limit they could go on for ever
_EVERYTHING = 512 * 1024  # bytes of an answer with its framing
_HEADERS, _HEADER = 100, 8 * 1024  # headers kept, and bytes of each
_CHUNK_LINE = 1024
_PATIENCE = 1.0  # seconds for what may never end: a body of doubtful length, the rest of an unwanted request

_END = re.compile(rb"\n\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/1\.(\d)[ \t]+([1-9]\d\d)(?:[ \t]+(.*))?")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LENGTH = re.compile(rb"\d{1,15}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?")
# Headers about the answer itself. They are read even beyond the limit of headers kept: otherwise many others before
# them could change how the body is framed.
_UNDERSTOOD = {
    b"connection", b"proxy-connection", b"content-length", b"transfer-encoding", b"content-encoding", b"content-type",
    b"retry-after",
}  # fmt: skip


class NoReply(Exception):
    """The bytes are no HTTP answer; the message says why, in words for people."""

    def __init__(self, remark: Remark | None = None) -> None:
        self.remark = remark or Remark(RemarkCode.NOT_HTTP)
        super().__init__(str(self.remark))


class _Broken(Exception):
    """The body cannot be read any further."""


class Reply:
    """The final answer to one request. `doubtful` means that its framing could be understood in more than one way."""

    def __init__(self, source: _Source, head: bytes) -> None:
        self._source = source
        lines = head.replace(b"\r\n", b"\n").split(b"\n")
        said = _STATUS_LINE.fullmatch(lines[0])
        if said is None:
            raise NoReply
        self.status, self.reason = int(said[2]), _decode_header(said[3] or b"").strip()
        self.headers: list[tuple[str, str]] = []
        self.doubtful = not head.count(b"\r") == head.count(b"\n") == head.count(b"\r\n") or b"\x00" in head
        self.complete = False
        self._understood: dict[bytes, list[bytes]] = {}
        for line in lines[1:-2]:
            self._add(line)
        self._closes = said[1] == b"0" or self._is_last()
        self._length, self._chunked, self.codings = self._read_framing(old=said[1] == b"0")

    def get(self, name: str) -> str:
        """Return the first header of this name, in lower case, among those in `_UNDERSTOOD`; empty if there is none."""
        return _decode_header(self._understood.get(name.encode(), [b""])[0])

    @property
    def is_interim(self) -> bool:
        """Tell whether another answer follows. After 101 none does, as the protocol has changed."""
        return self.status < 200 and self.status != 101

    @property
    def leaves_nothing(self) -> bool:
        """Tell whether this answer permits to reuse the connection.

        A refusal does not: the receiver may have answered before it read the whole request, and would take the rest
        for another one.
        """
        whole = self.complete and not self.doubtful and not self._closes
        return whole and 200 <= self.status < 300 and not self._source.buffer

    @property
    def left_over(self) -> bool:
        """Tell whether more bytes came than this answer."""
        return self.complete and bool(self._source.buffer)

    def read(self, most: int, deadline: float) -> bytes:
        """Read at most `most` bytes of the body; if it breaks off, return what came, as the status is what counts."""
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
        if line[:1] in (b" ", b"\t"):  # obsolete line folding (RFC 9112, 5.2): parsers differ on it
            self.doubtful = True
            if self.headers:
                folded, before = self.headers[-1]
                self.headers[-1] = folded, f"{before} {_decode_header(line.strip())}"[:_HEADER]
            return
        name, colon, value = line.partition(b":")
        if not colon or not _TOKEN.fullmatch(name):
            self.doubtful = True
            return
        value = value.strip()
        if (known := name.lower()) in _UNDERSTOOD:
            self._understood.setdefault(known, []).append(value[:_HEADER])
        if len(self.headers) < _HEADERS:
            self.headers.append((name.decode("ascii")[:_HEADER], _decode_header(value[:_HEADER])))

    def _list(self, name: bytes) -> list[bytes]:
        """Return the comma-separated parts of all headers of this name, in lower case."""
        joined = b",".join(self._understood.get(name, []))
        return [part.strip().lower() for part in joined.split(b",")] if joined else []

    def _is_last(self) -> bool:
        said = {*self._list(b"connection"), *self._list(b"proxy-connection")}
        return b"close" in said or b"upgrade" in said

    def _read_framing(self, *, old: bool) -> tuple[int | None, bool, list[str]]:
        """Return the length of the body (None: chunked, or until the end), whether it is chunked, and its codings."""
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
        """Read until `body` has `most` bytes or the connection ends."""
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
    """The bytes that come over one connection after a request."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.buffer, self.came = sock, bytearray(), 0

    def fill(self, deadline: float | None = None) -> bool:
        """Read more bytes into the buffer; False at the end of the connection. Raises OSError, also on a time-out."""
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

    def read_head(self, most: int) -> bytes:
        """Return the next head, up to and including its empty line. Raises NoReply or OSError."""
        buffer, seen = self.buffer, 0
        while True:
            found = _END.search(buffer, max(0, seen - 2))
            if (found.end() if found else len(buffer)) > most:
                raise NoReply(Remark(RemarkCode.HEADERS_TOO_LONG, kilobytes=_HEADS // 1024))
            if found:
                head = bytes(buffer[: found.end()])
                del buffer[: found.end()]
                return head
            if not b"HTTP/1.".startswith(buffer[:7]):
                raise NoReply  # now, as the end of the line may never come
            seen = len(buffer)
            if not self.fill():
                if buffer:
                    raise ConnectionAbortedError("closed within an answer")
                raise RemoteDisconnected("closed without an answer")

    def line(self, most: int, deadline: float) -> bytes:
        """Return the next line of a chunked body. Raises _Broken if it does not end in CRLF or is too long."""
        while (end := self.buffer.find(b"\n")) < 0:
            if len(self.buffer) > most or not self.fill(deadline):
                raise _Broken
        line = bytes(self.buffer[: end + 1])
        del self.buffer[: end + 1]
        if not line.endswith(b"\r\n") or end > most or b"\r" in line[:-2]:
            raise _Broken
        return line[:-2]


def read_reply(sock: socket.socket) -> Reply:
    """Read the head of the final answer and return it with its body unread. Raises NoReply or OSError."""
    source, left = _Source(sock), _HEADS
    for _ in range(_INTERIM + 1):
        head = source.read_head(left)
        left -= len(head)
        reply = Reply(source, head)
        if not reply.is_interim:
            return reply
    raise NoReply(Remark(RemarkCode.NO_FINAL_ANSWER, number=_INTERIM))


def write_request(sock: socket.socket, wire: bytes) -> bool:
    """Write a request; return True if all of it was written before any answer came.

    Raises OSError if nothing can be written within the socket's time-out.
    """
    view, sent, first = memoryview(wire), 0, True
    try:
        while True:
            sent += sock.send(view[sent : sent + _PIECE])
            if sent >= len(wire):
                return first
            if first and not is_quiet(sock):
                # Either an interim answer, or the receiver does not want the rest: then it may never read on.
                first = False
                sock.settimeout(min(sock.gettimeout() or _PATIENCE, _PATIENCE))
    except (BrokenPipeError, ConnectionResetError):
        return False  # it may have answered before it closed
    except TimeoutError:
        if first:
            raise
        return False


def is_quiet(sock: socket.socket) -> bool:
    """Tell whether there is nothing to read, not even the end of the connection."""
    if isinstance(sock, ssl.SSLSocket) and sock.pending():
        return False
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return not poll.poll(0)


def has_bytes(sock: socket.socket) -> bool:
    """Tell whether a connection that is not quiet has more to read than its end. It cannot be used any more."""
    try:
        sock.settimeout(0)
        return bool(sock.recv(1))
    except (OSError, ValueError):
        return False


def _decode_header(value: bytes) -> str:
    """Decode a header: UTF-8 as most servers send it, else Latin-1."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
