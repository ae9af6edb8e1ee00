"""HTTP sends one POST for each attempt and checks the address where the socket is opened.

A session of `requests` has time-outs per read only, reads the bodies of redirects and trusts proxies from the
environment. So requests go straight through the adapter in `adapter.py`: no session, no proxies, no `.netrc`, a
deadline for the whole attempt (a watching thread cuts the socket) and a limit on what is read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Any, cast

from django.conf import settings
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import ConnectTimeout, ReadTimeout, RequestException, SSLError
from standardwebhooks.webhooks import Webhook
from urllib3.exceptions import HTTPError, NameResolutionError

from hooks import formats
from hooks.formats.base import get_authorities
from hooks.messages import Answer, Message, Notification, Verdict
from hooks.remarks import Remark, RemarkCode, advise, change_texts
from hooks.transports import deadlines, outbound
from hooks.transports.adapter import Adapter, Prepared, Trace, measure_ms
from hooks.transports.authorities import is_unknown
from hooks.transports.decoding import decode_body
from hooks.transports.replies import NoReply
from hooks.transports.target import parse_target
from notifications_project import graphemes
from notifications_project.masking import find_secrets, mask_options, mask_to_host, replace_secrets
from notifications_project.network.lookups import TooSlow
from notifications_project.network.problems import Problem

USER_AGENT = "NotificationsConsole/1 (+webhooks)"
_READ = 64 * 1024  # bytes of an answer that are read; after a longer one the connection is closed
_KEEP = 4 * 1024  # bytes of an unpacked answer that are stored
_PHRASES = {status.value: status.phrase for status in HTTPStatus}

_local = threading.local()
_webhook = lru_cache(maxsize=1024)(Webhook)  # one object for each signing key


def _get_adapter() -> Adapter:
    try:
        return cast(Adapter, _local.adapter)
    except AttributeError:
        _local.adapter = Adapter()
        return cast(Adapter, _local.adapter)


def send(notifications: Sequence[Notification], may_start: Callable[[], bool]) -> Generator[Answer, None, None]:
    """POST each notification to its URL, one after the other on this thread, and yield its answer.

    Stops after the first answer that is no success: the engine judges what it means for the lane first.
    """
    for notification in notifications:
        if not may_start():
            return
        answer = post(notification)
        yield answer
        if not answer.arrived:
            return


def post(notification: Notification) -> Answer:
    """Make one attempt and return its answer, also for every error. The recorded request and answer hold no secret."""
    started = time.monotonic()
    # `Format.understand` needs the whole URL. Before the answer is stored, the URL is masked to its host.
    request: dict[str, Any] = {"method": "POST", "url": notification.address}
    hidden = find_secrets(notification.address)
    try:
        known = formats.FORMATS[notification.format]
        hidden |= mask_options(known.select_secret_options(notification.options))
        message = known.write(notification)
        headers = make_headers(notification, message, signed=known.signed)
        request["headers"] = {name: replace_secrets(text, hidden) for name, text in headers.items()}
        body = message.body.decode()
        if body != notification.representation:
            request["body"] = replace_secrets(body, hidden)
        if message.unsent:
            request["url"] = mask_to_host(notification.address)
            return Answer(
                "unsent", message.unsent, started, measure_ms(started), request=request, meaning=Verdict.UNSENT
            )
        to = parse_target(message.url or notification.address)
        prepared = Prepared(
            to, headers, message.body, notification.organization_id, get_authorities(notification.options)
        )
    except (RequestException, ValueError, UnicodeError) as error:
        request["url"] = mask_to_host(notification.address)
        return Answer("invalid", _describe_invalid(error, hidden), started, measure_ms(started), request=request)
    answer = _attempt(_get_adapter(), prepared, request, started, hidden, known.understand)
    request["url"] = mask_to_host(notification.address)
    return answer


def ask(message: Message, hidden: Mapping[str, str], owner: str = "", authorities: str = "") -> Answer:
    """Make a request that is no delivery, over its own connection, with the checks and the deadline of a delivery.

    Returns an answer for every error too. `hidden` maps secrets to their masks, in addition to those of the URL, for an
    answer that repeats them. `owner` is the id of the organization that asks. `authorities` are PEM certificates that
    are trusted in addition to the public ones.
    """
    started = time.monotonic()
    hidden = {**find_secrets(message.url), **hidden}
    try:
        prepared = Prepared(parse_target(message.url), _make_headers(message), message.body, owner, authorities)
    except (RequestException, ValueError, UnicodeError) as error:
        return Answer("invalid", _describe_invalid(error, hidden), started, measure_ms(started))
    adapter = Adapter()
    try:
        return _attempt(adapter, prepared, {}, started, hidden, lambda answer: answer)
    finally:
        adapter.close()


def _attempt(
    adapter: Adapter,
    prepared: Prepared,
    request: dict[str, Any],
    started: float,
    hidden: Mapping[str, str],
    understand: Callable[[Answer], Answer],
) -> Answer:
    trace = Trace(started + settings.DELIVERY_TIMEOUT, prepared.owner)
    watcher = deadlines.get_watcher()
    watcher.watch(trace)
    try:
        answer = _exchange(adapter, prepared, request, trace, started)
        return understand(_mask_echoes(answer, hidden) if hidden else answer)
    except outbound.ForbiddenAddress as error:
        return Answer("refused", error.remark, started, measure_ms(started), request=request)
    except Exception as error:
        code, text = _describe_error(error, trace)
        text = change_texts(text, lambda said: replace_secrets(said, hidden))
        return Answer(
            code, text, started, measure_ms(started), request=request, timings=trace.timings, dialled=trace.dialled
        )
    finally:
        watcher.forget(trace)


def _exchange(adapter: Adapter, prepared: Prepared, request: dict[str, Any], trace: Trace, started: float) -> Answer:
    adapter.trace = trace
    reply = adapter.send(prepared)
    timings = trace.timings
    timings["wait"] = max(0, measure_ms(started) - timings.get("connect", 0) - timings.get("tls", 0))
    body = reply.read(_READ, trace.deadline)
    adapter.release(prepared, reply)
    status = reply.status
    text = _remove_nul(reply.reason or _PHRASES.get(status, ""))
    shown = decode_body(body, reply.codings, reply.get("content-type"), _KEEP)
    return Answer(
        str(status),
        graphemes.cut(text, 100),
        started,
        measure_ms(started),
        status=status,
        request=request,
        response={"status": status, "headers": _limit_headers(reply.headers), "body": shown},
        timings=timings,
        dialled=trace.dialled,
        retry_after=parse_retry_after(reply.get("retry-after")),
    )


def _mask_echoes(answer: Answer, hidden: Mapping[str, str]) -> Answer:
    """Mask the secrets in an answer: some services repeat the request in their errors."""
    response = answer.response
    headers = {
        replace_secrets(name, hidden): replace_secrets(text, hidden) for name, text in response["headers"].items()
    }
    body = replace_secrets(response["body"], hidden)
    text = change_texts(answer.text, lambda said: replace_secrets(said, hidden))
    return replace(answer, text=text, response={**response, "headers": headers, "body": body})


def make_headers(notification: Notification, message: Message, *, signed: bool) -> dict[str, str]:
    """Return all headers of a request except Host, Content-Length and a URL's Authorization, which the adapter adds."""
    headers = _make_headers(message)
    if signed and notification.signing_keys:
        headers |= sign(notification.webhook_id, message.body, notification.signing_keys)
    return headers


def _make_headers(message: Message) -> dict[str, str]:
    return {
        "Content-Type": message.content_type,
        "User-Agent": USER_AGENT,
        "Accept-Encoding": "identity",
        **message.headers,
    }


def sign(webhook_id: str, body: bytes, keys: Sequence[str]) -> dict[str, str]:
    """Return the three Standard Webhooks headers; during a rotation the body is signed with each key."""
    now, text = datetime.now(UTC), body.decode()
    signatures = [_webhook(key).sign(webhook_id, now, text) for key in keys]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def parse_retry_after(value: str) -> float | None:
    """Return the seconds that a Retry-After header asks for, as a number or a date; None if it is empty or invalid."""
    value = value.strip()
    if not value:
        return None
    if value.isdecimal():
        return float(value[:9])
    with suppress(ValueError, TypeError, OverflowError):
        when = parsedate_to_datetime(value)
        return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    return None


def _describe_error(error: Exception, trace: Trace) -> tuple[str, str]:
    """Return a code and words for a library's error. Tenants read them, so they must not reveal our network."""
    seconds = settings.DELIVERY_TIMEOUT
    if trace.cut or isinstance(error, ReadTimeout):
        return "time-out", Remark(RemarkCode.TIME_OUT, seconds=seconds)
    if isinstance(error, ConnectTimeout):
        slow_name = isinstance(error.args[0], TooSlow)
        return "time-out", Remark(RemarkCode.NAME_TOO_SLOW if slow_name else RemarkCode.NOT_CONNECTED)
    if isinstance(error, NoReply):
        return "protocol", error.remark
    if isinstance(error, SSLError) and is_unknown(error.args[0]):
        return "tls", Remark(RemarkCode.TLS_UNKNOWN, error=error.args[0].verify_message)
    if isinstance(error, SSLError):
        return "tls", Remark(RemarkCode.TLS_FAILED, error=_shorten_error(error))
    if isinstance(error, RequestsConnectionError):
        if isinstance(error.args[0], NameResolutionError):
            return "dns", Remark(RemarkCode.NAME_NOT_FOUND)
        if "refused" in str(error).lower():
            return "connection", Remark(RemarkCode.CONNECTION_REFUSED)
        if "reset" in str(error).lower() or "closed" in str(error).lower() or "aborted" in str(error).lower():
            return "connection", Remark(RemarkCode.CONNECTION_CLOSED)
        return "connection", Remark(RemarkCode.CONNECTION_FAILED)
    if isinstance(error, HTTPError | RequestException):
        return "protocol", Remark(RemarkCode.NOT_HTTP)
    return "error", f"{type(error).__name__}: {_shorten_error(error)}"


def _describe_invalid(error: Exception, hidden: Mapping[str, str]) -> str:
    """Return why a request could not be made, without secrets."""
    if isinstance(error, Problem):
        return change_texts(advise(error.text, **error.values), lambda said: replace_secrets(said, hidden))
    return replace_secrets(_shorten_error(error), hidden)


def _shorten_error(error: Exception) -> str:
    return " ".join(str(error).split())[:160]


def _limit_headers(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return at most 40 headers, each cut: otherwise a receiver could fill the database."""
    kept: dict[str, str] = {}
    for name, value in headers[:40]:
        name = _remove_nul(name[:100])
        kept[name] = _remove_nul(f"{kept[name]}, {value}" if name in kept else value)[:500]
    return kept


def _remove_nul(text: str) -> str:
    """Remove NUL, which PostgreSQL cannot store in a text."""
    return text.replace("\x00", "")
