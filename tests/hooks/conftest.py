"""Fixtures for tests of hooks: events, webhooks, a mailbox, and a pump that runs in the test."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.conf import LazySettings

from events import intake
from events.models import Event, Resource
from events.representation import Source
from hooks import tasks
from hooks.engine import pump as pumping
from hooks.manage import rules
from hooks.models import Hook
from notifications_project.accounts.models import Organization
from tests.conftest import Receiver
from tests.hooks.pages import add_webhook
from tests.hooks.pushing import apns, apns_certificate, device, owe  # noqa: F401  (fixtures)


@pytest.fixture
def pump(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Run the workers' task in the test: route, deliver and record until nothing is due.

    It waits for no retry, nor for half a second in case that more comes: nothing does. But each turn looks for what
    the one before has recorded, such as an event about the hook.
    """
    monkeypatch.setattr(pumping, "_LOOK_EVERY", 0.0)
    monkeypatch.setattr(pumping, "STAYS_FOR", 0.0)
    monkeypatch.setattr(pumping, "_LINGER", 0.0)
    return tasks.pump


@pytest.fixture
def record(acme: Organization) -> Callable[..., Event]:
    """Return a function that records an event of Acme, with the catalogue's sample as data unless given."""

    def record_one(type: str, resource: Resource | None = None, **data: Any) -> Event:
        return intake.record(acme, [intake.NewEvent(type=type, resource=resource, data=data)], source=Source.CONSOLE)[0]

    return record_one


@pytest.fixture
def webhook(acme: Organization, receiver: Receiver) -> Callable[..., Hook]:
    """Return a function that creates a webhook of Acme to the receiver: `webhook(events=[…])`."""

    def create(**fields: Any) -> Hook:
        fields = {"name": "Receiver", "url": receiver.url, **fields}
        return rules.create_webhook(organization=acme, actor=None, spec=rules.WebhookSpec.of(**fields))[0]

    return create


@pytest.fixture
def no_default_mail(acme: Organization) -> None:
    """Delete Acme's default hook."""
    for hook in Hook.objects.existing().filter(organization=acme):
        rules.delete_hook(hook, None)


@pytest.fixture
def home(acme: Organization) -> str:
    """Return the path under which all pages of Acme are."""
    return f"/organizations/{acme.public_id}"


@pytest.fixture
def hook(acme: Organization) -> Hook:
    """Create a webhook of Acme with secrets in its URL; nothing listens there."""
    return add_webhook(acme)


@pytest.fixture
def bare_receiver() -> Iterator[Callable[[bytes], str]]:
    """Return a function that starts a server which sends these bytes on every connection, and returns its URL."""
    listeners: list[socket.socket] = []

    def serve(listener: socket.socket, answer: bytes) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

    def start(answer: bytes) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(target=serve, args=(listener, answer), daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"

    yield start
    for listener in listeners:
        listener.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


class Mailbox:
    """A mail relay on loopback. It keeps the mails, and refuses the recipients in `refusals` with their reply."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.port = 0
        self.refusals: dict[str, str] = {}
        self.sender_refused = ""
        self.connections: set[Any] = set()
        self.open_connections = 0
        self.drops_after = 0  # mails after which it closes the connection, once
        self.takes = 0.0  # seconds for each step
        self.takes_for_data = 0.0

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.open_connections += 1
        return responses

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.open_connections -= 1
        return "221 Bye"

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await asyncio.sleep(self.takes)
        self.connections.add(session.peer)
        if self.drops_after and len(self.mails) == self.drops_after:
            self.drops_after = 0
            server.transport.abort()
        if self.sender_refused:
            return self.sender_refused
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await asyncio.sleep(self.takes)
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        await asyncio.sleep(self.takes or self.takes_for_data)
        mail = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"

    @property
    def told(self) -> list[str]:
        """Return the recipients of all mails in alphabetical order."""
        return sorted(str(mail["To"]) for mail in self.mails)


@pytest.fixture
def mailbox(settings: LazySettings) -> Iterator[Mailbox]:
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())  # it cannot choose one
    controller.start()
    box.port = controller.port
    settings.EMAIL_HOST, settings.EMAIL_PORT = controller.hostname, controller.port
    settings.EMAIL_BACKEND = "notifications_project.mail.backend.EmailBackend"  # really sends
    yield box
    controller.stop()
