"""A HipChat server on loopback: both versions of its API, with one room, one token, and `auth_test`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

TOKEN = "b0a7c9d2e4f6081a3c5e7f90"
ROOM = "Ops & Dev/2"
OPTIONS = {"token": TOKEN, "room": ROOM}


@dataclass
class HipChatServer:
    """A server that keeps requests and messages. `says` overrides every answer by a status and a body."""

    server: HTTPServer
    requests: list[Request] = field(default_factory=list)
    posted: list[str] = field(default_factory=list)
    says: tuple[int, str] | None = None

    def __post_init__(self) -> None:
        self.server.expect_request(re.compile("")).respond_with_handler(self._answer)

    @property
    def url(self) -> str:
        return self.server.url_for("/")

    def _answer(self, request: Request) -> Response:
        request.get_data()
        self.requests.append(request)
        if self.says:
            return Response(self.says[1], self.says[0])
        if request.path == "/v1/rooms/message":
            return self._version_1(request)
        if found := re.fullmatch("/v2/room/(.+)/notification", unquote(request.path)):
            return self._version_2(request, found[1])
        return _error(404, "Nothing here")

    def _version_1(self, request: Request) -> Response:
        if request.form.get("auth_token") != TOKEN:
            return _error(401, f"Auth token {request.form.get('auth_token')} not found")
        if request.args.get("auth_test") == "true":
            return _json(202, {"success": {"code": 202, "type": "Accepted", "message": "This auth_token has access."}})
        if request.form.get("room_id") != ROOM:
            return _error(404, "Room not found")
        self.posted.append(request.form["message"])
        return _json(200, {"status": "sent"})

    def _version_2(self, request: Request, room: str) -> Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token != TOKEN:
            return _error(401, f"Invalid OAuth session {token}")
        if room != ROOM:
            return _error(404, f"Room '{room}' not found")
        if request.args.get("auth_test") == "true":
            return Response("", 202)
        assert isinstance(request.json, dict)
        self.posted.append(request.json["message"])
        return Response("", 204)


def _error(status: int, message: str) -> Response:
    return _json(status, {"error": {"code": status, "type": "Error", "message": message}})


def _json(status: int, body: dict[str, Any]) -> Response:
    return Response(json.dumps(body), status, content_type="application/json")
