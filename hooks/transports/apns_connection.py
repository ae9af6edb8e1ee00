"""The connection of a process to APNs, which all of its sending threads share.

httpx speaks HTTP/2, but threads that share its `Client` change the connection's state without a lock, and one read that
times out ends it for all. So an `AsyncClient` runs in an event loop on a thread of its own, which starts at first use
because it would not survive a fork. The sending threads hand it their requests, each with a deadline.

After an error the connection is retired: the requests on it may finish, and the next request opens another one. If APNs
sent a GOAWAY or closed an idle connection, the request is sent again at once with the same `apns-id`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import anyio
import certifi
import httpx
from django.utils.translation import gettext_noop
from h2.exceptions import H2Error

from hooks.remarks import advise

_CONNECT_SECONDS = 5
_MOST_CONNECTIONS = 4  # tried for one request, which is sent over two of them at most
_READ = 64 * 1024  # bytes of an answer that are read
_USER_AGENT = "NotificationsConsole/1"
# Without keep-alive, a push could be written into a connection that a firewall dropped silently.
_KEEP_ALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), seconds)
        for name, seconds in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))
        if hasattr(socket, name)
    ),
]


class Unreachable(Exception):
    """No connection could be opened, so nothing was sent. `why` tells the operator the reason."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Broken(Exception):
    """The request was sent, but its connection was closed without an answer, and a second one did not help."""


class Late(Exception):
    """The request was sent, and the deadline passed without an answer."""


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Trace:
    """The progress of one request: what it needed, and how far it came."""

    deadline: float
    sent: int = 0  # how often the request went onto the wire
    dialled: str = ""
    timings: dict[str, int] = field(default_factory=dict)
    begun: dict[str, float] = field(default_factory=dict)

    async def note(self, event: str, info: dict[str, Any]) -> None:
        """Take the time of a step. httpx calls this as its trace extension."""
        name, _, step = event.rpartition(".")
        phase = {"connection.connect_tcp": "connect", "connection.start_tls": "tls"}.get(name)
        if phase and step == "started":
            self.begun[phase] = time.monotonic()
        elif phase and step == "complete":
            self.timings[phase] = int((time.monotonic() - self.begun[phase]) * 1000)
        elif event == "http2.send_request_headers.started":
            self.sent += 1


@dataclass(slots=True, eq=False)
class _Link:
    """An httpx client with its one connection, and the number of requests on it."""

    client: httpx.AsyncClient
    users: int = 0
    retired: bool = False


class Connection:
    """A connection to one server; its public methods may be called from any thread."""

    def __init__(self, address: str, ca_file: str = "") -> None:
        self.address = address
        self._context = ssl.create_default_context(cafile=ca_file or certifi.where())
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._link: _Link | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="apns", daemon=True)
        self._thread.start()

    def post(self, path: str, headers: dict[str, str], body: bytes, trace: Trace) -> Reply:
        """Return the answer to one request by `trace.deadline`. Raises Unreachable, Broken or Late."""
        left = max(0.0, trace.deadline - time.monotonic())
        asked = asyncio.run_coroutine_threadsafe(self._post(path, headers, body, trace, left), self._loop)
        try:
            return asked.result(timeout=left + 1)
        except TimeoutError:  # the loop itself is stuck
            asked.cancel()
            raise Late from None

    def close(self) -> None:
        """Close the connection, and stop the event loop and its thread."""

        async def end() -> None:
            if self._link:
                self._retire(self._link)
            await asyncio.gather(*self._closing, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(timeout=5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._loop.close()

    # --- On the loop's thread ----------------------------------------------------------------------------------

    async def _post(self, path: str, headers: dict[str, str], body: bytes, trace: Trace, left: float) -> Reply:
        try:
            async with asyncio.timeout(left):
                for _ in range(_MOST_CONNECTIONS):
                    if reply := await self._ask(path, headers, body, trace):
                        return reply
                    if trace.sent > 1:
                        break
        except TimeoutError:
            if trace.sent:
                raise Late from None
            raise Unreachable(advise(gettext_noop("the connection was not answered in time"))) from None
        except Unreachable:
            if trace.sent:  # an earlier connection broke after the request was sent
                raise Broken from None
            raise
        if trace.sent:
            raise Broken
        raise Unreachable(advise(gettext_noop("every connection was closed at once")))

    async def _ask(self, path: str, headers: dict[str, str], body: bytes, trace: Trace) -> Reply | None:
        """Return the answer, or None if the connection was closed without one."""
        link = self._link = self._link or _Link(self._make_client())
        link.users += 1
        try:
            return await self._exchange(link, path, headers, body, trace)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            self._retire(link)
            raise Unreachable(_describe(error)) from error
        except (httpx.TransportError, H2Error, anyio.EndOfStream):
            self._retire(link)
            return None
        except BaseException:  # at the deadline httpx leaves the stream open, and the connection may be dead
            self._retire(link)
            raise
        finally:
            link.users -= 1
            self._close_if_unused(link)

    async def _exchange(self, link: _Link, path: str, headers: dict[str, str], body: bytes, trace: Trace) -> Reply:
        url, extensions = f"{self.address}{path}", {"trace": trace.note}
        read = bytearray()
        async with link.client.stream("POST", url, content=body, headers=headers, extensions=extensions) as response:
            trace.dialled = _find_server(response) or trace.dialled
            async for chunk in response.aiter_raw():
                read += chunk
                if len(read) > _READ:
                    self._retire(link)
                    break
        return Reply(response.status_code, dict(response.headers), bytes(read[:_READ]))

    def _make_client(self) -> httpx.AsyncClient:
        # The second connection is for the time in which the first one ends; until then all requests share the first.
        limits = httpx.Limits(max_connections=2, max_keepalive_connections=2, keepalive_expiry=None)
        transport = httpx.AsyncHTTPTransport(
            verify=self._context,
            http1=False,
            http2=True,
            limits=limits,
            trust_env=False,
            socket_options=_KEEP_ALIVE,
        )
        return httpx.AsyncClient(
            transport=transport,
            timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),
            headers={"user-agent": _USER_AGENT},
            trust_env=False,
        )

    def _retire(self, link: _Link) -> None:
        link.retired = True
        if self._link is link:
            self._link = None
        self._close_if_unused(link)

    def _close_if_unused(self, link: _Link) -> None:
        if link.retired and not link.users and not link.client.is_closed:
            task = self._loop.create_task(link.client.aclose())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


def _find_server(response: httpx.Response) -> str:
    """Return the server's address as text; empty if the connection is closed already."""
    try:
        found = response.extensions["network_stream"].get_extra_info("server_addr")
    except OSError:
        return ""
    if not found:
        return ""
    host, port = found[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _describe(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
