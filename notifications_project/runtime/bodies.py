"""Bodies of requests are bounded before Django sees them, and chunked bodies, which have no length, are kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.http import HttpRequest, parse_cookie
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext

from notifications_project.api.errors import describe_error
from notifications_project.api.parsing import TOO_LONG

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

_LINGER = 10.0  # seconds for which a body that was refused is read
_LINGER_UNASKED = 1.0  # after `Expect: 100-continue`, as such clients rarely send a body that was refused
_MOST_DISCARDED = 64 * 1024 * 1024  # bytes


class BoundedBodies:
    """An ASGI middleware that bounds the bodies of requests.

    A body longer than DATA_UPLOAD_MAX_MEMORY_SIZE is answered with 413; if its length is announced, without reading
    it. The REST framework takes a chunked body for an empty one, as it has no length: so it is read here, within the
    bound, and passed on with its length.
    """

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", ()))
        limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if scope["type"] != "http":
            await self.application(scope, receive, send)
        elif b"content-length" in headers:
            if int(headers[b"content-length"]) > limit:
                await refuse(scope, receive, send, 413, TOO_LONG)
            else:
                await self.application(scope, receive, send)
        elif b"transfer-encoding" in headers:
            await self._read_whole(scope, receive, send, limit)
        else:
            await self.application(scope, receive, send)

    async def _read_whole(self, scope: dict[str, Any], receive: Receive, send: Send, limit: int) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > limit:
                await refuse(scope, receive, send, 413, TOO_LONG)
                return
        whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        kept = [(name, value) for name, value in scope["headers"] if name != b"transfer-encoding"]
        length = (b"content-length", str(len(body)).encode())
        await self.application({**scope, "headers": [*kept, length]}, replay, send)


async def refuse(scope: dict[str, Any], receive: Receive, send: Send, status: int, message: str) -> None:
    """Answer in the API's form below /api/, as text elsewhere; then read on for a while before the connection closes.

    Most clients read no answer before they have sent everything; if the connection closed at once, they would see a
    reset instead of the answer.
    """
    kind, body = _build_refusal(scope, status, message)
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"private, no-store"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    asked = b"expect" in dict(scope["headers"])
    with suppress(TimeoutError):
        await asyncio.wait_for(_discard(receive), _LINGER_UNASKED if asked else _LINGER)
    await send({"type": "http.response.body", "body": b""})


def _build_refusal(scope: dict[str, Any], status: int, message: str) -> tuple[bytes, bytes]:
    """Return the media type and the body: for programs in the API's form, a page for a browser, else the words."""
    if scope["path"].startswith("/api/"):
        return b"application/json", json.dumps({"errors": [describe_error(message)]}).encode()
    if "text/html" not in _get_header(scope, b"accept"):
        return b"text/plain; charset=utf-8", message.encode()
    with translation.override(_find_language(scope)):
        titles = {413: gettext("Too much was sent"), 415: gettext("This text encoding is not supported")}
        text = " ".join((gettext(message), gettext("Nothing was changed.")))
        page = render_to_string("400.html", {"title": titles.get(status), "text": text})
    return b"text/html; charset=utf-8", page.encode()


def _find_language(scope: dict[str, Any]) -> str:
    """Return the code of the language that the cookie or the browser asks for: no middleware has run yet."""
    request = HttpRequest()
    request.META["HTTP_ACCEPT_LANGUAGE"] = _get_header(scope, b"accept-language")
    request.COOKIES = parse_cookie(_get_header(scope, b"cookie"))
    return translation.get_language_from_request(request)


def _get_header(scope: dict[str, Any], wanted: bytes) -> str:
    return b",".join(value for name, value in scope["headers"] if name == wanted).decode("latin-1")


async def _discard(receive: Receive) -> None:
    left, more = _MOST_DISCARDED, True
    while more and left > 0:
        message = await receive()
        left -= len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)
