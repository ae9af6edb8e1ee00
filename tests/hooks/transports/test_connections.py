"""The adapter's connections: their reuse, TLS, and the bytes on the wire."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hooks import formats
from hooks.messages import Message, Notification
from hooks.transports import adapter, authorities, http, outbound
from hooks.transports.target import parse_target
from tests.hooks.transports import test_hostile_receivers as receivers
from tests.hooks.transports.test_hostile_receivers import OK, Server, Talk, notification, until_closed

serve = receivers.serve
Serve = Callable[[Talk], Server]


@pytest.fixture(autouse=True)
def no_connections_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_local", threading.local())


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolve every name to this machine."""
    monkeypatch.setattr(outbound, "resolve", lambda host, port: [(socket.AF_INET, ("127.0.0.1", port))])


def answers(connection: socket.socket) -> None:
    while connection.recv(65536):
        connection.sendall(OK)


def port(server: Server) -> int:
    number: int = server.listener.getsockname()[1]
    return number


# --- Which are kept ------------------------------------------------------------------------------------------
def test_a_thread_keeps_no_more_than_so_many_connections(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    def noting(name: str) -> Talk:
        def talk(connection: socket.socket) -> None:
            answers(connection)
            closed.append(name)
            done.set()

        return talk

    monkeypatch.setattr(adapter, "CONNECTIONS", 2)
    done = threading.Event()
    first, second, third = (serve(noting(name)) for name in ("first", "second", "third"))
    for server in (first, second, first, third):
        assert http.post(notification(server.url)).status == 200
    assert done.wait(5)
    assert closed == ["second"], "the one that has rested longest"
    assert http.post(notification(first.url)).status == 200
    assert (first.connections, second.connections, third.connections) == (1, 1, 1)


def test_connections_end_with_their_thread(serve: Serve) -> None:
    ended = threading.Event()

    def talk(connection: socket.socket) -> None:
        answers(connection)
        ended.set()

    thread = threading.Thread(target=http.post, args=(notification(serve(talk).url),))
    thread.start()
    thread.join()
    assert ended.wait(5)


def test_two_names_of_one_address_have_connections_of_their_own(names: None, serve: Serve) -> None:
    heard: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        while request := connection.recv(65536):
            heard.append(request.split(b"\r\n")[1])
            connection.sendall(OK)

    server = serve(talk)
    for name in ("one.example", "two.example", "one.example"):
        assert http.post(notification(f"http://{name}:{port(server)}/")).status == 200
    assert server.connections == 2
    assert heard == [f"Host: {name}.example:{port(server)}".encode() for name in ("one", "two", "one")]


def test_two_addresses_of_one_receiver_share_a_connection(serve: Serve) -> None:
    server = serve(answers)
    for path in ("a", "b?c=d"):
        assert http.post(notification(server.url + path)).status == 200
    assert server.connections == 1


def test_a_connection_that_was_closed_while_it_rested_is_opened_anew(serve: Serve) -> None:
    closed = threading.Event()

    def once(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(OK)
        connection.shutdown(socket.SHUT_RDWR)
        closed.set()

    server = serve(once)
    for _ in range(2):
        assert http.post(notification(server.url)).status == 200
        assert closed.wait(5)
        closed.clear()
    assert server.connections == 2


def test_a_connection_that_is_closed_under_a_request_is_an_answer_and_the_next_gets_a_new_one(serve: Serve) -> None:
    def once(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(OK)
        connection.recv(65536)

    server = serve(once)
    told = [http.post(notification(server.url)) for _ in range(3)]
    assert [answer.code for answer in told] == ["200", "connection", "200"]
    assert told[1].text == "The connection was closed without an answer"
    assert server.connections == 2


@pytest.mark.parametrize(
    ("answer", "body", "connections"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", "", 1),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n1\r\n!\r\n0\r\n\r\n", "ok!", 1),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", "ok", 2),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", 2),
    ],
)
def test_a_connection_is_kept_if_the_receiver_agrees(answer: bytes, body: str, connections: int, serve: Serve) -> None:
    def talk(connection: socket.socket) -> None:
        while connection.recv(65536):
            connection.sendall(answer)

    server = serve(talk)
    told = [http.post(notification(server.url)) for _ in range(2)]
    assert [each.response["body"] for each in told] == [body] * 2
    assert server.connections == connections


def test_an_answer_without_a_request_is_not_taken_for_the_next(serve: Serve) -> None:
    read, sent = threading.Event(), threading.Event()

    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(OK)
        assert read.wait(5)
        connection.sendall(OK.replace(b"200", b"410"))
        sent.set()
        until_closed(connection)

    server = serve(talk)
    assert http.post(notification(server.url)).status == 200
    read.set()
    assert sent.wait(5)
    assert http.post(notification(server.url)).status == 200
    assert server.connections == 2


@pytest.mark.parametrize(
    "answer", [b"220 mail.example ESMTP\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000]
)
def test_a_connection_is_not_kept_after_an_answer_that_is_none_or_too_long(answer: bytes, serve: Serve) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)
        answers(connection)

    server = serve(talk)
    for _ in range(2):
        http.post(notification(server.url))
    assert server.connections == 2


# --- TLS -----------------------------------------------------------------------------------------------------
@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return a self-signed certificate for right.example, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "right.example")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("right.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def over_tls(certificate: Path, serve: Serve) -> Server:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            answers(secured)

    return serve(talk)


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(authorities, "DEFAULT_CA_BUNDLE_PATH", str(certificate))
    authorities._make_context.cache_clear()
    yield
    authorities._make_context.cache_clear()


def test_a_certificate_that_nobody_vouches_for_is_refused(names: None, over_tls: Server) -> None:
    answer = http.post(notification(f"https://right.example:{port(over_tls)}/"))
    assert answer.code == "tls"
    assert "certificate verify failed" in answer.text


def test_a_certificate_for_another_name_is_refused(names: None, trusted: None, over_tls: Server) -> None:
    answer = http.post(notification(f"https://wrong.example:{port(over_tls)}/"))
    assert answer.code == "tls"
    assert "wrong.example" in answer.text


def test_over_tls_too_a_connection_is_kept_alive(names: None, trusted: None, over_tls: Server) -> None:
    told = [http.post(notification(f"https://right.example:{port(over_tls)}/")) for _ in range(3)]
    assert [(answer.status, answer.response["body"]) for answer in told] == [(200, "ok")] * 3
    assert over_tls.connections == 1
    assert told[0].dialled == told[2].dialled == f"127.0.0.1:{port(over_tls)}"


@pytest.mark.parametrize("records", [(OK, OK.replace(b"200", b"410")), (OK + OK.replace(b"200", b"410"),)])
def test_over_tls_too_a_connection_is_closed_if_more_came_than_the_answer(
    records: tuple[bytes, ...], names: None, trusted: None, certificate: Path, serve: Serve
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            while secured.recv(65536):
                for record in records:
                    secured.sendall(record)

    server = serve(talk)
    told = [http.post(notification(f"https://right.example:{port(server)}/")) for _ in range(3)]
    assert [answer.status for answer in told] == [200] * 3
    assert server.connections == 3


def test_a_receiver_that_never_begins_tls_is_left_at_the_deadline(serve: Serve) -> None:
    begun = time.monotonic()
    answer = http.post(notification(serve(until_closed).url.replace("http:", "https:")))
    assert answer.code == "time-out"
    assert time.monotonic() - begun < 3


# --- What is on the wire -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("address", "path", "host"),
    [
        ("https://Example.COM", "/", "example.com"),
        ("https://example.com:443/a?b=c#d", "/a?b=c", "example.com"),
        ("http://example.com:443/", "/", "example.com:443"),
        ("http://example.com./a%20b", "/a%20b", "example.com"),
        ("https://münchen.example/ü", "/%C3%BC", "xn--mnchen-3ya.example"),
        ("http://[::1]:8080/", "/", "[::1]:8080"),
    ],
)
def test_an_address_is_told_as_http_wants_it(address: str, path: str, host: str) -> None:
    assert parse_target(address).head == f"POST {path} HTTP/1.1\r\nHost: {host}\r\n".encode()


@pytest.mark.parametrize(
    "address",
    ["", "example.com", "http://", "http://*.example/", "ftp://example.com/", "mailto:a@b.example", "http://a:99999/",
     "http://[::1", "http://a:b/", "https://" + "ü" * 64 + ".example/", "http+unix://a/",
     "http://example.com/a\r\nX-Evil: 1", "http://example.com/a b"],
)  # fmt: skip
def test_what_is_no_web_address_is_an_answer(address: str) -> None:
    answer = http.post(notification(address))
    assert (answer.code, answer.status) == ("invalid", None)
    assert answer.text


def test_a_name_and_password_in_the_address_are_told_to_the_receiver_and_not_recorded(serve: Serve) -> None:
    heard: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        heard.append(connection.recv(65536))
        connection.sendall(OK)

    answer = http.post(notification(serve(talk).url.replace("//", "//ann:secret@")))
    assert b"\r\nAuthorization: Basic YW5uOnNlY3JldA==\r\n" in heard[0]
    assert "Authorization" not in answer.request["headers"]


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "€"])
def test_a_header_that_would_break_the_request_is_an_answer(
    value: str, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(formats.Format):
        name = label = help = "broken"

        def write(self, notification: Notification) -> Message:
            return Message(body=b"{}", content_type="application/json", headers={"X-Subject": value})

    monkeypatch.setitem(formats.FORMATS, "broken", Broken())
    server = serve(answers)
    answer = http.post(replace(notification(server.url), format="broken"))
    assert (answer.code, server.connections) == ("invalid", 0)


def test_headers_that_come_twice_are_recorded_as_one(serve: Serve) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(OK.replace(b"\r\n\r\n", b"\r\nVia: a\r\nVia: b\r\n\r\n"))

    assert http.post(notification(serve(talk).url)).response["headers"]["Via"] == "a, b"


def test_ipv6_is_dialled_without_its_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def nowhere(host: str, port: int) -> list[outbound.SockAddr]:
        asked.append(str(ipaddress.ip_address(host)))
        raise outbound.ForbiddenAddress

    monkeypatch.setattr(outbound, "resolve", nowhere)
    assert http.post(notification("http://[::1]:8080/")).code == "refused"
    assert asked == ["::1"]
