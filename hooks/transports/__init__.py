"""Transports put messages on the wire; each protocol has a file of its own.

A sender takes the notifications of one lane and yields the answer to each in order, as soon as it has it. It runs on a
sending thread and never uses the database.
"""

from collections.abc import Callable, Generator, Sequence
from functools import partial

from hooks.formats import FORMATS, LIMITED_HOSTS, Format
from hooks.messages import Answer, Notification, Transport
from hooks.transports import http, smtp

Sender = Callable[[Sequence[Notification], Callable[[], bool]], Generator[Answer, None, None]]


def _send_pushes(notifications: Sequence[Notification], may_start: Callable[[], bool]) -> Generator[Answer, None, None]:
    from hooks.transports import apns  # loads an HTTP/2 client: workers without pushes save its memory

    return apns.send(notifications, may_start)


def _send_limited(
    known: Format, notifications: Sequence[Notification], may_start: Callable[[], bool]
) -> Generator[Answer, None, None]:
    """Send by HTTP to hosts that limit one sender altogether, and judge what each answer says about that limit."""
    for answer in http.send(notifications, may_start):
        yield known.understand_host(answer)


# The sender of each transport: send(notifications, may_start) stops early as soon as `may_start()` returns False.
SENDERS: dict[str, Sender] = {
    Transport.HTTP: http.send,
    Transport.SMTP: smtp.send,
    Transport.APNS: _send_pushes,
    **{name: partial(_send_limited, FORMATS[name]) for name in LIMITED_HOSTS},
}

__all__ = ["SENDERS", "Sender"]
