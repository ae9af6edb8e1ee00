"""A receiver on raw sockets that answers by tricks and keeps its answer to each request."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import re
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


class Left(Exception):
    """The sender has closed the connection."""


def digest_of(number: str) -> str:
    """Return the text that identifies a request in its answer: parts of its URL would be masked in the record."""
    return hashlib.sha256(number.encode()).hexdigest()[:16]


@dataclass
class Exchange:
    """A request, and the `Answer.code`s with which it may be recorded."""

    number: str
    connection: Connection
    chance: random.Random
    codes: set[str] = field(default_factory=set)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def own(self) -> bytes:
        """Return the body of an answer to this request."""
        return f"for {digest_of(self.number)}.".encode()

    def expect(self, *codes: object) -> None:
        """Set the permitted codes. Call it before sending the bytes: the record may be checked at once."""
        self.codes |= {str(code) for code in codes}

    def answer(self, status: int = 200, *headers: str, version: str = "1.1", body: bytes | None = None) -> bytes:
        """Return a complete answer to this request, with its number in the body."""
        content = self.own if body is None else body
        lines = [f"HTTP/{version} {status} Said", *headers]
        if not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in headers):
            lines.append(f"Content-Length: {len(content)}")
        return "\r\n".join([*lines, "", ""]).encode() + content

    def say(self, *parts: bytes, slowly: bool | None = None) -> None:
        """Send these bytes at once, or in pieces with pauses between them."""
        slowly = self.chance.random() < 0.3 if slowly is None else slowly
        if not slowly:
            self.connection.send(b"".join(parts))
            return
        for part in parts:
            self.connection.send(part)
            time.sleep(self.chance.choice((0, 0.002, 0.01)))


class Connection:
    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.buffer, self.open = sock, b"", True

    def send(self, what: bytes) -> None:
        try:
            self.sock.sendall(what)
        except OSError as error:
            raise Left from error

    def close(self) -> None:
        self.open = False
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def read_head(self) -> bytes:
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        return head

    def read_body(self, length: int) -> bytes:
        while len(self.buffer) < length:
            self._more()
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return body

    def _more(self) -> None:
        try:
            came = self.sock.recv(65536)
        except OSError as error:
            raise Left from error
        if not came:
            raise Left
        self.buffer += came

    def wait_until_left(self, seconds: float) -> None:
        """Wait until the sender closes the connection; drop the bytes that it still sends."""
        deadline = time.monotonic() + seconds
        with contextlib.suppress(OSError, ValueError):
            while (left := deadline - time.monotonic()) > 0:
                if select.select([self.sock], [], [], left)[0] and not self.sock.recv(65536):
                    return


class Hostile:
    """A server that chooses a trick for each request. `tricks` has each by name with its weight.

    `exchanges` has them by the number that a request carries.
    """

    def __init__(self, tricks: Mapping[str, tuple[Callable[[Exchange], None], int]], seed: int) -> None:
        self.tricks = tricks
        self.chance = random.Random(seed)
        self.exchanges: dict[str, list[Exchange]] = {}
        self.used: Counter[str] = Counter()
        self.fixed: dict[str, str] = {}  # paths that always get one script
        self.connections = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        threading.Thread(target=self._serve, name="hostile", daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/{path}"

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def answered(self, number: str) -> list[Exchange]:
        """Return the exchanges of all requests with this number, in order of arrival."""
        with self._lock:
            return list(self.exchanges.get(number, []))

    def settle(self, number: str) -> None:
        """Wait until the last byte that answers this request is sent."""
        for exchange in self.answered(number):
            assert exchange.over.wait(10)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections += 1
                threading.Thread(target=self._talk, args=(Connection(sock),), daemon=True).start()

    def _talk(self, connection: Connection) -> None:
        with contextlib.suppress(Left):
            while connection.open:
                head = connection.read_head()
                found = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
                if not head.startswith(b"POST") or found is None:
                    break  # the rest of a request that was answered before it was read
                body = connection.read_body(int(found[1]))
                self._exchange(connection, head.split()[1].decode().strip("/"), body)
        connection.close()

    def _exchange(self, connection: Connection, path: str, body: bytes) -> None:
        number = f"{path} {json.loads(body)['event_id']}"
        with self._lock:
            names, weights = zip(*((name, weight) for name, (_, weight) in self.tricks.items()), strict=True)
            name = self.fixed.get(path) or self.chance.choices(names, weights)[0]
            exchange = Exchange(number, connection, random.Random(self.chance.random()))
            self.exchanges.setdefault(number, []).append(exchange)
            self.used[name] += 1
        try:
            self.tricks[name][0](exchange)
        finally:
            exchange.over.set()
