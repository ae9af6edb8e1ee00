"""What travels between matching, formats, transports and the engine. Plain values: threads touch no ORM."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Notification:
    """Everything needed to write and send one delivery, read from the database beforehand."""

    delivery: UUID
    endpoint: UUID
    webhook_id: str  # the delivery's public id, the same on every try
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
    reasons: tuple[dict[str, Any], ...]
    asked_for: bool = False  # by a person, to go at once
    extra: bool = False  # asked for beside the scheduled tries, of which it takes none away
    extra_tries: int = 0  # of `tries`
    language: str = ""  # of its receiver, where that is a user who chose one
    address_key: str = ""  # of the endpoint that it was read from: another one means that it leads elsewhere now


@dataclass(frozen=True, slots=True)
class Message:
    """A notification in a format: what a transport puts on the wire."""

    body: bytes
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)
    url: str = ""  # where it goes, if that is not simply the endpoint's address
    subject: str = ""  # e-mail only, as is html
    html: str = ""
    unsent: str = ""  # why it is not sent at all, in words: the service takes no such message
    private: str = ""  # what only its receiver may read of it: in the record it stands masked


@dataclass(frozen=True, slots=True)
class Answer:
    """What one attempt brought: an HTTP status, an SMTP reply or an error, in a transport's own terms.

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
    # What the service itself means by it, where that is not what the status says: delivered, retry, failed, gone.
    meaning: str = ""

    @property
    def arrived(self) -> bool:
        """Whether the message was taken."""
        if self.meaning:
            return self.meaning == "delivered"
        return self.status is not None and 200 <= self.status < 300
