"""What somebody searches for on a page."""

from __future__ import annotations

from django.http import HttpRequest

from notifications_project.spelling import one_spelling

_LONGEST = 100


def search_text(request: HttpRequest) -> str:
    """The address's `q`, as a database can be asked for it: PostgreSQL's text holds no NUL, names have one spelling."""
    return one_spelling(request.GET.get("q", "").replace("\0", ""))[:_LONGEST]
