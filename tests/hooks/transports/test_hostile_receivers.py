"""Hostile receivers over real sockets: each attempt ends with an answer in words, within the deadline."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.conf import LazySettings

from hooks.messages import Notification
from hooks.transports import http, outbound
from tests.hooks.conftest import free_port

Talk = Callable[[socket.socket], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def notification(url: str) -> Notification:
    return Notification(
        delivery=uuid4(),
        endpoint=uuid4(),
        webhook_id="dlv_1",
        tries=0,
        event_type="git.push",
        representation='{"event_type":"git.push"}',
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
        is_test=False,
        organization="Acme",
        organization_id="orga_1",
        resource=None,
        address=url,
        format="raw",
        options={},
        signing_keys=(),
        reasons=(),
    )


class Server:
    """A server that hands each connection to `talk`."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.connections = 0
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}/"

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            self.talk(connection)


@pytest.fixture
def serve(settings: LazySettings) -> Iterator[Callable[[Talk], Server]]:
    settings.DELIVERY_TIMEOUT = 1
    servers: list[Server] = []

    def start(talk: Talk) -> Server:
        servers.append(Server(talk))
        return servers[-1]

    yield start
    for server in servers:
        server.listener.close()


def until_closed(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def drip(first: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(first)
        for _ in range(100):  # one byte now and then; ends when the other side closes
            connection.sendall(b"x")
            connection.settimeout(0.1)
            with contextlib.suppress(TimeoutError):
                if not connection.recv(1):
                    return

    return talk


def test_a_receiver_that_never_answers_is_left_at_the_deadline(serve: Callable[[Talk], Server]) -> None:
    begun = time.monotonic()
    answer = http.post(notification(serve(until_closed).url))
    assert (answer.code, answer.status) == ("time-out", None)
    assert time.monotonic() - begun < 3


def test_headers_that_come_a_byte_at_a_time_do_not_outlast_the_deadline(serve: Callable[[Talk], Server]) -> None:
    begun = time.monotonic()
    answer = http.post(notification(serve(drip(b"HTTP/1.1 200 OK\r\nX-Slow: ")).url))
    assert answer.code == "time-out"
    assert time.monotonic() - begun < 3


def test_a_body_that_comes_a_byte_at_a_time_is_cut_and_the_status_stands(serve: Callable[[Talk], Server]) -> None:
    begun = time.monotonic()
    answer = http.post(notification(serve(drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")).url))
    assert answer.status == 200
    assert time.monotonic() - begun < 3


def test_of_ten_megabytes_only_a_little_is_read(serve: Callable[[Talk], Server]) -> None:
    sent = 0

    def flood(connection: socket.socket) -> None:
        nonlocal sent
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n")
        for _ in range(1000):
            sent += connection.send(b"x" * 10_000)

    answer = http.post(notification(serve(flood).url))
    assert answer.status == 200
    assert len(answer.response["body"]) == 4096
    assert sent < 10_000_000


@pytest.mark.parametrize("nonsense", [b"220 mail.example ESMTP\r\n", b"\x16\x03\x01\x00\x05", b"HTTP/1.1 abc\r\n\r\n"])
def test_an_answer_that_is_not_http_is_said_to_be_so(nonsense: bytes, serve: Callable[[Talk], Server]) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(nonsense)

    answer = http.post(notification(serve(talk).url))
    assert answer.status is None
    assert answer.code in {"protocol", "connection"}


def test_a_reset_is_an_answer(serve: Callable[[Talk], Server]) -> None:
    def reset(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    answer = http.post(notification(serve(reset).url))
    assert (answer.code, answer.text) == ("connection", "The connection was closed without an answer")


def test_a_closed_port_is_an_answer() -> None:
    answer = http.post(notification(f"http://127.0.0.1:{free_port()}/"))
    assert (answer.code, answer.text) == ("connection", "Connection refused")


def test_plain_http_where_tls_is_expected_is_an_answer(serve: Callable[[Talk], Server]) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(OK)

    answer = http.post(notification(serve(talk).url.replace("http:", "https:")))
    assert answer.code == "tls"


def test_a_redirect_is_not_followed_and_its_body_not_waited_for(serve: Callable[[Talk], Server]) -> None:
    elsewhere = serve(until_closed)

    def redirect(connection: socket.socket) -> None:
        connection.recv(65536)
        head = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {elsewhere.url}\r\nContent-Length: 0\r\n\r\n"
        connection.sendall(head.encode())

    answer = http.post(notification(serve(redirect).url))
    assert answer.status == 307
    assert elsewhere.connections == 0


def test_a_run_of_deliveries_keeps_one_connection_alive(serve: Callable[[Talk], Server]) -> None:
    def talk(connection: socket.socket) -> None:
        while connection.recv(65536):
            connection.sendall(OK)

    server = serve(talk)
    answers = list(http.send([notification(server.url) for _ in range(5)], lambda: True))
    assert [answer.status for answer in answers] == [200] * 5
    assert server.connections == 1
    assert {answer.dialled for answer in answers} == {server.url.removeprefix("http://").rstrip("/")}


def test_a_run_ends_at_the_first_answer_that_is_no_success(serve: Callable[[Talk], Server]) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")

    answers = list(http.send([notification(serve(talk).url) for _ in range(5)], lambda: True))
    assert [answer.status for answer in answers] == [500]


def test_a_proxy_from_the_environment_is_not_used(
    serve: Callable[[Talk], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(OK)

    proxy, server = serve(talk), serve(talk)
    monkeypatch.setenv("http_proxy", proxy.url)
    assert http.post(notification(server.url)).status == 200
    assert (proxy.connections, server.connections) == (0, 1)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120), ("0", 0), ("-1", None), ("soon", None), ("", None), ("Fri, 01 Jan 2100 00:00:00 GMT", 86400)],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str, seconds: float | None) -> None:
    read = http.parse_retry_after(header)
    assert read == seconds if seconds is None or seconds < 86400 else read is not None and read > seconds


def test_a_name_with_many_dead_addresses_does_not_outlast_the_deadline(
    monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    def nobody_answers(sock: socket.socket, address: object) -> None:
        time.sleep(sock.gettimeout() or 0)
        raise TimeoutError

    settings.DELIVERY_TIMEOUT = 1
    addresses = [(socket.AF_INET, ("127.0.0.1", port)) for port in range(1, 9)]
    monkeypatch.setattr(outbound, "resolve", lambda host, port: addresses)
    monkeypatch.setattr(socket.socket, "connect", nobody_answers)
    begun = time.monotonic()
    assert http.post(notification("http://many.example/")).code == "time-out"
    assert time.monotonic() - begun < 2


def test_nothing_is_sent_after_a_look_up_that_outlasts_the_deadline(
    serve: Callable[[Talk], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease may have ended by then, and another worker may be sending the delivery."""
    server = serve(until_closed)
    address = server.listener.getsockname()

    def slowly(host: str, port: int) -> list[outbound.SockAddr]:
        time.sleep(1.2)
        return [(socket.AF_INET, address)]

    monkeypatch.setattr(outbound, "resolve", slowly)
    assert http.post(notification("http://slow.example/")).code == "time-out"
    assert server.connections == 0
