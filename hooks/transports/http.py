"""HTTP: one POST an attempt, through `requests`, with the address checked where the socket is opened.

`requests` alone has time-outs per read, follows redirects into reading their bodies and trusts proxies from the
environment. So prepared requests go straight through an adapter of our own: no session, no proxies, no
`.netrc`, a deadline for the whole attempt (a watching thread cuts the socket) and a cap on what is read.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, cast

import requests
import urllib3
from django.conf import settings
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import ConnectTimeout, ReadTimeout, RequestException, SSLError
from standardwebhooks.webhooks import Webhook
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from hooks import formats
from hooks.messages import Answer, Message, Notification
from hooks.transports import deadlines, outbound

USER_AGENT = "NotificationsConsole/1 (+webhooks)"
_READ = 64 * 1024  # bytes of an answer that are read at the most; a longer one loses its connection
_KEEP = 4 * 1024  # bytes of an answer that are kept


@dataclass(slots=True)
class _Trace:
    """What happens to the attempt that this thread is making."""

    deadline: float
    sock: socket.socket | None = None
    cut: bool = False
    dialled: str = ""
    timings: dict[str, int] = field(default_factory=dict)


_local = threading.local()


class _Checked(HTTPConnection):
    """A connection whose address is judged when the socket is opened."""

    dialled = ""

    def _new_conn(self) -> socket.socket:
        trace: _Trace = _local.trace
        begun = time.monotonic()
        try:
            left = min(cast(float, self.timeout), trace.deadline - begun)
            sock, self.dialled = outbound.connect(self._dns_host, self.port, left)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "the connection was not answered") from error
        except (OSError, UnicodeError) as error:
            raise NewConnectionError(self, str(error)) from error
        trace.sock, trace.dialled = sock, self.dialled
        trace.timings["connect"] = _ms(begun)
        return sock

    def request(self, *args: Any, **kwargs: Any) -> None:
        trace: _Trace = _local.trace
        if self.sock is not None:  # kept alive from an attempt before
            trace.sock, trace.dialled = self.sock, self.dialled
        super().request(*args, **kwargs)


class _CheckedTLS(_Checked, HTTPSConnection):
    def connect(self) -> None:
        trace: _Trace = _local.trace
        begun = time.monotonic()
        super().connect()
        trace.sock = self.sock
        trace.timings["tls"] = max(0, _ms(begun) - trace.timings.get("connect", 0))


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Checked


class _PoolTLS(HTTPSConnectionPool):
    ConnectionCls = _CheckedTLS


class Adapter(HTTPAdapter):
    """`requests`' adapter over checked connections; one a thread."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _PoolTLS}


def _adapter() -> Adapter:
    if not hasattr(_local, "adapter"):
        _local.adapter = Adapter(pool_connections=16, pool_maxsize=1, max_retries=0)
    return cast(Adapter, _local.adapter)


def send(notifications: Sequence[Notification], may_start: Callable[[], bool]) -> Generator[Answer, None, None]:
    """POST each notification to its URL, one after the other on this thread; yields an answer each.

    The run ends at the first answer that is no success: what it means for the lane is judged before the next.
    """
    for notification in notifications:
        if not may_start():
            return
        answer = post(notification)
        yield answer
        if answer.status is None or not 200 <= answer.status < 300:
            return


def post(notification: Notification) -> Answer:
    """One attempt. Never raises: whatever goes wrong is an answer."""
    started = time.monotonic()
    trace = _Trace(deadline=started + settings.DELIVERY_TIMEOUT)
    _local.trace = trace
    request: dict[str, Any] = {"method": "POST", "url": notification.address}
    try:
        message = formats.FORMATS[notification.format].write(notification)
        headers = _headers(notification, message)
        request["headers"] = headers
        body = message.body.decode()
        if body != notification.representation:
            request["body"] = body
        prepared = requests.Request("POST", notification.address, data=message.body, headers=headers).prepare()
    except (RequestException, ValueError, UnicodeError) as error:
        return Answer("invalid", _words(error), started, _ms(started), request=request)
    deadlines.watcher().watch(trace)
    try:
        return _exchange(prepared, request, trace, started)
    except outbound.Refused as error:
        return Answer("refused", str(error), started, _ms(started), request=request)
    except Exception as error:
        code, text = _problem(error, trace)
        return Answer(code, text, started, _ms(started), request=request, timings=trace.timings, dialled=trace.dialled)
    finally:
        deadlines.watcher().forget(trace)


def _exchange(prepared: requests.PreparedRequest, request: dict[str, Any], trace: _Trace, started: float) -> Answer:
    timeout = settings.DELIVERY_TIMEOUT
    response = _adapter().send(prepared, stream=True, timeout=(min(5, timeout), timeout), verify=True)
    if trace.cut:  # headers that end where the socket was cut look complete to the library
        response.close()
        raise ReadTimeout
    spent = trace.timings.get("connect", 0) + trace.timings.get("tls", 0)
    trace.timings["wait"] = max(0, _ms(started) - spent)
    status = response.status_code
    text = _printable(response.reason or (HTTPStatus(status).phrase if status in set(HTTPStatus) else ""))
    body = _read(response, trace)
    return Answer(
        str(status),
        text[:100],
        started,
        _ms(started),
        status=status,
        request=request,
        response={"status": status, "headers": _few(response.headers), "body": body},
        timings=trace.timings,
        dialled=trace.dialled,
        retry_after=retry_after(response.headers.get("retry-after", "")),
    )


def _read(response: requests.Response, trace: _Trace) -> str:
    """The beginning of the body as text. A body that cannot be read to its end changes nothing: the status stands."""
    raw = cast(urllib3.HTTPResponse, response.raw)
    read = bytearray()
    finished = False
    with suppress(Exception):
        while len(read) < _READ and time.monotonic() < trace.deadline:
            chunk = raw.read1(8192, decode_content=False)
            if not chunk:
                finished = True
                break
            read += chunk
    if finished:
        raw.release_conn()  # kept alive for the next attempt of this thread
    else:
        raw.close()
    return bytes(read[:_KEEP]).decode("utf-8", "replace").replace("\x00", "�")


def _headers(notification: Notification, message: Message) -> dict[str, str]:
    headers = {
        "Content-Type": message.content_type,
        "User-Agent": USER_AGENT,
        "Accept-Encoding": "identity",
        **message.headers,
    }
    if notification.signing_keys:
        headers |= signature(notification.webhook_id, message.body, notification.signing_keys)
    return headers


def signature(webhook_id: str, body: bytes, keys: Sequence[str]) -> dict[str, str]:
    """The three Standard Webhooks headers; during a rotation the body is signed with each key."""
    now = datetime.now(UTC)
    signatures = [Webhook(key).sign(webhook_id, now, body.decode()) for key in keys]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def retry_after(value: str) -> float | None:
    """Seconds from a Retry-After header, given as seconds or as a date; None if there is none to obey."""
    value = value.strip()
    if value.isdecimal():
        return float(value[:9])
    with suppress(ValueError, TypeError, OverflowError):
        when = parsedate_to_datetime(value)
        return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    return None


def _problem(error: Exception, trace: _Trace) -> tuple[str, str]:
    """An error of the libraries as a code and words. What a tenant reads must not map the network behind."""
    seconds = settings.DELIVERY_TIMEOUT
    if trace.cut or isinstance(error, ReadTimeout):
        return "time-out", f"No answer within {seconds} s"
    if isinstance(error, ConnectTimeout):
        return "time-out", "The connection was not answered"
    if isinstance(error, SSLError):
        return "tls", f"TLS failed: {_words(error)}"
    if isinstance(error, RequestsConnectionError):
        inner = getattr(error.args[0] if error.args else None, "reason", None)
        if isinstance(inner, NameResolutionError):
            return "dns", "The host name was not found"
        if "refused" in str(error).lower():
            return "connection", "Connection refused"
        if "reset" in str(error).lower() or "closed" in str(error).lower() or "aborted" in str(error).lower():
            return "connection", "The connection was closed without an answer"
        return "connection", "The connection failed"
    if isinstance(error, urllib3.exceptions.HTTPError | RequestException):
        return "protocol", "The answer was not valid HTTP"
    return "error", f"{type(error).__name__}: {_words(error)}"


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:160]


def _few(headers: Any) -> dict[str, str]:
    """At most 40 headers of an answer, each cut, so that a receiver cannot fill the database."""
    return {_printable(str(name)[:100]): _printable(str(value)[:500]) for name, value in list(headers.items())[:40]}


def _printable(text: str) -> str:
    """Without NUL, which no database can hold in a text."""
    return text.replace("\x00", "")


def _ms(since: float) -> int:
    return int((time.monotonic() - since) * 1000)
