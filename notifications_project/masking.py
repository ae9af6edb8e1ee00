"""Hiding the parts of an address that are secrets."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

DOTS = "••••••"


def mask(value: str) -> str:
    """A URL without the parts that hold secrets (user and password, query), anything else by its beginning only."""
    if "://" not in value:
        return f"{value[:4]}{DOTS}" if value else ""
    try:
        parts = urlsplit(value)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return DOTS
    user = f"{DOTS}@" if "@" in parts.netloc else ""
    return urlunsplit((parts.scheme, user + host, parts.path, DOTS if parts.query else "", ""))
