"""Helpers for tests of services: checks of their messages, and deliveries to receivers that answer like them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from jsonschema import Draft202012Validator

from events import catalogue
from events.models import Event
from hooks import clock
from hooks.formats import FORMATS
from hooks.messages import Answer, Message
from hooks.models import Attempt, Delivery, Endpoint, Hook, Lane
from tests.conftest import Receiver
from tests.hooks.notifications import notification

TYPES = sorted(catalogue.EVENT_TYPES)
LANGUAGES = ["en", "fr"]
URL = {"type": "string", "pattern": "^https?://[!-~]+$"}
TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"}


def text(most: int, least: int = 1) -> dict[str, Any]:
    return {"type": "string", "minLength": least, "maxLength": most}


def obj(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """Return the schema of an object with these properties and no others."""
    properties = {**required, **optional}
    return {"type": "object", "properties": properties, "required": [*required], "additionalProperties": False}


def array(items: dict[str, Any], most: int, least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least, "maxItems": most}


@dataclass(frozen=True)
class Service:
    """A service by its documentation: the schema of a body, and limits that no schema expresses."""

    name: str
    schema: dict[str, Any]
    address: str
    options: dict[str, str] = field(default_factory=dict)
    limits: Callable[[bytes, dict[str, Any]], None] = lambda raw, body: None

    def write(self, event_type: str, data: dict[str, Any] | None = None, **fields: Any) -> Message:
        fields = {"format": self.name, "options": self.options, "address": self.address, **fields}
        return FORMATS[self.name].write(notification(event_type, data, **fields))

    def body(self, event_type: str, data: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        """Return the body of a checked message."""
        return self.check(self.write(event_type, data, **fields))

    def check(self, message: Message) -> dict[str, Any]:
        return self.check_body(message.content_type, message.body)

    def check_body(self, content_type: str, raw: bytes) -> dict[str, Any]:
        """Check a body against the service's schema and limits, and return it."""
        assert content_type == "application/json"
        body: dict[str, Any] = json.loads(raw.decode())
        Draft202012Validator(self.schema).validate(body)
        self.limits(raw, body)
        return body

    def understand(self, status: int, body: Any = "", **fields: Any) -> Answer:
        """Return the format's judgement of an answer of the service."""
        said = body if isinstance(body, str) else json.dumps(body)
        fields = {"request": {"url": self.address}, **fields}
        answer = Answer(str(status), "", 0.0, 1, status=status, response={"body": said, "headers": {}}, **fields)
        return FORMATS[self.name].understand(answer)


@dataclass(frozen=True)
class Case:
    """An answer of a service and its effect; `waits` is the least number of seconds until the next attempt."""

    status: int
    body: Any
    state: str  # delivered, failed, pending, or gone: pending with its endpoint disabled
    says: str  # a part of the explanation
    waits: float = 0
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.status} {self.state} {self.says[:30]}"


@dataclass
class Delivering:
    """A delivery of one event over real HTTP to a receiver that answers as the service does."""

    webhook: Callable[..., Hook]
    record: Callable[..., Event]
    pump: Callable[[], None]
    receiver: Receiver

    def __call__(self, service: Service, case: Case, event_type: str = "job.fail") -> Delivery:
        said = case.body if isinstance(case.body, str) else json.dumps(case.body)
        self.receiver.status, self.receiver.body, self.receiver.headers = case.status, said, case.headers
        hook = self.webhook(format=service.name, options=service.options, events=[event_type])
        self.record(event_type)
        self.pump()
        arrived = self.receiver.requests[-1]
        service.check_body(arrived.headers.get("content-type", ""), arrived.get_data())
        return Delivery.objects.get(hook=hook)

    def brings(self, service: Service, case: Case) -> None:
        """Assert that the answer leads to the state, explanation and endpoint of the case."""
        delivery = self(service, case)
        disabled = Endpoint.objects.get(pk=delivery.endpoint_id).disabled_at is not None
        assert ("gone" if disabled else delivery.state) == case.state
        assert case.says in Attempt.objects.get(delivery=delivery).explanation
        if case.waits:
            due = Lane.objects.get(pk=delivery.lane_id).next_at
            assert due is not None
            assert case.waits - 5 < (due - clock.now()).total_seconds() <= case.waits * 1.2


def assert_kept_nowhere(secret: str, hook: Hook, log: str = "") -> dict[str, Any]:
    """Assert that no readable part of the attempt has the secret; return the recorded request."""
    attempt = Attempt.objects.get()
    assert secret not in json.dumps([attempt.request, attempt.response, attempt.explanation])
    endpoint = Endpoint.objects.get(hook=hook)
    assert secret not in json.dumps([endpoint.options, endpoint.last_answer])
    assert secret not in log
    kept: dict[str, Any] = attempt.request
    return kept


class Html(HTMLParser):
    """The plain text and the tags of a piece of HTML."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(source)
        self.close()
        assert not self.open, "every tag is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def utf16(given: str) -> int:
    return len(given.encode("utf-16-le")) // 2
