"""Requests for a part of a page."""

from __future__ import annotations

from django.http import HttpRequest


def is_fragment(request: HttpRequest) -> bool:
    """Return True if htmx asks for a part of the page. A boosted link or form takes the whole page."""
    details = request.htmx  # type: ignore[attr-defined]  # set by django-htmx's middleware
    return bool(details) and not details.boosted
