"""Django under ASGI answers each request on one thread of a pool.

All of our middleware and views are synchronous. Django's own handler would change several times a request between its
event loop and a thread made for the request, with a new database connection object in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import IO, Any

from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.core.signals import request_started
from django.http import HttpResponseBadRequest
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from notifications_project.runtime.turns import Turn, Turns, identify_client, work_on

_AT_ONCE = 100  # requests, most of them waiting for a network; a thread is made only when all others are busy


class ThreadsHandler(ASGIHandler):
    """An ASGIHandler that runs the middleware and the view on one thread."""

    def __init__(self) -> None:
        BaseHandler.__init__(self)
        self.load_middleware(is_async=False)
        self.threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="request")
        self.turns = Turns()

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        if scope["type"] != "http":
            raise ValueError(f"only HTTP is served here, not {scope['type']}")
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        loop = asyncio.get_running_loop()
        turn = await self.turns.take(identify_client(scope))
        response = await loop.run_in_executor(self.threads, self._answer, scope, body, turn)
        await self.send_response(response, send)
        if response.streaming:
            await loop.run_in_executor(self.threads, response.close)

    def _answer(self, scope: dict[str, Any], body: IO[bytes], turn: Turn) -> HttpResponseBase:
        """Make the response; the event loop sends it, so that a client that reads slowly occupies no thread."""
        with body, work_on(turn):
            set_script_prefix(get_script_prefix(scope))
            response = self._respond(scope, body)
            if scope["method"] in {"GET", "HEAD"} and getattr(response, "connection_broke", False):
                # After a restart of the database the first try fails; to read once more does no harm.
                response = self._respond(scope, BytesIO())
            return response

    def _respond(self, scope: dict[str, Any], body: IO[bytes]) -> HttpResponseBase:
        request_started.send(sender=type(self), scope=scope)
        request, refusal = self.create_request(scope, body)
        response: HttpResponseBase = self.get_response(request) if request else refusal or HttpResponseBadRequest()
        if not response.streaming:
            response.close()  # must run on this thread, whose database connection it gives back
        return response
