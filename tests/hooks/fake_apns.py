"""A fake of Apple's push service on loopback: HTTP/2 over TLS, with Apple's checks of tokens and requests."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import re
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

FRAME = 16_000
KEY_ID, TEAM_ID, TOPIC = "ABC123DEFG", "DEF123GHIJ", "com.example.console"


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def pem(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def certificate(folder: Path) -> tuple[Path, Path]:
    """Return a self-signed certificate for 127.0.0.1, and its key."""
    key, now = new_key(), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    built = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    built = built.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    built = built.add_extension(here, critical=False)
    built = built.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    signed = built.sign(key, hashes.SHA256())
    certificate_file, key_file = folder / "apns.pem", folder / "apns.key"
    certificate_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key_file.write_text(pem(key))
    return certificate_file, key_file


@dataclass(frozen=True)
class Push:
    """A request that arrived; `connection` counts from 1."""

    connection: int
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def device(self) -> str:
        return self.path.removeprefix("/3/device/")

    @property
    def payload(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass(frozen=True)
class Reply:
    """An answer of Apple. `how` is "answer", "hang" (no answer), "goaway" (to this and all later ones) or "drop"."""

    status: int = 200
    reason: str = ""
    timestamp: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    how: str = "answer"
    body: bytes | None = None

    def written(self) -> bytes:
        if self.body is not None or not self.reason:
            return self.body or b""
        told: dict[str, Any] = {"reason": self.reason}
        return json.dumps(told if self.timestamp is None else told | {"timestamp": self.timestamp}).encode()


class FakeApns:
    """A fake server. It calls `answer` for each valid push, and keeps all requests in `pushes`."""

    def __init__(self, certificate_file: Path, key_file: Path, key: ec.EllipticCurvePrivateKey) -> None:
        self.public_key = key.public_key()
        self.ca_file = str(certificate_file)
        self.pushes: list[Push] = []
        self.refused: list[str] = []
        self.tokens: set[str] = set()
        self.connections = 0
        self.answer: Callable[[Push], Reply] = lambda push: Reply()
        self.max_age = 3600.0
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate_file, key_file)
        self._context.set_alpn_protocols(["h2"])
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()

    def hang_up(self) -> None:
        """Close every connection without a GOAWAY."""
        for each in self._open:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)  # of the plain socket: a thread reads from the other

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = self._listener.accept()
                self._open.append(plain)
                threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with (
            contextlib.suppress(OSError, h2.exceptions.ProtocolError),
            self._context.wrap_socket(plain, server_side=True) as sock,
        ):
            self._open.append(sock)
            assert sock.selected_alpn_protocol() == "h2"
            self.connections += 1
            _Conversation(self, sock, self.connections).run()

    def judge(self, push: Push) -> Reply:
        """Return the error that Apple gives before it looks up the device; None if there is none."""
        if problem := self._problem_with_token(push.headers.get("authorization", "")):
            return Reply(403, problem)
        headers = push.headers
        if not re.fullmatch(r"/3/device/[0-9a-f]{64,200}", push.path):
            return Reply(400, "BadDeviceToken")
        if "apns-topic" not in headers:
            return Reply(400, "MissingTopic")
        if headers["apns-topic"] != TOPIC:
            return Reply(400, "TopicDisallowed")
        if headers.get("apns-id", "") != str(uuid.UUID(headers.get("apns-id", "0" * 32))):
            return Reply(400, "BadMessageId")
        if len(headers.get("apns-collapse-id", "").encode()) > 64:
            return Reply(400, "BadCollapseId")
        if headers.get("apns-priority") not in {"1", "5", "10"}:
            return Reply(400, "BadPriority")
        if headers.get("apns-push-type") != "alert":
            return Reply(400, "InvalidPushType")
        if int(headers.get("apns-expiration", "x")) < time.time():
            return Reply(400, "BadExpirationDate")
        if not push.body:
            return Reply(400, "PayloadEmpty")
        if len(push.body) > 4096:
            return Reply(413, "PayloadTooLarge")
        return self.answer(push)

    def _problem_with_token(self, authorization: str) -> str:
        scheme, _, token = authorization.partition(" ")
        if scheme != "bearer" or not token:
            return "MissingProviderToken"
        self.tokens.add(token)
        try:
            claims = jwt.decode(token, self.public_key, algorithms=["ES256"], options={"verify_iat": False})
            head = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            return "InvalidProviderToken"
        if (head.get("kid"), claims.get("iss")) != (KEY_ID, TEAM_ID) or type(claims.get("iat")) is not int:
            return "InvalidProviderToken"
        age = time.time() - claims["iat"]
        return "" if -60 < age < self.max_age else "ExpiredProviderToken"


class _Conversation:
    """A connection. Like Apple, it allows one stream until the first push is authorized."""

    def __init__(self, apns: FakeApns, sock: ssl.SSLSocket, number: int) -> None:
        self.apns, self.sock, self.number = apns, sock, number
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.heads: dict[int, dict[str, str]] = {}
        self.bodies: dict[int, bytes] = {}
        self.authorised = False
        self.over = False

    def run(self) -> None:
        one = {h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 1}
        self.h2.local_settings = h2.settings.Settings(client=False, initial_values=one)
        self.h2.initiate_connection()
        self.sock.sendall(self.h2.data_to_send())
        while not self.over:
            data = self.sock.recv(65536)
            if not data:
                return
            ended = []
            for event in self.h2.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    assert event.headers is not None
                    self.heads[event.stream_id] = {str(name): str(value) for name, value in event.headers}
                    self.bodies[event.stream_id] = b""
                elif isinstance(event, h2.events.DataReceived):
                    self.bodies[event.stream_id] += event.data or b""
                    self.h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    ended.append(event.stream_id)
            for stream in ended:
                self._answer(stream)
            self.sock.sendall(self.h2.data_to_send())

    def _answer(self, stream: int) -> None:
        head = self.heads.pop(stream)
        headers = {name: value for name, value in head.items() if not name.startswith(":")}
        push = Push(self.number, head[":path"], headers, self.bodies.pop(stream))
        self.apns.pushes.append(push)
        reply = self.apns.judge(push) if head[":method"] == "POST" else Reply(405, "MethodNotAllowed")
        if reply.reason:
            self.apns.refused.append(reply.reason)
        if self.over or reply.how == "hang":
            return
        if reply.how in {"goaway", "drop"}:
            if reply.how == "goaway":
                self.h2.close_connection(last_stream_id=max(stream - 2, 0), additional_data=b'{"reason":"Shutdown"}')
            self.over = True
            return
        body = reply.written()
        answer = [(":status", str(reply.status)), ("apns-id", headers.get("apns-id", "")), *reply.headers.items()]
        self.h2.send_headers(stream, answer, end_stream=not body)
        for start in range(0, len(body), FRAME):
            self.h2.send_data(stream, body[start : start + FRAME], end_stream=start + FRAME >= len(body))
        if reply.status == 200 and not self.authorised:
            self.authorised = True
            self.h2.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 1000})
