"""An HTTP adapter with one checked connection for each host, kept alive.

`requests` and urllib3 surround each request with pool keys, retries, redirects, cookies, decoding and proxies. None of
that is wanted here, and it costs more than the request itself on an interpreter that all sending threads share. So the
adapter keeps the connections of its thread, writes head and body at once, and reads the answer itself (`replies.py`).
TLS and the check of host names in certificates come from urllib3.

A connection is reused only if nothing can be left over from the last request, and it is checked again before the next
one: left-over bytes would be recorded as the answer to a request that they do not belong to.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, cast

import requests
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import ConnectTimeout, ReadTimeout, RequestException, SSLError
from requests.structures import CaseInsensitiveDict
from requests.utils import check_header_validity
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.exceptions import SSLError as NameInCertificateError

from hooks.transports import authorities, outbound
from hooks.transports.replies import Reply, has_bytes, is_quiet, read_reply, write_request
from hooks.transports.target import Target
from notifications_project.network import lookups

CONNECTIONS = 32  # for each thread; a new one closes the one unused for longest
_CONNECT_SECONDS = 5


_Key = tuple[str, str, int, str, str]  # scheme, host, port, owner, authorities


@dataclass(slots=True)
class Trace:
    """The progress of one attempt: its deadline, its socket, and what each phase took in milliseconds."""

    deadline: float
    owner: str = ""
    sock: socket.socket | None = None
    cut: bool = False
    dialled: str = ""
    timings: dict[str, int] = field(default_factory=dict)


class Prepared(requests.PreparedRequest):
    """A POST as bytes, built on what `parse_target` has parsed once for all requests to its URL.

    `owner` is the id of the sending organization: organizations never share a connection. `authorities` are PEM
    certificates that are trusted in addition to the public ones. Raises an error of `requests` for a bad header.
    """

    def __init__(
        self, to: Target, headers: dict[str, str], body: bytes, owner: str = "", authorities: str = ""
    ) -> None:
        self.key = (*to.connection, owner, authorities)
        self.owner, self.authorities = owner, authorities
        self.method, self.url, self.body = "POST", to.url, body
        self.headers = cast("CaseInsensitiveDict[str]", headers)
        self.to = to
        for header in headers.items():
            check_header_validity(header)
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        if to.authorization and "authorization" not in map(str.lower, headers):  # servers refuse two
            lines += to.authorization
        self.wire = b"%b%bContent-Length: %d\r\n\r\n%b" % (to.head, lines.encode("latin-1"), len(body), body)


class _Checked(HTTPConnection):
    """A connection that checks the address when it opens the socket."""

    trace: Trace
    dialled = ""

    def _new_conn(self) -> socket.socket:
        trace = self.trace
        begun = time.monotonic()
        try:
            left = min(_CONNECT_SECONDS, trace.deadline - begun)
            sock, self.dialled = outbound.connect(self._dns_host, self.port, left, trace.owner)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except lookups.TooSlow:
            raise
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "the connection was not answered") from error
        except (OSError, UnicodeError) as error:
            raise NewConnectionError(self, str(error)) from error
        trace.sock, trace.dialled = sock, self.dialled
        trace.timings["connect"] = measure_ms(begun)
        sock.settimeout(max(0.001, trace.deadline - time.monotonic()))  # limits TLS too
        return sock


class _CheckedTLS(_Checked, HTTPSConnection):
    def connect(self) -> None:
        trace = self.trace
        begun = time.monotonic()
        super().connect()
        trace.timings["tls"] = max(0, measure_ms(begun) - trace.timings.get("connect", 0))


class Adapter:
    """The checked connections of one thread. `trace` must be set before each `send`."""

    trace: Trace

    def __init__(self) -> None:
        self.connections: OrderedDict[_Key, _Checked] = OrderedDict()

    def close(self) -> None:
        while self.connections:
            self.connections.popitem()[1].close()

    def send(self, request: Prepared) -> Reply:
        """Send a request and return the reply with its body unread. The caller reads it, then calls `release`.

        Raises ForbiddenAddress, NoReply or an error of `requests`.
        """
        connection = self._get_connection(request)
        connection.trace = trace = self.trace
        try:
            if connection.sock is None:
                connection.connect()
            trace.sock = sock = connection.sock
            trace.dialled = connection.dialled
            left = trace.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the connection took all the time")
            sock.settimeout(left)
            in_turn = write_request(sock, request.wire)
            sock.settimeout(max(0.001, trace.deadline - time.monotonic()))
            reply = read_reply(sock)
        except Exception as error:
            connection.close()
            raise _translate(error, request) from error
        reply.doubtful = reply.doubtful or not in_turn
        return reply

    def release(self, request: Prepared, reply: Reply) -> None:
        """Keep the connection for the next request if no more bytes of this reply can come; close it otherwise."""
        connection = self.connections[request.key]
        if reply.left_over:
            _distrust(request.key)
        if not reply.leaves_nothing or _is_distrusted(request.key) or not is_quiet(connection.sock):
            _forget(connection, request.key)

    def _get_connection(self, request: Prepared) -> _Checked:
        key = request.key
        connection = self.connections.get(key)
        if connection is None:
            scheme, host, port = request.to.connection
            if len(self.connections) >= CONNECTIONS:
                self.connections.popitem(last=False)[1].close()
            if scheme == "https":
                connection = _CheckedTLS(
                    host,
                    port,
                    ssl_context=authorities.get_context(request.authorities),
                    cert_reqs="CERT_REQUIRED",
                )
            else:
                connection = _Checked(host, port)
            self.connections[key] = connection
        else:
            self.connections.move_to_end(key)
            if connection.sock is not None and (_is_distrusted(key) or not is_quiet(connection.sock)):
                _forget(connection, key)  # closed by the receiver, or it sent bytes without a request
        return connection


# Receivers that sent bytes without a request, and until when no connection to them is kept. Such bytes could come after
# the check of a kept connection, and would be taken for the answer to the next request.
_distrusted: OrderedDict[_Key, float] = OrderedDict()
_DISTRUST_SECONDS, _DISTRUSTED = 600, 1024


def _distrust(key: _Key) -> None:
    _distrusted[key] = time.monotonic() + _DISTRUST_SECONDS
    while len(_distrusted) > _DISTRUSTED:
        _distrusted.popitem(last=False)


def _is_distrusted(key: _Key) -> bool:
    return bool(_distrusted) and _distrusted.get(key, 0) > time.monotonic()


def _forget(connection: _Checked, key: _Key) -> None:
    """Close a connection, and distrust its receiver if that sent bytes without a request."""
    if connection.sock is not None and not is_quiet(connection.sock) and has_bytes(connection.sock):
        _distrust(key)
    connection.close()


def _translate(error: Exception, request: requests.PreparedRequest) -> Exception:
    """Return the error of `requests` for one of urllib3, ssl or socket; any other error unchanged."""
    kinds: tuple[tuple[Any, type[RequestException]], ...] = (
        (NewConnectionError, RequestsConnectionError),
        (ConnectTimeoutError, ConnectTimeout),
        (lookups.TooSlow, ConnectTimeout),
        (TimeoutError, ReadTimeout),
        ((ssl.SSLError, ssl.CertificateError, NameInCertificateError), SSLError),
        (OSError, RequestsConnectionError),
    )
    for below, above in kinds:
        if isinstance(error, below):
            return above(error, request=request)
    return error


def measure_ms(since: float) -> int:
    return int((time.monotonic() - since) * 1000)
