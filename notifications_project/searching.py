"""Search terms of pages."""

from __future__ import annotations

from django.http import HttpRequest

from notifications_project.spelling import normalize_text

_LONGEST = 100


def search_text(request: HttpRequest) -> str:
    """Return `q` of the address in the form NFC, as names are stored, and without NUL, which PostgreSQL refuses."""
    return normalize_text(request.GET.get("q", "").replace("\0", ""))[:_LONGEST]
