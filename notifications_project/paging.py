"""Lists are paged by key, newest first, without offsets and counts of large tables (docs/architecture.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Page(Generic[M]):
    """A page of a list: `items`, newest first; `next` is the `before` of the following page, None at the end."""

    items: list[M]
    next: UUID | None


def get_page(queryset: QuerySet[M], before: UUID | None = None, size: int = 50) -> Page[M]:
    """Return a page of at most `size` rows older than the row `before`; the primary key is a version 7 UUID."""
    if before is not None:
        queryset = queryset.filter(pk__lt=before)
    rows = list(queryset.order_by("-pk")[: size + 1])
    more = len(rows) > size
    return Page(rows[:size], rows[size - 1].pk if more else None)
