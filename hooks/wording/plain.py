"""Anybody's data as plain text on one line: nothing that a screen, a mail header or a JSON parser trips over."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any

from django.utils import dateformat
from django.utils.formats import number_format
from django.utils.translation import npgettext, pgettext

from notifications_project import graphemes

LONGEST = 200  # characters of a value
NAME = 80  # characters of what is named in a sentence
_LISTED = 20  # values of a list
_BROKEN = re.compile("[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_INVISIBLE = {"Cf", "Cc", "Zl", "Zp"}
# They join what belongs together (emoji, Persian) and make flags of regions; they turn no text round.
_JOINERS = {"\u200c", "\u200d", *map(chr, range(0xE0020, 0xE0080))}
_NO_BREAK = "\u00a0"
_HEX = re.compile(r"[0-9a-f]{12,128}", re.IGNORECASE)
NAMES = ("name", "label", "title", "email", "login", "username", "id", "uid", "uuid")
_COMMITS = ("id", "sha", "hash", "commit")


def line(given: str, most: int = LONGEST) -> str:
    """A text on one line without control characters and marks that turn text round, cut with an ellipsis."""
    looked_at = given[: most * 20]
    if not (looked_at.isascii() and looked_at.isprintable()):
        looked_at = "".join(map(_visible, _BROKEN.sub("\ufffd", looked_at)))
    text = " ".join(looked_at.split())
    return cut(f"{text}{'…' if text and len(given) > most * 20 else ''}", most)


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{graphemes.begin(text, most - 1).rstrip()}…"


def _visible(sign: str) -> str:
    if sign.isascii():
        return sign if sign.isprintable() else " "
    if sign in _JOINERS or (kind := unicodedata.category(sign)) not in _INVISIBLE:
        return sign
    return "" if kind == "Cf" else " "


def value(given: Any, most: int = LONGEST) -> str:
    """A value without the signs of JSON; what is nested deeper is counted."""
    if isinstance(given, str):
        return line(given, most)
    if isinstance(given, bool):
        return pgettext("event", "yes") if given else pgettext("event", "no")
    if given is None:
        return pgettext("event", "none")
    if isinstance(given, Mapping):
        return npgettext("event", "(%(count)d value)", "(%(count)d values)", len(given)) % {"count": len(given)}
    if isinstance(given, list):
        if any(isinstance(each, dict | list) for each in given):
            return npgettext("event", "(%(count)d entry)", "(%(count)d entries)", len(given)) % {"count": len(given)}
        more = "…" if len(given) > _LISTED else ""
        return line(", ".join(value(each, most) for each in islice(given, _LISTED)) + more, most)
    return line(str(given), most)


def name(given: Any) -> str:
    """What somebody or something is called: a text, or an object with a name; long codes by their beginning."""
    if isinstance(given, Mapping):
        given = next((given[key] for key in NAMES if isinstance(given.get(key), str) and given[key].strip()), "")
    if isinstance(given, str):
        return line(_shortened(given.strip()), NAME)
    return value(given, NAME) if _is_number(given) else ""


def phrase(given: Any) -> str:
    """A text or a number as it was written; nothing for anything else."""
    return value(given) if isinstance(given, str) or _is_number(given) else ""


def commit(given: Any) -> str:
    """A commit by the beginning of its id."""
    if isinstance(given, Mapping):
        given = next((given[key] for key in _COMMITS if isinstance(given.get(key), str)), "")
    return name(given) if isinstance(given, str) else ""


def branch(given: Any) -> str:
    return name(given.removeprefix("refs/heads/")) if isinstance(given, str) else ""


def address(given: Any) -> str:
    """A URL without the user and password in it."""
    return line(re.sub(r"^(\w[\w+.-]{0,20}://)[^/@\s]*@", r"\1", given[:4000])) if isinstance(given, str) else ""


def tail(url: str) -> str:
    """What a repository is called: "shop" of `https://git.example.com/acme/shop.git`."""
    return name(re.split(r"[/:]", url.rstrip("/"))[-1].removesuffix(".git")) or name(url)


def moment(given: Any) -> str:
    """A point in time, in UTC, to the minute; anything that is none as it was written."""
    when = parsed_time(given)
    return written_time(when) if when else phrase(given)


def written_time(when: datetime, seconds: bool = False) -> str:
    """Date and time as the language writes them: "5 January 2026, 12:30 UTC"."""
    form = pgettext("event", "j F Y, H:i:s") if seconds else pgettext("event", "j F Y, H:i")
    return f"{dateformat.format(when.astimezone(UTC), form)} UTC"


def parsed_time(given: Any) -> datetime | None:
    """The time in an ISO 8601 text with an offset, if it is one that can be written in UTC."""
    if not isinstance(given, str) or len(given) > NAME:
        return None
    try:
        when = datetime.fromisoformat(given)
        return when.astimezone(UTC) if when.tzinfo else None
    except (ValueError, OverflowError):
        return None


def money(amount: Any, currency: Any) -> str:
    """An amount with its currency as the language writes it: "4.20 EUR"; empty for what is no amount."""
    if not isinstance(amount, str) and not _is_number(amount):
        return ""
    try:
        number = Decimal(str(amount)[:NAME])
    except InvalidOperation:
        written = value(amount, NAME)
    else:
        fits = number.is_finite() and abs(number) < Decimal(10) ** 15
        written = number_format(number, decimal_pos=2) if fits else value(amount, NAME)
    return f"{written}{_NO_BREAK}{line(currency, 10)}" if isinstance(currency, str) and currency.strip() else written


def length(seconds: float) -> str:
    """How long something took, in its two largest units: "10 min 42 s"."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        parts = [(hours, pgettext("event", "h")), (minutes, pgettext("event", "min"))]
    else:
        parts = [(minutes, pgettext("event", "min")), (whole % 60, pgettext("event", "s"))]
    told = [f"{count}{_NO_BREAK}{unit}" for count, unit in parts if count]
    return _NO_BREAK.join(told) or f"0{_NO_BREAK}{pgettext('event', 's')}"


def _shortened(text: str) -> str:
    return text[:8] if _HEX.fullmatch(text) and not text.isdecimal() else text


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool)
