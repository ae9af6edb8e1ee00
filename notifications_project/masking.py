"""Hiding the parts of an address that are secrets."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

DOTS = "••••••"

_LONG = 16  # letters and digits of a segment that may be a token
_ODD = 8  # of them, at least, in no name, and a third of all
# What people call things: "v2", "team42", "alerts", "IncomingWebhook", "API", "2026".
_NAME = re.compile(r"[A-Za-z]|\d{1,5}|v\d{1,4}|[A-Z]{2,12}\d{0,4}|[A-Z]?[a-z]{2,24}(?:[A-Z][a-z]{2,24}){0,4}\d{0,4}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_BETWEEN = re.compile(r"[^A-Za-z0-9]+")


def mask(value: str) -> str:
    """A URL without the parts that hold secrets, anything else by its beginning only.

    Secret are user and password, the query, and segments of the path that look like a random token: many
    services give each customer a URL of its own, which is all that it takes to post there.
    """
    if "://" not in value:
        return f"{value[:4]}{DOTS}" if value else ""
    try:
        parts = urlsplit(value)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return DOTS
    user = f"{DOTS}@" if "@" in parts.netloc else ""
    path = "/".join(DOTS if _looks_secret(segment) else segment for segment in parts.path.split("/"))
    return urlunsplit((parts.scheme, user + host, path, DOTS if parts.query else "", ""))


def _looks_secret(segment: str) -> bool:
    """Whether it is long and so much of it no name that it must be random."""
    parts = _BETWEEN.split(segment)
    long = sum(map(len, parts))
    odd = sum(len(part) for part in parts if not _NAME.fullmatch(part))
    return bool(_UUID.search(segment)) or (long >= _LONG and odd >= max(_ODD, long / 3))
