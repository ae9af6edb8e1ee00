"""Lists of the API are paged by key, newest first: `{"results": […], "next": url or null}`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.db.models import Model, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from notifications_project import ids
from notifications_project.api.errors import ApiError, describe_error
from notifications_project.paging import get_page

M = TypeVar("M", bound=Model)

_LIMIT, _MOST = 50, 100


def read_parameters(request: Request, *allowed: str) -> dict[str, str]:
    """Return the query's parameters. Raises the API's 422 for a name that is not `allowed`, and for the character NUL.

    A misspelt filter must not show everything, and PostgreSQL's text cannot hold NUL.
    """
    if unknown := sorted(request.query_params.keys() - {*allowed, "before", "limit"}):
        known = ", ".join([*allowed, "before", "limit"])
        raise ApiError(
            422, [describe_error(f"There is no such parameter here, only {known}.", name) for name in unknown]
        )
    if without := [name for name, value in request.query_params.items() if "\0" in value]:
        raise ApiError(422, [describe_error("Must not contain the character NUL.", name) for name in without])
    return {name: str(value) for name, value in request.query_params.items()}


def parse_identifier(text: str, field: str, *prefixes: str) -> UUID:
    try:
        return ids.decode(text, *prefixes)
    except ValueError as problem:
        raise ApiError(422, [describe_error(f"Not an id: {problem}.", field)]) from None


def answer_newest(
    request: Request,
    queryset: QuerySet[M],
    prefix: str,
    to_json: Callable[[M], dict[str, Any]],
    look: Callable[[Sequence[M]], None] = lambda rows: None,
) -> Response:
    """Answer with one page of rows whose ids are UUIDs of version 7: `?before=` the last id seen, `?limit=` up to 100.

    `look` gets all rows of the page first, so that it can read in one query what `to_json` needs of each.
    """
    query = request.query_params
    before = parse_identifier(query["before"], "before", prefix) if "before" in query else None
    page = get_page(queryset, before, limit(query.get("limit")))
    look(page.items)
    following = page.next and get_next_page(request, {**query.dict(), "before": ids.encode(prefix, page.next)})
    return Response({"results": [to_json(item) for item in page.items], "next": following})


def get_next_page(request: Request, query: Mapping[str, object]) -> str:
    """Return the public address of a list's next page, whatever Host a proxy sends."""
    return f"{settings.PUBLIC_URL}{request.path}?{urlencode(query)}"


def answer_whole(results: Iterable[dict[str, Any]]) -> Response:
    """Answer with a whole list, which is short enough for one page."""
    return Response({"results": list(results), "next": None})


def limit(text: str | None) -> int:
    """Return the size of a page that `?limit=` asks for. Raises the API's 422."""
    if text is None:
        return _LIMIT
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(_MOST)) and 1 <= int(text) <= _MOST):
        raise ApiError(422, [describe_error(f"Must be a whole number from 1 to {_MOST}.", "limit")])
    return int(text)
