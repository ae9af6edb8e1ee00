"""`requests`' adapter as it is used here: one checked connection a host, kept alive, and little in between.

What `requests` and urllib3 do around each request (pool keys, retries, redirects, cookies, decoding, proxies) is not
wanted here and costs more than the request itself, on an interpreter that all sending threads share. So the adapter
keeps the connections of its thread itself, writes head and body in one go, and answers with what was read of the
wire. From the libraries come TLS and the names in certificates (urllib3), the reading of HTTP (`http.client`).
"""

from __future__ import annotations

import socket
import ssl
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPException, HTTPResponse
from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import ConnectTimeout, ReadTimeout, RequestException, SSLError
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH, check_header_validity
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.exceptions import SSLError as NameInCertificateError
from urllib3.util.ssl_ import create_urllib3_context

from hooks.transports import outbound
from hooks.transports.target import Target

CONNECTIONS = 32  # of one thread, at the most; the one that has rested longest is closed for a new one
_CONNECT_SECONDS = 5


@dataclass(slots=True)
class Trace:
    """What happens to one attempt."""

    deadline: float
    sock: socket.socket | None = None
    cut: bool = False
    dialled: str = ""
    timings: dict[str, int] = field(default_factory=dict)


class Prepared(requests.PreparedRequest):
    """A POST, made without preparing it again: `target` has done so once for all requests to this address."""

    def __init__(self, to: Target, headers: dict[str, str], body: bytes) -> None:
        self.method, self.url, self.body = "POST", to.url, body
        self.headers = cast("CaseInsensitiveDict[str]", headers)
        self.to = to
        for header in headers.items():
            check_header_validity(header)
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        if to.authorization and "authorization" not in map(str.lower, headers):  # two of them are an error to servers
            lines += to.authorization
        self.wire = b"%b%bContent-Length: %d\r\n\r\n%b" % (to.head, lines.encode("latin-1"), len(body), body)


class Response(requests.Response):
    """No more than what is read here; `raw` is not urllib3's, but what that is made of."""

    raw: HTTPResponse

    def __init__(self, raw: HTTPResponse) -> None:
        self.raw, self.status_code, self.reason = raw, raw.status, raw.reason


class _Checked(HTTPConnection):
    """A connection whose address is judged when the socket is opened."""

    trace: Trace
    dialled = ""

    def _new_conn(self) -> socket.socket:
        trace = self.trace
        begun = time.monotonic()
        try:
            left = min(_CONNECT_SECONDS, trace.deadline - begun)
            sock, self.dialled = outbound.connect(self._dns_host, self.port, left)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "the connection was not answered") from error
        except (OSError, UnicodeError) as error:
            raise NewConnectionError(self, str(error)) from error
        trace.sock, trace.dialled = sock, self.dialled
        trace.timings["connect"] = ms(begun)
        sock.settimeout(max(0.001, trace.deadline - time.monotonic()))  # for TLS, which nothing else can cut
        return sock


class _CheckedTLS(_Checked, HTTPSConnection):
    def connect(self) -> None:
        trace = self.trace
        begun = time.monotonic()
        super().connect()
        trace.timings["tls"] = max(0, ms(begun) - trace.timings.get("connect", 0))


@cache
def _certificates() -> ssl.SSLContext:
    """Verifies against the authorities that `requests` trusts. One for all: reading them takes longer than TLS."""
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


class Adapter(HTTPAdapter):
    """`requests`' adapter over checked connections; one a thread. Sends `Prepared`, and what `trace` says."""

    trace: Trace

    def __init__(self) -> None:
        super().__init__(max_retries=0)
        self.connections: OrderedDict[tuple[str, str, int], _Checked] = OrderedDict()

    def close(self) -> None:
        while self.connections:
            self.connections.popitem()[1].close()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """The answer, its body still to be read: then `release` it. Raises Refused, or what `requests` does."""
        assert isinstance(request, Prepared)
        connection = self._connection(request.to)
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
            with suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before it closed
                sock.sendall(request.wire)
            raw = HTTPResponse(sock, method="POST")
            raw.begin()
        except Exception as error:
            connection.close()
            raise _translated(error, request) from error
        return Response(raw)

    def release(self, request: Prepared, response: Response, *, finished: bool) -> None:
        """Keep the connection for the next request, if this one has been read to its end and the receiver agrees."""
        response.raw.close()
        if not finished or response.raw.will_close:
            self.connections[request.to.connection].close()

    def _connection(self, to: Target) -> _Checked:
        connection = self.connections.get(to.connection)
        if connection is None:
            scheme, host, port = to.connection
            if len(self.connections) >= CONNECTIONS:
                self.connections.popitem(last=False)[1].close()
            if scheme == "https":
                connection = _CheckedTLS(host, port, ssl_context=_certificates(), cert_reqs="CERT_REQUIRED")
            else:
                connection = _Checked(host, port)
            self.connections[to.connection] = connection
        else:
            self.connections.move_to_end(to.connection)
            if connection.sock is not None and not connection.is_connected:
                connection.close()  # the receiver has closed it meanwhile, or says what nobody asked
        return connection


def _translated(error: Exception, request: requests.PreparedRequest) -> Exception:
    """An error of the libraries below as the one that `requests` has for it; any other as it is."""
    kinds: tuple[tuple[Any, type[RequestException]], ...] = (
        (NewConnectionError, RequestsConnectionError),
        (ConnectTimeoutError, ConnectTimeout),
        (TimeoutError, ReadTimeout),
        ((ssl.SSLError, ssl.CertificateError, NameInCertificateError), SSLError),
        (OSError, RequestsConnectionError),
        (HTTPException, RequestException),
    )
    for below, above in kinds:
        if isinstance(error, below):
            return above(error, request=request)
    return error


def ms(since: float) -> int:
    return int((time.monotonic() - since) * 1000)
