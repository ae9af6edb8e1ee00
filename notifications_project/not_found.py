"""Ids in the address or the form of a page: what names nothing is answered with 404."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404

from notifications_project import ids


def decode_or_404(text: str, *prefixes: str) -> UUID:
    """Return the id in a public id. Raises Http404 if it is malformed or has another prefix."""
    try:
        return ids.decode(text, *prefixes)
    except ValueError:
        raise Http404("There is no such id.") from None
