"""What formats of other people's services share: JSON bodies, cutting to limits, reading what a service answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from hooks.messages import Answer, Message
from hooks.wording import plain
from notifications_project import graphemes
from notifications_project.network.web_address import BadAddress, parse

_LONGEST_WAIT = 10_000_000  # seconds; beyond that it is no number of seconds
ELLIPSIS = "…"


def encoded(body: dict[str, Any]) -> bytes:
    """A body as it goes over the wire: compact, text beyond ASCII as it is."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def json_message(body: dict[str, Any], url: str = "", headers: dict[str, str] | None = None) -> Message:
    return Message(body=encoded(body), content_type="application/json", headers=headers or {}, url=url)


# --- Limits ----------------------------------------------------------------------------------------------------
def utf16(text: str) -> int:
    """Length as the services count that are written in JavaScript or Java: an emoji is two. Never less than others'."""
    return len(text.encode("utf-16-le", "replace")) // 2


def utf8(text: str) -> int:
    """Length in bytes."""
    return len(text.encode("utf-8", "replace"))


def fit(text: str, most: int, escape: Callable[[str], str] = str, size: Callable[[str], int] = utf16) -> str:
    """The text escaped; cut with an ellipsis, and never within an escape, if it is longer than `most` then."""
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
    begin = graphemes.begin(text, least)
    return escape(f"{begin.rstrip()}{ELLIPSIS}") if begin else ""


# --- URLs ------------------------------------------------------------------------------------------------------
def with_query(url: str, **parameters: str) -> str:
    """The URL with these parameters; the others stay as they are, byte for byte. Raises BadAddress."""
    found = parse(url)
    kept = [each for each in (found.query or "").split("&") if each and each.partition("=")[0] not in parameters]
    return str(replace(found, query="&".join([*kept, urlencode(parameters)])))


def has_parameter(url: str, name: str) -> bool:
    """Whether the URL's query sets it already."""
    query = url.partition("#")[0].partition("?")[2]
    return any(each.partition("=")[0] == name for each in query.split("&"))


def has_full_host(url: str) -> bool:
    """Whether its host has a dot: some services take no other for a web address ("http://console:8124/")."""
    try:
        return "." in parse(url).host
    except BadAddress:
        return False


def with_path(url: str, change: Callable[[str], str]) -> str:
    """The URL with another path, made from its own. Raises BadAddress."""
    found = parse(url)
    return str(replace(found, path=change(found.path)))


# --- Answers ---------------------------------------------------------------------------------------------------
def said(answer: Answer) -> dict[str, Any]:
    """The JSON object that the service answered; empty if it was none."""
    try:
        found = json.loads(answer.response.get("body") or "")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def inner(found: dict[str, Any], name: str) -> dict[str, Any]:
    """An object within it; empty if there is none."""
    value = found.get(name)
    return value if isinstance(value, dict) else {}


def words(value: Any, most: int = 120) -> str:
    """A text of the service on one line, without a full stop at its end; empty if it is none."""
    return plain.line(value, most).rstrip(". ") if isinstance(value, str) else ""


def number(value: Any) -> int:
    """A whole number that the service gave as one; 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def seconds(value: Any) -> float | None:
    """A number of seconds to wait, if it is one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LONGEST_WAIT:
        return None
    return float(value)
