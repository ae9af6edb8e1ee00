"""Requests in other charsets than UTF-8 are refused at the server's edge with 415, never with 500."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core.handlers.asgi import ASGIHandler

from notifications_project.runtime import readiness
from notifications_project.runtime.charsets import Utf8Only, Utf8OnlyWsgi

FORM, PARTS = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"


def status(*content_types: str, path: str = "/accounts/login/", method: str = "POST", query: bytes = b"") -> int:
    return int(ask(*content_types, path=path, method=method, query=query)[0]["status"])


def ask(
    *content_types: str, path: str, method: str, query: bytes, more: Sequence[tuple[bytes, bytes]] = ()
) -> list[Mapping[str, Any]]:
    """Start and body of the answer, or what the application was given, as status 200."""

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        given = json.dumps([value.decode() for _, value in scope["headers"]])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": given.encode()})

    headers = [(b"content-type", value.encode()) for value in content_types] + list(more)
    scope = {"type": "http", "method": method, "path": path, "query_string": query, "headers": headers}
    sent: list[Mapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(Utf8Only(application)(scope, receive, send))
    return sent


@pytest.mark.parametrize(
    "content_type",
    [
        f"{FORM}; charset=latin-1",
        f"{FORM}; charset=utf-7",
        f"{FORM};charset = utf-16",
        f"{FORM}; charset=nonsense",
        f'{PARTS}; charset="base64"',
        f"{PARTS}; CHARSET=Shift_JIS",
        f"{FORM}; charset=",
        f"{FORM}; charset=utf-8; charset=base64",
        f"{FORM}; charset*=bogus''x",
        f"{FORM}; charset*0=base; charset*1=64",
        "text/plain; x*=bogus''x",
        "application/json; charset=utf-16",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_charset_is_415(content_type: str, method: str) -> None:
    assert status(content_type, method=method) == 415


@pytest.mark.parametrize(
    "content_type",
    [FORM, PARTS, f"{FORM}; charset=utf-8", f"{FORM}; charset=UTF-8", f'{FORM}; charset="utf-8"', "application/json"],
)
def test_utf_8_passes(content_type: str) -> None:
    assert status(content_type) == 200


def test_utf8_without_its_hyphen_passes_as_django_spells_it() -> None:
    sent = ask(f"{FORM}; charset=utf8", path="/", method="POST", query=b"")
    assert json.loads(sent[1]["body"]) == [f"{FORM}; charset=utf-8"]


def test_two_content_types_are_415() -> None:
    assert status(FORM, f"{FORM}; charset=base64") == 415
    assert status() == 200


def test_the_refusal_has_the_form_of_its_address() -> None:
    for path, begins in (("/api/v1/me/", '{"errors"'), ("/accounts/login/", "Requests must")):
        sent = ask(f"{FORM}; charset=latin-1", path=path, method="POST", query=b"")
        assert sent[1]["body"].decode().startswith(begins)


def test_a_browser_gets_a_page() -> None:
    accept = (b"accept", b"text/html,application/xhtml+xml")
    for path, begins in (("/accounts/login/", "<!DOCTYPE html>"), ("/api/v1/me/", '{"errors"')):
        sent = ask(f"{FORM}; charset=latin-1", path=path, method="POST", query=b"", more=[accept])
        assert sent[1]["body"].decode().startswith(begins)
        assert "Requests must be in UTF-8." in sent[1]["body"].decode()
        assert dict(sent[0]["headers"])[b"content-length"] == str(len(sent[1]["body"])).encode()


@pytest.mark.parametrize("path", ["/accounts/login/", "/api/v1/me/"])
@pytest.mark.parametrize(
    "content_type", [f"{FORM}; charset=latin-1", f'{PARTS}; charset="base64"', f"{FORM}; x*=bogus''x"]
)
def test_another_charset_is_415_under_wsgi_too(path: str, content_type: str) -> None:
    answered, body = ask_wsgi(content_type, path)
    assert answered.startswith("415 ")
    assert body.startswith('{"errors"' if path.startswith("/api/") else "Requests must")


def test_utf_8_passes_under_wsgi_as_django_spells_it() -> None:
    assert ask_wsgi(f"{FORM}; charset=UTF8", "/") == ("200 OK", f"{FORM}; charset=utf-8")
    assert ask_wsgi("", "/") == ("200 OK", "")


def test_the_wsgi_application_has_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "check_server", lambda: None)  # it looks at the database, which is no matter here
    assert isinstance(import_module("notifications_project.wsgi").application, Utf8OnlyWsgi)


def ask_wsgi(content_type: str, path: str) -> tuple[str, str]:
    said: list[str] = []

    def application(environ: dict[str, Any], start: Any) -> list[bytes]:
        start("200 OK", [])
        return [environ["CONTENT_TYPE"].encode()]

    environ = {"CONTENT_TYPE": content_type, "PATH_INFO": path, "REQUEST_METHOD": "POST"}
    body = b"".join(Utf8OnlyWsgi(application)(environ, lambda status, headers: said.append(status)))  # type: ignore[arg-type]
    return said[0], body.decode()


@pytest.mark.slow
def test_what_ends_django_s_handler_does_not_reach_it() -> None:
    async def run(application: Any) -> int:
        content_type = f"{FORM}; charset*=bogus''x".encode()
        scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
        scope["headers"] = [(b"host", b"localhost"), (b"content-type", content_type)]
        one = ApplicationCommunicator(application, scope)
        await one.send_input({"type": "http.request", "body": b"", "more_body": False})
        return int((await one.receive_output(10))["status"])

    assert asyncio.run(run(Utf8Only(ASGIHandler()))) == 415
    with pytest.raises(ValueError):
        asyncio.run(run(ASGIHandler()))
