"""SMTP: a run of mails over one connection to the operator's relay, one message a recipient."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection

from hooks import formats
from hooks.messages import Answer, Message, Notification


def send(notifications: Sequence[Notification], may_start: Callable[[], bool]) -> Generator[Answer, None, None]:
    """Send each notification as a mail; yields an answer each.

    When the relay itself is away, one answer says so (`transport_down`) and the rest of the run is not tried.
    """
    connection = get_connection()
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
    for last in (False, True):
        try:
            connection.open()
            _mail(connection, notification, message).send()
        except smtplib.SMTPServerDisconnected:
            # A relay may drop an idle or long-used connection; once is no trouble, twice is.
            connection.connection = None
            if not last:
                continue
            return _answer("connection", "The mail relay closed the connection", started, request, down=True)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            _reset(connection)
            return _answer(f"smtp {code}", _words(text), started, request, status=code)
        except smtplib.SMTPResponseException as error:
            down = isinstance(error, smtplib.SMTPConnectError | smtplib.SMTPHeloError | smtplib.SMTPAuthenticationError)
            _reset(connection)
            return _answer(
                f"smtp {error.smtp_code}", _words(error.smtp_error), started, request, status=error.smtp_code, down=down
            )
        except (OSError, smtplib.SMTPException) as error:
            connection.connection = None
            return _answer("connection", f"The mail relay cannot be reached: {error}", started, request, down=True)
        return _answer("smtp 250", "Accepted by the mail relay", started, request, status=250)
    raise AssertionError("unreachable: the second round always returns")


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
