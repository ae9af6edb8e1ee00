"""Limits of an event's fields. The checks raise `Unfit`, which names the field and says what is wrong with it."""

from __future__ import annotations

import math
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

from events import representation

MAX_EVENTS = 1000  # in one list
MAX_DATA = 256 * 1024  # bytes of an event's data as compact JSON
MAX_DEPTH = 20
MAX_KEY = 255
MAX_INTEGER = 2**63 - 1  # the largest integer that every database and nearly every receiver can hold
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)  # that an event may lie in the future, as clocks differ


class Unfit(ValueError):
    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field if len(field) <= 200 else f"{field[:199]}…"
        self.message = message


def check_data(data: Any) -> None:
    """Refuse data that is not an object of plain JSON, is too long or too deep, or uses a reserved name."""
    if not isinstance(data, dict):
        raise Unfit("data", "Must be a JSON object.")
    for name in data:
        if name in representation.RESERVED:
            reserved = _describe_reserved()
            text = f"Is a name that the console sets itself, as are {reserved}; give it another name, or nest it."
            raise Unfit(f"data.{name}", text)
    check_value(data, "data", depth=1)
    if len(representation.encode(data).encode()) > MAX_DATA:
        raise Unfit("data", f"Is longer than {MAX_DATA // 1024} KiB.")


def _describe_reserved() -> str:
    *names, last = sorted(representation.RESERVED)
    return f"{', '.join(names)} and {last}"


def check_value(value: Any, where: str, depth: int) -> None:
    """Refuse a value that is not JSON which every database and receiver can hold; `where` names it in the error."""
    if depth > MAX_DEPTH:
        raise Unfit(where, f"Is nested more than {MAX_DEPTH} levels deep.")
    if isinstance(value, str):
        check_text(value, where)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if not isinstance(name, str):
                raise Unfit(where, "Must have texts as names.")
            check_text(name, where)
            check_value(inner, f"{where}.{name}", depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            check_value(inner, f"{where}[{index}]", depth + 1)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise Unfit(where, "Must be a finite number.")
    elif isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise Unfit(where, "Is a whole number beyond 64 bits; send it as text.")
    elif value is not None:
        raise Unfit(where, "Must be plain JSON.")


def check_text(text: str, where: str) -> None:
    """Refuse NUL and halves of surrogate pairs, which databases or receivers cannot hold."""
    if "\0" in text:
        raise Unfit(where, "Must not contain the character NUL.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Unfit(where, "Contains half of a surrogate pair, which is no character.") from error


def clean_key(key: Any) -> str:
    """Return an idempotency key in the form NFC. Raises Unfit."""
    spelled = unicodedata.normalize("NFC", key) if isinstance(key, str) else ""
    if not 1 <= len(spelled) <= MAX_KEY or not spelled.isprintable():
        raise Unfit("idempotency_key", f"Must be 1 to {MAX_KEY} printable characters.")
    return spelled


def clean_time(value: Any, now: datetime) -> datetime:
    """Return `occurred_at` as a time in UTC; None means now. Raises Unfit."""
    if value is None:
        return now
    try:
        when = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise Unfit("occurred_at", "Must be a time such as 2026-01-05T12:30:45Z.") from None
    if when.tzinfo is None:
        raise Unfit("occurred_at", "Needs its offset from UTC: Z, or one such as +02:00.")
    if when < EARLIEST:
        raise Unfit("occurred_at", f"Must not be before the year {EARLIEST.year}.")
    if when > now + AHEAD:
        raise Unfit("occurred_at", "Must not be more than a day in the future.")
    return when.astimezone(UTC)
