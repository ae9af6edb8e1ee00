"""The web server bounds what a client may send and how long it may take, and answers what it refuses."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from django.core.management import call_command

from notifications_project.runtime import http_protocol
from notifications_project.runtime import web as web_server
from notifications_project.runtime.bodies import BoundedBodies
from notifications_project.runtime.charsets import Utf8Only
from tests.environment import SETTINGS
from tests.hooks.conftest import free_port
from tests.project.processes import Command, until

MiB = 1024 * 1024


async def echo(scope: dict[str, Any], receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
    """Read the body, answer with its length, scheme and sender; `/slow` takes a moment, `/long` answers at length."""
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message["body"])
        more = message["more_body"]
    if scope["path"] == "/slow":
        await asyncio.sleep(0.5)
    body = (
        b"x" * (50 * MiB) if scope["path"] == "/long" else f"{length} {scope['scheme']} {scope['client'][0]}".encode()
    )
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def server() -> Iterator[uvicorn.Server]:
    """Run a real server on loopback; its port is in `config.port`."""
    options: dict[str, Any] = {"log_config": None, "timeout_graceful_shutdown": 1}
    config = uvicorn.Config(Utf8Only(BoundedBodies(echo)), port=free_port(), **web_server.OPTIONS, **options)
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    until(lambda: running.started, 10, "the start of the server")
    yield running
    running.should_exit = True
    thread.join(10)


def connect(server: uvicorn.Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.config.port), timeout=20)


def read(connection: socket.socket) -> bytes:
    """Return all bytes until the server closes the connection."""
    said = b""
    while more := connection.recv(65536):
        said += more
    return said


def ask(server: uvicorn.Server, path: str = "/", **headers: str) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", server.config.port, timeout=20)) as connection:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


# --- The head ------------------------------------------------------------------------------------------------
def send_endlessly(connection: socket.socket, piece: bytes, most: int = 40 * MiB) -> int:
    """Send until the server takes no more; return the number of bytes sent."""
    sent = 0
    with suppress(OSError):
        while sent < most:
            connection.sendall(piece)
            sent += len(piece)
    return sent


@pytest.mark.parametrize(
    ("name", "begins", "piece"),
    [
        ("a header without an end", b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"a" * 16384),
        ("a name of a header without an end", b"GET / HTTP/1.1\r\nHost: x\r\n", b"a" * 16384),
        ("headers without an end", b"GET / HTTP/1.1\r\nHost: x\r\n", b"a: b\r\n" * 4000),
        ("an address without an end", b"GET /", b"a" * 16384),
    ],
)
def test_a_head_without_an_end_is_answered_with_431(
    server: uvicorn.Server, name: str, begins: bytes, piece: bytes
) -> None:
    with connect(server) as connection:
        connection.sendall(begins)
        for _ in range(6):
            connection.sendall(piece)
        assert read(connection).startswith(b"HTTP/1.1 431 ")


def test_who_goes_on_sending_is_cut_off_and_everybody_else_is_answered(server: uvicorn.Server) -> None:
    with connect(server) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        assert send_endlessly(connection, b"a" * MiB) < 40 * MiB
        assert ask(server)[0] == 200


def test_a_head_just_below_the_bound_is_taken(server: uvicorn.Server) -> None:
    assert ask(server, X="a" * (60 * 1024))[0] == 200
    with connect(server) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 65536 + b"\r\n\r\n")
        assert read(connection).startswith(b"HTTP/1.1 431 ")


def test_each_request_of_a_connection_has_the_whole_bound(server: uvicorn.Server) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", server.config.port, timeout=20)) as connection:
        for _ in range(5):
            connection.request("POST", "/", b"b" * 200_000, {"X": "a" * 40_000})
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b"200000 http 127.0.0.1")


def test_what_is_no_http_is_told_so(server: uvicorn.Server) -> None:
    with connect(server) as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert read(connection).startswith(b"HTTP/1.1 400 ")


def test_rubbish_behind_a_request_does_not_spoil_its_answer(server: uvicorn.Server) -> None:
    with connect(server) as connection:
        connection.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n\x00\x01\x02")
        said = read(connection)
    assert said.count(b"HTTP/1.1") == 1
    assert said.startswith(b"HTTP/1.1 200 ")


def test_an_upgrade_that_nobody_knows_is_a_request_like_any_other(
    server: uvicorn.Server, caplog: pytest.LogCaptureFixture
) -> None:
    assert ask(server, Connection="Upgrade", Upgrade="websocket") == (200, b"0 http 127.0.0.1")
    assert caplog.records == []


def test_the_server_itself_believes_no_header_of_a_proxy(server: uvicorn.Server) -> None:
    forged = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
    assert ask(server, **forged) == (200, b"0 http 127.0.0.1")


# --- Time ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"", b""),
        (b"GET / HTTP/1.1\r\nHost:", b"HTTP/1.1 408 "),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf", b""),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", b""),
    ],
)
def test_who_sends_half_a_request_is_not_waited_for(
    server: uvicorn.Server, monkeypatch: pytest.MonkeyPatch, sent: bytes, told: bytes
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_WITHIN", 0.2)
    monkeypatch.setattr(http_protocol, "BODY_WITHIN", 0.2)
    said = b""
    with connect(server) as connection:
        connection.sendall(sent)
        with suppress(ConnectionResetError):
            said = read(connection)
    assert said.startswith(told)
    until(lambda: not server.server_state.connections, 10, "the end of the connection")


def test_a_byte_now_and_then_gains_no_time(server: uvicorn.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_WITHIN", 0.5)
    begun = time.monotonic()
    with connect(server) as connection, suppress(OSError):
        while time.monotonic() - begun < 15:
            connection.sendall(b"G")
            connection.settimeout(0.05)
            with suppress(TimeoutError):
                if not connection.recv(1000):
                    break
    assert time.monotonic() - begun < 15


def test_a_slow_answer_is_not_mistaken_for_a_slow_request(
    server: uvicorn.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_WITHIN", 0.1)
    monkeypatch.setattr(http_protocol, "BODY_WITHIN", 0.1)
    assert ask(server, "/slow")[0] == 200


def test_who_does_not_read_the_answer_is_not_waited_for(
    server: uvicorn.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "READ_WITHIN", 0.3)
    with connect(server) as connection:
        connection.sendall(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: server.server_state.total_requests or server.server_state.connections, 10, "the request")
        until(lambda: not server.server_state.connections, 10, "the end of the connection")


# --- Connections ---------------------------------------------------------------------------------------------
def test_idle_connections_make_room_for_new_ones(server: uvicorn.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "limit_connections", lambda: 5)
    idle = [connect(server) for _ in range(20)]
    assert ask(server)[0] == 200
    assert len(server.server_state.connections) <= 6
    for connection in idle:
        connection.close()


def test_when_all_are_busy_the_next_is_told_to_come_later(
    server: uvicorn.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "limit_connections", lambda: 3)
    busy = [connect(server) for _ in range(3)]
    for connection in busy:
        connection.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    until(lambda: len(server.server_state.tasks) == 3, 5, "the beginning of all three")
    with connect(server) as one_more:
        said = read(one_more)
    assert said.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after" in said
    assert all(read(connection).startswith(b"HTTP/1.1 200 ") for connection in busy)


# --- Bodies --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/page/", "/api/v1/me/"])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("mebibytes", [2, 20])
def test_too_long_a_body_is_told_so_although_the_client_sends_all_of_it_first(
    server: uvicorn.Server, path: str, chunked: bool, mebibytes: int
) -> None:
    body = iter([b"x" * MiB] * mebibytes) if chunked else b"x" * (mebibytes * MiB)
    with closing(http.client.HTTPConnection("127.0.0.1", server.config.port, timeout=20)) as connection:
        connection.request("POST", path, body, encode_chunked=chunked)
        answer = connection.getresponse()
        said = answer.read().decode()
    assert answer.status == 413
    assert answer.headers["Connection"] == "close"
    message = json.loads(said)["errors"][0]["message"] if path.startswith("/api/") else said
    assert message == "The body is longer than 1 MiB."


def test_who_asks_first_whether_to_send_is_told_not_to(server: uvicorn.Server) -> None:
    with connect(server) as connection:
        head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {9 * MiB}\r\nExpect: 100-continue\r\n\r\n"
        connection.sendall(head.encode())
        said = read(connection)
    assert said.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/page/"), ("PATCH", "/api/v1/me/"), ("OPTIONS", "/page/"), ("HEAD", "/page/")]
)
@pytest.mark.parametrize("length", [f"Content-Length: {2 * MiB}", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Content-Type: application/json; charset=utf-16", 415),
        ("Content-Type: application/x-www-form-urlencoded; charset=latin-1\r\nExpect: 100-continue", 415),
        ("Content-Type: application/json", 413),
        ("Expect: 100-continue", 413),
    ],
)
def test_a_refusal_reaches_a_client_that_sends_on_after_it(
    server: uvicorn.Server, method: str, path: str, length: str, header: str, status: int
) -> None:
    chunked = length.endswith("chunked")
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n" if chunked else b"x" * 65536
    with connect(server) as connection:
        connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\n{length}\r\n{header}\r\n\r\n".encode())
        if status == 415 or not chunked:  # refused by the head alone
            assert connection.recv(1, socket.MSG_PEEK) == b"H"
        for _ in range(32):
            connection.sendall(piece)
        connection.sendall(b"0\r\n\r\n" if chunked else b"")
        said = read(connection)
    refusal = said.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert refusal.startswith(f"HTTP/1.1 {status} ".encode())
    assert refusal.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("length", ["Content-Length: 9", "Transfer-Encoding: chunked"])
def test_who_asks_first_whether_to_send_another_charset_is_told_not_to(server: uvicorn.Server, length: str) -> None:
    with connect(server) as connection:
        head = f"POST / HTTP/1.1\r\nHost: x\r\n{length}\r\nContent-Type: text/plain; charset=utf-16\r\n"
        connection.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        said = read(connection)
    assert said.startswith(b"HTTP/1.1 415 ")


# --- The command ---------------------------------------------------------------------------------------------
@pytest.fixture
def web(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Start `manage.py web` with a database of its own: `web(**environment)` returns the port."""
    started: list[Command] = []
    database = {"DATABASE_URL": f"sqlite:///{tmp_path}/console.sqlite3"}
    assert Command("migrate", "--verbosity", "0", **SETTINGS | database).end() == (0, "")

    def start(**environment: str) -> int:
        port = free_port()
        started.append(Command("web", "--port", str(port), **SETTINGS | database | environment))

        def answers() -> bool:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                return True
            return False

        until(answers, 60, "the start of the web server")
        return port

    yield start
    for command in started:
        command.destroy()


def test_the_command_serves_within_these_bounds(web: Callable[..., int]) -> None:
    port = web()
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", "/api/v1/nothing/", headers={"X-Forwarded-Proto": "https"})
        answer = connection.getresponse()
        assert (answer.status, "Server" in answer.headers) == (404, False)
        answer.read()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000)
        assert read(connection).startswith(b"HTTP/1.1 431 ")
    for method, path, status in [
        ("POST", "/api/v1/me/", 401),
        ("OPTIONS", "/api/v1/me/", 401),
        ("POST", "/nothing/", 404),
        ("PUT", "/accounts/login/", 403),
        ("POST", "/accounts/login/", 403),
    ]:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 900000\r\n\r\n"
            connection.sendall(head.encode())
            for _ in range(9):
                connection.sendall(b"x" * 100_000)
            assert read(connection).startswith(f"HTTP/1.1 {status} ".encode()), (method, path)


def test_a_taken_port_and_no_port_are_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(SystemExit) as end:
            call_command("web", port=taken)
    assert end.value.code == f"Cannot listen on 127.0.0.1 port {taken}: Address already in use"
    for wrong in (0, 99_999):
        with pytest.raises(SystemExit) as end:
            call_command("web", port=wrong)
        assert end.value.code == f"Cannot listen on 127.0.0.1 port {wrong}: a port is a number from 1 to 65535"


def test_a_descriptor_that_does_not_listen_is_one_line() -> None:
    with socket.socket() as idle:
        for wrong in (idle.fileno(), 2**31, 9_999):
            with pytest.raises(SystemExit) as end:
                call_command("web", fd=wrong)
            assert end.value.code == f"Cannot start: --fd: {wrong} is not the number of a listening socket"
