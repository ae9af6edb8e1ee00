"""Bodies of requests are bounded at the server's edge, and chunked bodies are not lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from notifications_project.runtime.bodies import BoundedBodies

LIMIT = 1024 * 1024


def answer(chunks: list[bytes], path: str = "/api/v1/me/", **headers: str) -> tuple[int, bytes, int]:
    """Return status and body of the answer, and the number of chunks read before it.

    The application returns the body that it was sent.
    """

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        length = dict(scope["headers"]).get(b"content-length", b"none")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": length + b":" + body})

    waiting, sent, read = list(chunks), [], []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    async def send(message: Mapping[str, Any]) -> None:
        read.append(len(chunks) - len(waiting))
        sent.append(dict(message))

    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    asyncio.run(BoundedBodies(application)({"type": "http", "path": path, "headers": given}, receive, send))
    return sent[0]["status"], sent[1]["body"], read[1]


def test_a_chunked_body_arrives_whole_and_with_its_length() -> None:
    assert answer([b"ab", b"c", b""], transfer_encoding="chunked") == (200, b"3:abc", 3)


def test_a_body_with_a_length_passes_untouched() -> None:
    assert answer([b"abc"], content_length="3") == (200, b"3:abc", 1)


def test_a_request_without_a_body_passes_untouched() -> None:
    assert answer([b""]) == (200, b"none:", 1)


def test_a_body_announced_as_too_long_is_refused_before_any_of_it_is_read() -> None:
    status, body, read = answer([b"x"], content_length=str(LIMIT + 1))
    assert (status, read) == (413, 0)
    assert json.loads(body) == {"errors": [{"field": None, "message": "The body is longer than 1 MiB."}]}


def test_a_chunked_body_is_refused_when_it_passes_the_bound() -> None:
    chunk = b"x" * (LIMIT // 4)
    status, _, read = answer([chunk] * 100, transfer_encoding="chunked")
    assert (status, read) == (413, 5)


@pytest.mark.parametrize(("path", "form"), [("/api/v1/me/", "{"), ("/accounts/login/", "T")])
def test_the_refusal_has_the_form_of_its_address(path: str, form: str) -> None:
    _, body, _ = answer([b"x"], path, content_length=str(LIMIT + 1))
    assert body.decode().startswith(form)
