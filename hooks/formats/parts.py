"""Helpers that the formats of chat services share: JSON bodies, cutting to limits, reading answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from hooks.messages import Answer, Message
from hooks.wording import plain
from notifications_project import graphemes, json_text
from notifications_project.network.web_address import BadAddress, parse

_LONGEST_WAIT = 10_000_000  # seconds; a service that asks for more is not believed
ELLIPSIS = "…"


def encode_json(body: dict[str, Any]) -> bytes:
    """Encode a body as compact JSON in UTF-8, without \\u escapes for text beyond ASCII."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def build_json_message(body: dict[str, Any], url: str = "", headers: dict[str, str] | None = None) -> Message:
    return Message(body=encode_json(body), content_type="application/json", headers=headers or {}, url=url)


# --- Limits ----------------------------------------------------------------------------------------------------
def count_utf16(text: str) -> int:
    """Count UTF-16 units, as services in JavaScript or Java do: an emoji is two. No other count is higher."""
    return len(text.encode("utf-16-le", "replace")) // 2


def count_bytes(text: str) -> int:
    """Count the bytes of a text in UTF-8."""
    return len(text.encode("utf-8", "replace"))


def fit(text: str, most: int, escape: Callable[[str], str] = str, size: Callable[[str], int] = count_utf16) -> str:
    """Escape a text, and cut it with an ellipsis if the escaped text is longer than `most`, counted by `size`.

    It is never cut within an escape or a grapheme.
    """
    whole = escape(text)
    if size(whole) <= most:
        return whole
    least, longest = 0, len(text)
    while least < longest:
        middle = (least + longest + 1) // 2
        if size(escape(f"{text[:middle].rstrip()}{ELLIPSIS}")) <= most:
            least = middle
        else:
            longest = middle - 1
    begin = graphemes.cut(text, least)
    return escape(f"{begin.rstrip()}{ELLIPSIS}") if begin else ""


# --- URLs ------------------------------------------------------------------------------------------------------
def set_query(url: str, **parameters: str) -> str:
    """Set parameters in a URL's query; all others stay as they are, byte for byte. Raises BadAddress."""
    found = parse(url)
    kept = [each for each in (found.query or "").split("&") if each and each.partition("=")[0] not in parameters]
    return str(replace(found, query="&".join([*kept, urlencode(parameters)])))


def has_parameter(url: str, name: str) -> bool:
    """Tell whether the URL's query contains a parameter."""
    query = url.partition("#")[0].partition("?")[2]
    return any(each.partition("=")[0] == name for each in query.split("&"))


def has_full_host(url: str) -> bool:
    """Tell whether the host has a dot. Some services do not accept a URL without one, such as http://console:8124/."""
    try:
        return "." in parse(url).host
    except BadAddress:
        return False


def replace_path(url: str, change: Callable[[str], str]) -> str:
    """Replace the path of a URL by what `change` makes of it. Raises BadAddress."""
    found = parse(url)
    return str(replace(found, path=change(found.path)))


# --- Answers ---------------------------------------------------------------------------------------------------
def read_object(answer: Answer) -> dict[str, Any]:
    """Parse the body of an answer as a JSON object; empty if it is anything else."""
    try:
        found = json_text.parse(answer.response.get("body") or "")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def get_object(found: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the object of this name within an object; empty if there is none."""
    value = found.get(name)
    return value if isinstance(value, dict) else {}


def read_words(value: Any, most: int = 120) -> str:
    """Return a service's text on one line, without a full stop at its end; empty if the value is no text."""
    return plain.make_line(value, most).rstrip(". ") if isinstance(value, str) else ""


def read_integer(value: Any) -> int:
    """Return an integer from a service's JSON; 0 for anything else, also for true and for digits in a text."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def read_seconds(value: Any) -> float | None:
    """Return a plausible number of seconds to wait from a service's JSON; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LONGEST_WAIT:
        return None
    return float(value)
