"""Requests must be in UTF-8: another charset is answered with 415 before Django reads anything of the request.

Django decodes forms and addresses by the charset that a request names; some of Python's are no charsets at all
(`base64`), and a parameter in another charset (RFC 2231) ends in an exception before any middleware runs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_noop

from notifications_project.api.errors import describe_error
from notifications_project.runtime.bodies import Application, Receive, Send, refuse

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

NOT_UTF_8 = gettext_noop("Requests must be in UTF-8.")
_CHARSET = re.compile(rb'(;\s*charset)\s*=\s*(?:"([^"]*)"|([^\s;]*))', re.IGNORECASE)
_EXTENDED = re.compile(rb";\s*[\w.-]+\*[\d*]*\s*=")
_UTF_8 = {b"utf-8", b"utf8"}


class Utf8Only:
    """An ASGI middleware that refuses requests in other charsets than UTF-8."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            names = [name for name, _ in scope["headers"]]
            types = [value for name, value in scope["headers"] if name == b"content-type"]
            if any(not _is_utf_8(value) for value in types) or names.count(b"content-type") > 1:
                await refuse(scope, receive, send, 415, NOT_UTF_8)
                return
            headers = [(name, _spell(value) if name == b"content-type" else value) for name, value in scope["headers"]]
            scope = {**scope, "headers": headers}
        await self.application(scope, receive, send)


class Utf8OnlyWsgi:
    """Wraps a WSGI application. A server there hands on one content type, so that it cannot be given twice."""

    def __init__(self, application: WSGIApplication) -> None:
        self.application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        content_type = environ.get("CONTENT_TYPE", "").encode("latin-1", "replace")
        if not _is_utf_8(content_type):
            api = environ.get("PATH_INFO", "").startswith("/api/")
            body = json.dumps({"errors": [describe_error(NOT_UTF_8)]}) if api else NOT_UTF_8
            kind = "application/json" if api else "text/plain; charset=utf-8"
            headers = [
                ("Content-Type", kind),
                ("Content-Length", str(len(body))),
                ("Cache-Control", "private, no-store"),
            ]
            start_response("415 Unsupported Media Type", headers)
            return [body.encode()]
        if content_type:
            environ["CONTENT_TYPE"] = _spell(content_type).decode("latin-1")
        return self.application(environ, start_response)


def _is_utf_8(content_type: bytes) -> bool:
    named = [(quoted or plain).strip().lower() for _, quoted, plain in _CHARSET.findall(content_type)]
    return set(named) <= _UTF_8 and not _EXTENDED.search(content_type)


def _spell(content_type: bytes) -> bytes:
    """Return a content type with UTF-8 spelt as Django compares it."""
    return _CHARSET.sub(rb"\1=utf-8", content_type)
