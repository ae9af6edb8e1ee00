"""Bodies of requests, before Django sees them: none beyond the bound is read, none without a length is lost."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.conf import settings

from notifications_project.api_errors import error
from notifications_project.api_json import TOO_LONG

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


class BoundedBodies:
    """Wraps an ASGI application.

    A body longer than DATA_UPLOAD_MAX_MEMORY_SIZE is answered with 413; by its announced length if there is one,
    without reading it. A chunked body has no length, and the REST framework takes it for an empty one: so it is
    read here, within the bound, and handed on with its length.
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
                await _refuse(scope, send)
            else:
                await self.application(scope, receive, send)
        elif b"transfer-encoding" in headers:
            await self._chunked(scope, receive, send, limit)
        else:
            await self.application(scope, receive, send)

    async def _chunked(self, scope: dict[str, Any], receive: Receive, send: Send, limit: int) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > limit:
                await _refuse(scope, send)
                return
        whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        kept = [(name, value) for name, value in scope["headers"] if name != b"transfer-encoding"]
        length = (b"content-length", str(len(body)).encode())
        await self.application({**scope, "headers": [*kept, length]}, replay, send)


async def _refuse(scope: dict[str, Any], send: Send) -> None:
    """413, in the API's form below it. The connection is closed: the rest of the body stands in it."""
    api = scope["path"].startswith("/api/")
    body = json.dumps({"errors": [error(TOO_LONG)]}) if api else TOO_LONG
    headers = [
        (b"content-type", b"application/json" if api else b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})
