"""SMTP sends mails over a kept connection to the operator's relay, one message for each recipient.

Django's mail backend sends: the one for SMTP, or a provider's (django-anymail), whose errors `provider` judges. A relay
that is away costs no attempt. A message on the wire does: the relay may have accepted it although its answer is late or
missing, and a person must not get the same mail without end.
"""

from __future__ import annotations

import smtplib
import socket
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.smtp import EmailBackend

from hooks import formats
from hooks.messages import Answer, Message, Notification, Verdict
from hooks.remarks import Remark, RemarkCode, change_texts, shorten
from hooks.transports import deadlines, refusals
from hooks.transports.mail_connections import open_connection
from hooks.wording import plain
from notifications_project.mail.addresses import BadMailAddress, normalize

_LONGEST_LINE = 998  # characters of a header line (RFC 5322, 2.1.1)
_SIGN_IN_FIRST = {530, 534, 535, 538}  # sign in or start TLS first, to any command (RFC 3207, RFC 4954)
_TOO_LONG = 552  # in reply to MAIL FROM: only this message is too long


@dataclass(slots=True)
class _Attempt:
    deadline: float
    sock: socket.socket | None = None
    cut: bool = False
    on_the_wire: bool = False  # DATA has begun


def send(notifications: Sequence[Notification], may_start: Callable[[], bool]) -> Generator[Answer, None, None]:
    """Send each notification as a mail and yield its answer.

    Stops when the relay is away (`transport_down`), and when an address is gone: the next mail may be for the same one.
    """
    with open_connection() as connection:
        for notification in notifications:
            if not may_start():
                return
            started = time.monotonic()
            message = formats.FORMATS[notification.format].write(notification)
            answer = post(connection, notification.address, message, started)
            yield answer
            if answer.transport_down or answer.meaning == Verdict.GONE:
                return


def post(connection: Any, address: str, message: Message, started: float) -> Answer:
    """Send one message to one address and return the answer; reconnect once if the relay dropped the connection.

    `started` is the monotonic time in seconds from which the deadline runs.
    """
    request = _make_record(address, message)
    try:
        address = normalize(address)
    except BadMailAddress as error:  # an address stored under older, laxer rules
        return _make_answer("address", str(error), started, request, meaning=Verdict.GONE)
    attempt = _Attempt(started + settings.DELIVERY_TIMEOUT)
    for last in (False, True):
        opened = False
        try:
            connection.open()
            opened = True
            with _watch(connection, attempt):
                _make_mail(connection, address, message).send()
        except (smtplib.SMTPServerDisconnected, TimeoutError) as error:
            connection.connection = None
            if attempt.cut or isinstance(error, TimeoutError):
                text = Remark(RemarkCode.RELAY_TIME_OUT)
                return _make_answer("time-out", text, started, request, down=not attempt.on_the_wire)
            # A relay may drop an idle or long-used connection. If it drops a new one too, something is wrong.
            if not last and not attempt.on_the_wire:
                continue
            text = Remark(RemarkCode.RELAY_CLOSED)
            return _make_answer("connection", text, started, request, down=not attempt.on_the_wire)
        except smtplib.SMTPRecipientsRefused as error:
            code, reply = next(iter(error.recipients.values()))
            _reset(connection)
            meaning = Verdict.GONE if refusals.is_about_address(code, _decode_reply(reply)) else None
            down = code in _SIGN_IN_FIRST
            return _make_answer(
                f"smtp {code}", _decode_reply(reply), started, request, status=code, meaning=meaning, down=down
            )
        except smtplib.SMTPResponseException as error:
            down = not opened or _is_about_relay(error)
            _reset(connection)
            return _make_answer(
                f"smtp {error.smtp_code}",
                _decode_reply(error.smtp_error),
                started,
                request,
                status=error.smtp_code,
                down=down,
            )
        except Exception as error:
            if type(error).__module__.startswith("anymail."):
                return _judge_provider_error(error, started, request)
            if opened and not isinstance(error, OSError | smtplib.SMTPException):
                raise
            # An error before the first command about a mail comes from the set-up: every mail would meet it.
            connection.connection = None
            text = Remark(RemarkCode.RELAY_UNREACHABLE, error=str(error))
            return _make_answer("connection", text, started, request, down=not attempt.on_the_wire)
        if isinstance(connection, EmailBackend):
            return _make_answer("smtp 250", Remark(RemarkCode.RELAY_ACCEPTED), started, request, status=250)
        return _make_answer(
            "accepted", Remark(RemarkCode.PROVIDER_ACCEPTED), started, request, meaning=Verdict.DELIVERED
        )
    raise AssertionError("unreachable: the second round always returns")


def _make_record(address: str, message: Message) -> dict[str, Any]:
    """Return the record of a mail, without its private link, as more people than the recipient may read it."""

    def hide(text: str) -> str:
        return text.replace(message.private, "…") if message.private else text

    headers = {"Subject": message.subject, "From": settings.DEFAULT_FROM_EMAIL, **message.headers}
    return {
        "method": "MAIL",
        "url": address,
        "headers": {name: hide(value) for name, value in headers.items()},
        "body": hide(message.body.decode()),
    }


def _judge_provider_error(error: Exception, started: float, request: dict[str, Any]) -> Answer:
    """Return the answer for an error of a mail provider's API."""
    from hooks.transports.provider import judge_error  # imports django-anymail, which is optional

    found = judge_error(error)
    words = change_texts(found.words, lambda said: plain.make_line(said, 300))
    return _make_answer(
        found.code, words, started, request, status=found.status, down=found.down, meaning=found.meaning
    )


@contextmanager
def _watch(connection: Any, attempt: _Attempt) -> Iterator[None]:
    """Cut the connection at the attempt's deadline, and record when the message goes onto the wire."""
    server = getattr(connection, "connection", None)
    if server is None:  # a backend without SMTP
        yield
        return
    data = server.data

    def hand_over(message: Any) -> Any:
        attempt.on_the_wire = True
        return data(message)

    server.data, attempt.sock = hand_over, server.sock
    server.sock.settimeout(settings.DELIVERY_TIMEOUT)
    deadlines.get_watcher().watch(attempt)
    try:
        yield
    finally:
        deadlines.get_watcher().forget(attempt)
        server.data, attempt.sock = data, None


def _is_about_relay(error: smtplib.SMTPResponseException) -> bool:
    """Tell whether the relay refuses everything from us, not just this message."""
    if error.smtp_code in _SIGN_IN_FIRST:
        return True
    if isinstance(error, smtplib.SMTPSenderRefused):
        return error.smtp_code != _TOO_LONG  # the sender is the same for every mail
    return isinstance(error, smtplib.SMTPConnectError | smtplib.SMTPHeloError | smtplib.SMTPAuthenticationError)


class _Mail(EmailMultiAlternatives):
    def message(self, **kwargs: Any) -> Any:
        """Build the mail with unfolded headers: some clients do not find a URL on a second line."""
        mail: Any = super().message(**kwargs)
        mail.policy = mail.policy.clone(max_line_length=_LONGEST_LINE)
        return mail


def _make_mail(connection: Any, address: str, message: Message) -> EmailMultiAlternatives:
    mail = _Mail(
        message.subject,
        message.body.decode(),
        to=[address],
        headers=message.headers,
        connection=connection,
    )
    if message.html:
        mail.attach_alternative(message.html, "text/html")
    return mail


def _reset(connection: Any) -> None:
    if connection.connection is None:
        return
    try:
        connection.connection.rset()
    except (smtplib.SMTPException, OSError):
        connection.connection = None  # forget the closed one, so that the next mail opens another


def _make_answer(
    code: str,
    text: str,
    started: float,
    request: dict[str, Any],
    *,
    status: int | None = None,
    down: bool = False,
    meaning: Verdict | None = None,
) -> Answer:
    return Answer(
        code,
        shorten(text, 160),
        started,
        int((time.monotonic() - started) * 1000),
        status=status,
        request=request,
        response={"status": status, "body": text[:1000]} if status else {},
        transport_down=down,
        meaning=meaning,
    )


def _decode_reply(reply: bytes | str) -> str:
    return plain.make_line(reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply, 1000)
