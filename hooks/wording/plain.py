"""Turn untrusted data into plain text on one line that is safe for screens, mail headers and JSON parsers."""

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
NAME = 80  # characters of a name in a sentence
_LISTED = 20  # values of a list
_BROKEN = re.compile("[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_INVISIBLE = {"Cf", "Cc", "Zl", "Zp"}
# Joiners (emoji, Persian) and tags (flags of regions). They are invisible but harmless: they do not reverse text.
_JOINERS = {"\u200c", "\u200d", *map(chr, range(0xE0020, 0xE0080))}
_NO_BREAK = "\u00a0"
_HEX = re.compile(r"[0-9a-f]{12,128}", re.IGNORECASE)
NAMES = ("name", "label", "title", "email", "login", "username", "id", "uid", "uuid")
_COMMITS = ("id", "sha", "hash", "commit")


def make_line(given: str, most: int = LONGEST) -> str:
    """Return a text on one line, without control characters and bidirectional marks, cut with an ellipsis."""
    looked_at = given[: most * 20]
    if not (looked_at.isascii() and looked_at.isprintable()):
        looked_at = "".join(map(_show_sign, _BROKEN.sub("\ufffd", looked_at)))
    text = " ".join(looked_at.split())
    return cut(f"{text}{'…' if text and len(given) > most * 20 else ''}", most)


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{graphemes.cut(text, most - 1).rstrip()}…"


def _show_sign(sign: str) -> str:
    if sign.isascii():
        return sign if sign.isprintable() else " "
    if sign in _JOINERS or (kind := unicodedata.category(sign)) not in _INVISIBLE:
        return sign
    return "" if kind == "Cf" else " "


def describe_value(given: Any, most: int = LONGEST) -> str:
    """Return a JSON value in words; nested objects are only counted."""
    if isinstance(given, str):
        return make_line(given, most)
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
        return make_line(", ".join(describe_value(each, most) for each in islice(given, _LISTED)) + more, most)
    return make_line(str(given), most)


def make_name(given: Any) -> str:
    """Return the name in a text or an object, with long hexadecimal codes shortened; empty if there is none."""
    if isinstance(given, Mapping):
        given = next((given[key] for key in NAMES if isinstance(given.get(key), str) and given[key].strip()), "")
    if isinstance(given, str):
        return make_line(_shorten_words(given.strip()), NAME)
    return describe_value(given, NAME) if _is_number(given) else ""


def take_text(given: Any) -> str:
    """Return a text or a number unchanged; empty for anything else."""
    return describe_value(given) if isinstance(given, str) or _is_number(given) else ""


def shorten_commit(given: Any) -> str:
    """Return the first characters of a commit's id, from an id or an object."""
    if isinstance(given, Mapping):
        given = next((given[key] for key in _COMMITS if isinstance(given.get(key), str)), "")
    return make_name(given) if isinstance(given, str) else ""


def get_branch(given: Any) -> str:
    return make_name(given.removeprefix("refs/heads/")) if isinstance(given, str) else ""


def strip_user(given: Any) -> str:
    """Remove the user and password from a URL."""
    return make_line(re.sub(r"^(\w[\w+.-]{0,20}://)[^/@\s]*@", r"\1", given[:4000])) if isinstance(given, str) else ""


def get_last_part(url: str) -> str:
    """Return the last part of a repository's URL: "shop" from `https://git.example.com/acme/shop.git`."""
    return make_name(re.split(r"[/:]", url.rstrip("/"))[-1].removesuffix(".git")) or make_name(url)


def format_moment(given: Any) -> str:
    """Return a time in UTC, to the minute; any other text unchanged."""
    when = parse_time(given)
    return format_time(when) if when else take_text(given)


def format_time(when: datetime, seconds: bool = False) -> str:
    """Format date and time in the active language: "5 January 2026, 12:30 UTC"."""
    form = pgettext("event", "j F Y, H:i:s") if seconds else pgettext("event", "j F Y, H:i")
    return f"{dateformat.format(when.astimezone(UTC), form)} UTC"


def parse_time(given: Any) -> datetime | None:
    """Parse an ISO 8601 text with an offset; None for anything else, and for times that do not exist in UTC."""
    if not isinstance(given, str) or len(given) > NAME:
        return None
    try:
        when = datetime.fromisoformat(given)
        return when.astimezone(UTC) if when.tzinfo else None
    except (ValueError, OverflowError):
        return None


def format_money(amount: Any, currency: Any) -> str:
    """Format an amount with its currency in the active language: "4.20 EUR"; empty if it is no amount."""
    if not isinstance(amount, str) and not _is_number(amount):
        return ""
    try:
        number = Decimal(str(amount)[:NAME])
    except InvalidOperation:
        written = describe_value(amount, NAME)
    else:
        fits = number.is_finite() and abs(number) < Decimal(10) ** 15
        written = number_format(number, decimal_pos=2) if fits else describe_value(amount, NAME)
    return (
        f"{written}{_NO_BREAK}{make_line(currency, 10)}" if isinstance(currency, str) and currency.strip() else written
    )


def format_length(seconds: float) -> str:
    """Format a duration in its two largest units: "10 min 42 s"."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        parts = [(hours, pgettext("event", "h")), (minutes, pgettext("event", "min"))]
    else:
        parts = [(minutes, pgettext("event", "min")), (whole % 60, pgettext("event", "s"))]
    told = [f"{count}{_NO_BREAK}{unit}" for count, unit in parts if count]
    return _NO_BREAK.join(told) or _NO_BREAK.join(("0", pgettext("event", "s")))


def _shorten_words(text: str) -> str:
    return text[:8] if _HEX.fullmatch(text) and not text.isdecimal() else text


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool)
