"""The web server's handler answers a request on one thread, and reuses threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path

from notifications_project.runtime.bodies import BoundedBodies
from notifications_project.runtime.threads import ThreadsHandler

ran_on: list[int] = []


def note(*args: object, **kwargs: object) -> None:
    ran_on.append(threading.get_ident())


def echo(request: HttpRequest) -> HttpResponse:
    note()
    return HttpResponse(request.body)


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter([b"one", b"two"]))


def fail(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a defect")


urlpatterns = [path("echo/", echo), path("stream/", stream), path("fail/", fail)]


async def ask(application: BoundedBodies, address: str, body: bytes = b"") -> tuple[int, bytes]:
    scope = {
        "type": "http", "method": "POST", "path": address, "query_string": b"", "root_path": "",
        "headers": [(b"host", b"localhost"), (b"content-length", str(len(body)).encode())],
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await application(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


@pytest.fixture
def serve() -> Callable[..., list[tuple[int, bytes]]]:
    def several(*requests: tuple[str, bytes]) -> list[tuple[int, bytes]]:
        async def all_of_them() -> list[tuple[int, bytes]]:
            return [await ask(application, *request) for request in requests]

        with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=["django.middleware.common.CommonMiddleware"]):
            application = BoundedBodies(ThreadsHandler())
            return asyncio.run(all_of_them())

    return several


def test_a_request_is_served_on_one_thread_which_serves_the_next(
    serve: Callable[..., list[tuple[int, bytes]]],
) -> None:
    ran_on.clear()
    request_started.connect(note)
    request_finished.connect(note)
    try:
        assert serve(("/echo/", b"first"), ("/echo/", b"second")) == [(200, b"first"), (200, b"second")]
    finally:
        request_started.disconnect(note)
        request_finished.disconnect(note)
    assert len(ran_on) == 6
    assert len(set(ran_on)) == 1
    assert ran_on[0] != threading.get_ident(), "the event loop stays free"


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous iterators")
def test_a_stream_is_sent_whole(serve: Callable[..., list[tuple[int, bytes]]]) -> None:
    assert serve(("/stream/", b"")) == [(200, b"onetwo")]


def test_a_defect_is_a_500_and_the_next_request_is_served(serve: Callable[..., list[tuple[int, bytes]]]) -> None:
    answers = serve(("/fail/", b""), ("/nowhere/", b""), ("/echo/", b"on"))
    assert [status for status, _ in answers] == [500, 404, 200]
