"""A mail relay whose replies are out of step: each mail's record has the reply to that mail."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from django.conf import LazySettings
from django.core.mail import get_connection

from hooks.messages import Answer, Message
from hooks.transports import smtp

Say = Callable[[str, int], str]  # returns extra text for the reply to a command of the n-th mail
MESSAGE = Message(b"Hello", "text/plain", subject="Hello")


class Relay:
    """A relay that refuses every mail, and adds the text from `extra` to its replies."""

    def __init__(self, extra: Say) -> None:
        self.extra, self.connections, self.mails = extra, 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as lines:

            def reply(text: str, command: str) -> None:
                connection.sendall((text + self.extra(command, self.mails)).encode())

            reply("220 relay\r\n", "greeting")
            for line in lines:
                command = line.split()[0].decode().lower()
                if command == "quit":
                    return
                if command == "data":
                    reply("354 go on\r\n", "data")
                    for content in lines:
                        if content == b".\r\n":
                            break
                    self.mails += 1
                    reply("550 5.7.1 not this mail\r\n", "message")
                else:
                    reply("250 fine\r\n", command)


@pytest.fixture
def relay(settings: LazySettings) -> Iterator[Callable[[Say], Relay]]:
    relays: list[Relay] = []
    settings.EMAIL_BACKEND = "notifications_project.mail.backend.EmailBackend"
    settings.EMAIL_HOST_USER, settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = "", False, False
    settings.DELIVERY_TIMEOUT = 5

    def start(extra: Say) -> Relay:
        relays.append(Relay(extra))
        settings.EMAIL_HOST, settings.EMAIL_PORT = relays[-1].listener.getsockname()
        return relays[-1]

    yield start
    for each in relays:
        each.listener.close()


def mail(times: int) -> list[Answer]:
    """Send so many mails over one connection; return the answers."""
    connection = get_connection(timeout=3)
    try:
        return [smtp.post(connection, "ops@example.org", MESSAGE, time.monotonic()) for _ in range(times)]
    finally:
        with contextlib.suppress(Exception):
            connection.close()


@pytest.mark.parametrize("command", ["greeting", "ehlo", "mail", "rcpt", "data", "message"])
def test_a_reply_too_many_is_not_taken_for_another(command: str, relay: Callable[[Say], Relay]) -> None:
    """A mail that the relay refused is never recorded as accepted, wherever the extra reply is."""
    relay(lambda behind, mails: "250 fine\r\n250 fine\r\n354 go on\r\n250 taken\r\n" if behind == command else "")
    answers = mail(3)
    assert not any(answer.arrived for answer in answers), [answer.code for answer in answers]


def test_what_was_said_to_an_idle_connection_is_no_answer_to_the_next_mail(relay: Callable[[Say], Relay]) -> None:
    started = relay(lambda behind, mails: "421 4.4.2 idle too long\r\n" if behind == "rset" else "")
    first, second = mail(2)
    assert (first.code, second.code) == ("smtp 550", "smtp 550")
    assert not second.transport_down
    assert started.connections == 2


def test_lines_of_one_reply_that_contradict_each_other_are_no_reply(relay: Callable[[Say], Relay]) -> None:
    def lie(behind: str, mails: int) -> str:
        return "550-no\r\n250 yes\r\n" if behind == "data" else ""

    relay(lie)
    assert not mail(1)[0].arrived


def test_a_reply_without_end_is_left(relay: Callable[[Say], Relay]) -> None:
    relay(lambda behind, mails: "250-more\r\n" * 100_000 if behind == "greeting" else "")
    (answer,) = mail(1)
    assert (answer.code, answer.transport_down) == ("connection", True)
