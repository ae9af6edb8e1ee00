"""Plain values that routing, formats, transports and the engine exchange. Sending threads must not use the ORM."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NotRequired, TypedDict
from uuid import UUID


class Verdict(StrEnum):
    """The verdict on an attempt: what the table of outcomes judges, or what a service is known to mean."""

    DELIVERED = "delivered"
    RETRY = "retry"
    FAILED = "failed"
    GONE = "gone"  # nothing can be delivered there any more
    UNSENT = "unsent"  # there was nothing to send: the delivery is cancelled


class Transport(StrEnum):
    """The carriers of messages.

    A service that limits all requests of one sender is a transport of its own by its name.
    """

    HTTP = "http"
    SMTP = "smtp"
    APNS = "apns"


class RuleKind(StrEnum):
    """The kinds of rules that ask for a delivery."""

    HOOK = "hook"
    SETTING = "setting"  # a member's own
    DEFAULT = "default"
    ROLE = "role"
    DIGEST = "digest"
    TEST = "test"


class Reason(TypedDict):
    """A rule that asked for a delivery, as it is stored. Names are those of that time."""

    rule: RuleKind
    name: str
    id: NotRequired[str]  # of a hook, or of what is tested
    by: NotRequired[str]  # who pressed Test
    enables: NotRequired[bool]  # a test that, if it succeeds, enables a disabled endpoint


@dataclass(frozen=True, slots=True)
class Notification:
    """The data to write and send one delivery, read from the database in advance."""

    delivery: UUID
    endpoint: UUID
    webhook_id: str  # the delivery's public id, equal on every attempt
    tries: int  # attempts made before this one
    event_type: str
    representation: str
    occurred_at: datetime
    is_test: bool
    organization: str
    organization_id: str
    resource: str | None
    address: str
    format: str
    options: dict[str, Any]
    signing_keys: tuple[str, ...]  # `whsec_…`, the current one first
    reasons: tuple[Reason, ...]
    asked_for: bool = False  # a person asked to send it at once
    extra: bool = False  # a resend that does not use up a scheduled attempt
    extra_tries: int = 0  # how many of `tries` were such resends
    language: str = ""  # of its receiver, where that is a user who chose one
    address_key: str = ""  # the endpoint's when it was read: if it differs later, the endpoint leads elsewhere


@dataclass(frozen=True, slots=True)
class Message:
    """A notification written in a format, for a transport to put on the wire."""

    body: bytes
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)
    url: str = ""  # overrides the endpoint's address
    subject: str = ""  # e-mail only, as is html
    html: str = ""
    unsent: str = ""  # if set, it is not sent; says why in words for people
    private: str = ""  # a part that only the recipient may read: masked in the record


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of one attempt, in a transport's own terms: an HTTP status, an SMTP reply or an error.

    `code` is "204", "time-out", "connection", "tls", "dns", "refused", "protocol", "smtp 550", …; `started` is a
    reading of `time.monotonic()`; `retry_after` is in seconds.
    """

    code: str
    text: str  # in words: "No Content", "Connection refused"
    started: float
    duration_ms: int
    status: int | None = None
    request: dict[str, Any] = field(default_factory=dict)
    response: dict[str, Any] = field(default_factory=dict)
    timings: dict[str, int] = field(default_factory=dict)
    dialled: str = ""
    retry_after: float | None = None
    transport_down: bool = False  # the mail relay or APNs itself, not this address
    # Overrides the meaning of the status: delivered, retry, failed, gone or unsent.
    meaning: Verdict | None = None

    @property
    def arrived(self) -> bool:
        """Tell whether the receiver accepted the message."""
        if self.meaning:
            return self.meaning == Verdict.DELIVERED
        return self.status is not None and 200 <= self.status < 300
