"""SMTP: a run of mails over one connection to the operator's relay, one message a recipient.

A relay that is away costs no try. Once a message is on the wire it does: the relay may have taken it, although its
answer is late or missing, and a person must not be mailed the same without end.
"""

from __future__ import annotations

import smtplib
import socket
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection

from hooks import formats
from hooks.messages import Answer, Message, Notification
from hooks.transports import deadlines

_TOO_LONG = 552  # to MAIL FROM: about this message, unlike every other refusal of the sender


@dataclass(slots=True)
class _Attempt:
    deadline: float
    sock: socket.socket | None = None
    cut: bool = False
    on_the_wire: bool = False  # the message itself, not just its envelope


def send(notifications: Sequence[Notification], may_start: Callable[[], bool]) -> Generator[Answer, None, None]:
    """Send each notification as a mail; yields an answer each.

    When the relay itself is away, one answer says so (`transport_down`) and the rest of the run is not tried.
    """
    # A step of opening it may not take the whole deadline, as nothing can be cut before it is open.
    connection = get_connection(timeout=settings.DELIVERY_TIMEOUT * 2 / 3)
    try:
        for notification in notifications:
            if not may_start():
                return
            answer = _send_one(connection, notification)
            yield answer
            if answer.transport_down:
                return
    finally:
        with suppress(OSError, smtplib.SMTPException):
            connection.close()


def _send_one(connection: Any, notification: Notification) -> Answer:
    started = time.monotonic()
    message = formats.FORMATS[notification.format].write(notification)
    request = {
        "method": "MAIL",
        "url": notification.address,
        "headers": {"Subject": message.subject, "From": settings.DEFAULT_FROM_EMAIL, **message.headers},
        "body": message.body.decode(),
    }
    attempt = _Attempt(started + settings.DELIVERY_TIMEOUT)
    for last in (False, True):
        try:
            connection.open()
            with _watched(connection, attempt):
                _mail(connection, notification, message).send()
        except (smtplib.SMTPServerDisconnected, TimeoutError) as error:
            connection.connection = None
            if attempt.cut or isinstance(error, TimeoutError):
                text = "The mail relay did not answer in time"
                return _answer("time-out", text, started, request, down=not attempt.on_the_wire)
            # A relay may drop an idle or long-used connection; once is no trouble, twice is.
            if not last and not attempt.on_the_wire:
                continue
            text = "The mail relay closed the connection"
            return _answer("connection", text, started, request, down=not attempt.on_the_wire)
        except smtplib.SMTPRecipientsRefused as error:
            code, reply = next(iter(error.recipients.values()))
            _reset(connection)
            return _answer(f"smtp {code}", _words(reply), started, request, status=code)
        except smtplib.SMTPResponseException as error:
            down = _about_the_relay(error)
            _reset(connection)
            return _answer(
                f"smtp {error.smtp_code}", _words(error.smtp_error), started, request, status=error.smtp_code, down=down
            )
        except (OSError, smtplib.SMTPException) as error:
            connection.connection = None
            text = f"The mail relay cannot be reached: {error}"
            return _answer("connection", text, started, request, down=not attempt.on_the_wire)
        return _answer("smtp 250", "Accepted by the mail relay", started, request, status=250)
    raise AssertionError("unreachable: the second round always returns")


@contextmanager
def _watched(connection: Any, attempt: _Attempt) -> Iterator[None]:
    """Cut the connection at the attempt's deadline, and note when the message goes onto the wire."""
    server = getattr(connection, "connection", None)
    if server is None:  # a backend that speaks no SMTP
        yield
        return
    data = server.data

    def handing_over(message: Any) -> Any:
        attempt.on_the_wire = True
        return data(message)

    server.data, attempt.sock = handing_over, server.sock
    server.sock.settimeout(settings.DELIVERY_TIMEOUT)
    deadlines.watcher().watch(attempt)
    try:
        yield
    finally:
        deadlines.watcher().forget(attempt)
        server.data, attempt.sock = data, None


def _about_the_relay(error: smtplib.SMTPResponseException) -> bool:
    """Whether the relay will have nothing from us, rather than not this message."""
    if isinstance(error, smtplib.SMTPSenderRefused):
        return error.smtp_code != _TOO_LONG  # the sender is always ours
    return isinstance(error, smtplib.SMTPConnectError | smtplib.SMTPHeloError | smtplib.SMTPAuthenticationError)


def _mail(connection: Any, notification: Notification, message: Message) -> EmailMultiAlternatives:
    mail = EmailMultiAlternatives(
        message.subject,
        message.body.decode(),
        to=[notification.address],
        headers=message.headers,
        connection=connection,
    )
    if message.html:
        mail.attach_alternative(message.html, "text/html")
    return mail


def _reset(connection: Any) -> None:
    with suppress(smtplib.SMTPException, OSError):
        if connection.connection is not None:
            connection.connection.rset()


def _answer(
    code: str, text: str, started: float, request: dict[str, Any], *, status: int | None = None, down: bool = False
) -> Answer:
    return Answer(
        code,
        text[:160],
        started,
        int((time.monotonic() - started) * 1000),
        status=status,
        request=request,
        response={"status": status, "body": text[:1000]} if status else {},
        transport_down=down,
    )


def _words(reply: bytes | str) -> str:
    return " ".join((reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply).split())
