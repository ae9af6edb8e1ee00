"""Parsing of the bodies that are sent to the API of events and resources."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import ParseError

from events.intake import NewEvent
from events.limits import MAX_EVENTS
from notifications_project.api import shapes as api_shapes
from notifications_project.api.errors import ApiError, describe_error

_FIELDS = ("type", "resource", "occurred_at", "data", "idempotency_key")


def parse_new_events(body: Any, header_key: str | None) -> list[NewEvent]:
    """Parse the body of a request: one event as an object, or a list of 1 to MAX_EVENTS of them.

    `header_key` is the Idempotency-Key header, which is for one event only. Raises ParseError and ApiError.
    """
    if isinstance(body, list):
        if header_key is not None:
            raise ApiError(
                400,
                [
                    describe_error(
                        "The Idempotency-Key header is for one event; in a list, give each its idempotency_key."
                    )
                ],
            )
        if not 1 <= len(body) <= MAX_EVENTS:
            raise ApiError(422, [describe_error(f"A list must have 1 to {MAX_EVENTS} events.", "events")])
        return [_parse_new_event(index, each) for index, each in enumerate(body)]
    if not isinstance(body, dict):
        raise ParseError("The body must be an event (a JSON object) or a list of events.")
    if header_key is not None and body.get("idempotency_key", header_key) != header_key:
        raise ApiError(
            400, [describe_error("Differs from the Idempotency-Key header; give the key once.", "idempotency_key")]
        )
    return [_parse_new_event(None, body if header_key is None else {**body, "idempotency_key": header_key})]


def _parse_new_event(index: int | None, sent: Any) -> NewEvent:
    if not isinstance(sent, dict):
        raise ApiError(422, [describe_error("An event must be a JSON object.", None, index)])
    if unknown := sorted(sent.keys() - set(_FIELDS)):
        message = f"Is not known here; the fields are {', '.join(_FIELDS)}."
        raise ApiError(422, [describe_error(message, name, index) for name in unknown])
    return NewEvent(
        type=sent.get("type"),
        data=sent.get("data", {}),
        resource=sent.get("resource"),
        occurred_at=sent.get("occurred_at"),
        idempotency_key=sent.get("idempotency_key"),
    )


_RESOURCE_SHAPES: dict[str, api_shapes.Shape] = {"kind": str, "name": str, "archived": bool}


def parse_resource_changes(sent: Any, allowed: set[str], required: set[str] | None = None) -> dict[str, Any]:
    """Return the body of a request about a resource. Raises the API's 422 for fields of another name or type."""
    data = api_shapes.check_body(sent)
    shapes = {name: shape for name, shape in _RESOURCE_SHAPES.items() if name in allowed}
    api_shapes.check(data, shapes, frozenset(required or ()))
    return data
