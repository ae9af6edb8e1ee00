"""A receiver that records the sending process of each request, and that can misbehave in every way."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import struct
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TAKES = 0.03  # seconds for a good answer, so that the work lasts long enough to disturb it


@dataclass(slots=True)
class Arrival:
    """A request, with the id of the worker process that sent it if it could be found."""

    hook: str
    event: str
    webhook_id: str
    body: bytes
    process: int | None
    at: float
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two processes that used one thing at one time, although only one had the right to."""

    hook: str
    what: str
    processes: frozenset[int | None]


class Receiver:
    """A receiver. `behaviours` maps hooks to their behaviour; all others answer 204 after a moment."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.behaviours: dict[str, Callable[[Request], None]] = {}
        self.takes = TAKES
        self.conflicts: list[Conflict] = []
        self._sending: dict[str, Counter[int | None]] = defaultdict(Counter)  # by hook, and by webhook-id
        self._lock = threading.Lock()
        self.stopping = threading.Event()
        self.server = _Server(("127.0.0.1", 0), Request)
        self.server.receiver = self
        threading.Thread(target=self.server.serve_forever, name="receiver", daemon=True).start()

    def url(self, hook: str) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/{hook}"

    def close(self) -> None:
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def taken(self) -> list[Arrival]:
        with self._lock:
            return [arrival for arrival in self.arrivals if arrival.taken]

    def begin(self, arrival: Arrival) -> None:
        with self._lock:
            self.arrivals.append(arrival)
            same = set(+self._sending[arrival.webhook_id])
            if same:
                self._conflict(arrival, same, f"{arrival.webhook_id} was under way twice")
            others = set(+self._sending[arrival.hook]) - {arrival.process, None}
            if others and arrival.process is not None:
                self._conflict(arrival, others, "two processes were sending in one lane")
            for what in (arrival.webhook_id, arrival.hook):
                self._sending[what][arrival.process] += 1

    def end(self, arrival: Arrival, taken: bool) -> None:
        with self._lock:
            arrival.taken = taken
            for what in (arrival.webhook_id, arrival.hook):
                self._sending[what][arrival.process] -= 1

    def _conflict(self, arrival: Arrival, others: set[int | None], what: str) -> None:
        self.conflicts.append(Conflict(arrival.hook, what, frozenset({arrival.process, *others})))


class _Server(ThreadingHTTPServer):
    receiver: Receiver
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore errors of connections: killed senders cause them in every test."""


class Request(BaseHTTPRequestHandler):
    """A connection with its successive requests."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.process = owner(self.client_address[1], self.server.server_address[1])

    def do_POST(self) -> None:
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        hook, event = self.path.strip("/"), str(json.loads(body)["event_id"])
        arrival = Arrival(hook, event, self.headers["webhook-id"], body, self.process, time.time())
        self.under_way: Arrival | None = arrival
        receiver.begin(arrival)
        try:
            receiver.behaviours.get(hook, take)(self)
        finally:
            self.over(False)

    def over(self, taken: bool) -> None:
        """End the request. Call it before the answer is sent: afterwards the next may already come from elsewhere."""
        if self.under_way:
            self.server.receiver.end(self.under_way, taken)
        self.under_way = None

    def log_message(self, *args: object) -> None:
        pass

    def left_within(self, seconds: float) -> bool:
        """Wait so many seconds; return True as soon as the sender closes the connection or the test ends."""
        deadline = time.monotonic() + seconds
        while not self.server.receiver.stopping.is_set() and (left := deadline - time.monotonic()) > 0:
            if select.select([self.connection], [], [], min(0.2, left))[0]:
                return True
        return self.server.receiver.stopping.is_set()


# --- Behaviours: call over() before the answer ---------------------------------------------------------------
def take(request: Request) -> None:
    request.server.receiver.stopping.wait(request.server.receiver.takes)
    request.over(True)
    request.send_response_only(204)
    request.end_headers()


def reset(request: Request) -> None:
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(request.connection.detach())
    request.close_connection = True


def hang(request: Request) -> None:
    request.left_within(600)
    request.close_connection = True


def drip(request: Request) -> None:
    """Send one byte a second for as long as the sender listens."""
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 600\r\n" + 600 * b".":
        request.connection.sendall(bytes([byte]))
        if request.left_within(1):
            break
    request.close_connection = True


def redirect(request: Request) -> None:
    request.send_response_only(302)
    request.send_header("Location", request.server.receiver.url("elsewhere"))
    request.send_header("Content-Length", "0")
    request.end_headers()


def flood(request: Request) -> None:
    """Answer with an error page of 10 MB."""
    request.send_response_only(500)
    request.send_header("Content-Length", str(10_000_000))
    request.end_headers()
    request.close_connection = True
    with contextlib.suppress(OSError):
        request.connection.sendall(b"x" * 10_000_000)


def babble(request: Request) -> None:
    request.connection.sendall(b"what is this\x00\xff\r\n\r\nno HTTP\r\n\r\n")
    request.close_connection = True


# --- The sending process -------------------------------------------------------------------------------------
def owner(port: int, server_port: int) -> int | None:
    """Return the worker process that owns the connection from this port; None if there is none any more."""
    inode = _inode(port, server_port)
    if inode is None:
        return None
    link = f"socket:[{inode}]"
    for directory in Path("/proc").iterdir():
        if not directory.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            if b"qcluster" not in (directory / "cmdline").read_bytes():
                continue
            for descriptor in os.listdir(directory / "fd"):
                with contextlib.suppress(OSError):
                    if os.readlink(directory / "fd" / descriptor) == link:
                        return int(directory.name)
    return None


def _inode(port: int, server_port: int) -> str | None:
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].rpartition(":")[2], 16) == port and int(fields[2].rpartition(":")[2], 16) == server_port:
            return fields[9]
    return None
