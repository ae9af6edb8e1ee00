"""Errors of the API have one form: `{"errors": [{"field": …, "message": …, "index"?: …}]}`.

`field` is null where no field is to blame; `index` is the place in a list of events. The status says what kind of
error it is: 400 cannot be read, 401 and 403 not allowed, 404 not there, 409 another content under the same
idempotency key, 413 too long, 415 not JSON, 422 a field is wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import BadRequest, DisallowedHost, RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from django.utils import translation
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from notifications_project.api.parsing import BodyTooLong
from notifications_project.field_errors import FieldErrors
from notifications_project.runtime import outage
from notifications_project.runtime.waiting import Busy


def describe_error(message: str, field: str | None = None, index: int | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"field": field and _make_printable(field), "message": _make_printable(message)}
    return found if index is None else found | {"index": index}


def _make_printable(text: str) -> str:
    """Return text that UTF-8 can encode: an error may repeat a sent text with half of a surrogate pair."""
    return text.encode(errors="replace").decode()


class ApiError(exceptions.APIException):
    """Raised by views to answer with a status and errors made by `describe_error`; `wait` is Retry-After in seconds."""

    wait: int | None = None

    def __init__(self, status_code: int, errors: Iterable[dict[str, Any]]) -> None:
        self.status_code = status_code
        self.errors = list(errors)
        super().__init__("; ".join(each["message"] for each in self.errors))


def make_invalid(errors: Mapping[str, str]) -> ApiError:
    """Return an error with status 422 and these messages by field."""
    return ApiError(422, (describe_error(message, field) for field, message in errors.items()))


@contextmanager
def answer_field_errors() -> Iterator[None]:
    """Turn what the domain calls invalid into the API's 422."""
    try:
        yield
    except FieldErrors as problem:
        raise make_invalid(problem.errors) from None


def handle(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Answer an exception for the REST framework; None leaves it to Django, as an error of the server."""
    if isinstance(exc, RequestDataTooBig):
        exc = BodyTooLong()
    if isinstance(exc, Busy):
        refused = {"errors": [describe_error(str(exc))]}
        return Response(refused, status=exc.status, headers={"Retry-After": str(exc.retry_after)})
    response = exception_handler(exc, context)
    if response is None:
        return None
    if isinstance(exc, ApiError):
        errors = exc.errors
    else:
        errors = [describe_error(str(response.data["detail"]))]
    response.data = {"errors": errors}
    return response


def answer_bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer a request that cannot be read: in the API's form below /api/, with a page elsewhere."""
    if request.path_info.startswith("/api/"):
        message = _UNKNOWN_HOST if isinstance(exception, DisallowedHost) else "The request cannot be read."
        return JsonResponse({"errors": [describe_error(message)]}, status=400)
    _read_form(request)
    # A bad host name is found before the middleware that knows the user's language.
    with translation.override(translation.get_language_from_request(request)):
        return defaults.bad_request(request, exception)


_UNKNOWN_HOST = "The host name of this request is not one of this console's."


def answer_forbidden(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer a request that its user may not make, with a page; views of the API answer it by themselves."""
    _read_form(request)
    return defaults.permission_denied(request, exception)


def answer_not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer an address that does not exist: in the API's form below /api/, with a page elsewhere."""
    if request.path_info.startswith("/api/"):
        return JsonResponse({"errors": [describe_error("There is nothing at this address.")]}, status=404)
    _read_form(request)
    return defaults.page_not_found(request, exception)


def _read_form(request: HttpRequest) -> None:
    """Mark a form that cannot be read, as the CSRF check of Django's error pages would raise for it: a 500 instead."""
    try:
        request.POST  # noqa: B018
    except (MultiPartParserError, BadRequest, SuspiciousOperation):
        request._mark_post_parse_error()  # type: ignore[attr-defined]


def answer_server_error(request: HttpRequest) -> HttpResponse:
    """Answer an error of the console itself: in the API's form below /api/, with a page elsewhere."""
    problem = sys.exception()
    if problem and (found := outage.find_outage(problem)):
        return outage.answer(request, found, problem)
    if request.path_info.startswith("/api/"):
        return JsonResponse({"errors": [describe_error("Something went wrong here; it was logged.")]}, status=500)
    _read_form(request)
    return defaults.server_error(request)
