"""message -> the wire; one file a protocol.

A sender takes a run of notifications for one lane and yields the answer to each, in order, as it comes.
It runs in a thread of its own, and never touches the database.
"""

from collections.abc import Callable, Generator, Sequence
from functools import partial

from hooks.formats import FORMATS, LIMITED_HOSTS, Format
from hooks.messages import Answer, Notification
from hooks.transports import http, smtp

Sender = Callable[[Sequence[Notification], Callable[[], bool]], Generator[Answer, None, None]]


def _apns(notifications: Sequence[Notification], may_start: Callable[[], bool]) -> Generator[Answer, None, None]:
    from hooks.transports import apns  # only who pushes pays for HTTP/2

    return apns.send(notifications, may_start)


def _limited(
    known: Format, notifications: Sequence[Notification], may_start: Callable[[], bool]
) -> Generator[Answer, None, None]:
    """HTTP to hosts that limit all requests of one sender together: what an answer says of them is understood."""
    for answer in http.send(notifications, may_start):
        yield known.understand_host(answer)


# transport -> send(notifications, may_start): stops early when `may_start()` says no.
SENDERS: dict[str, Sender] = {
    "http": http.send,
    "smtp": smtp.send,
    "apns": _apns,
    **{name: partial(_limited, FORMATS[name]) for name in LIMITED_HOSTS},
}

__all__ = ["SENDERS", "Sender"]
