"""Strict reading of JSON from requests, of bounded length, depth and digits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.utils.translation import gettext_noop
from rest_framework import parsers, status
from rest_framework.exceptions import APIException, ParseError

TOO_LONG = gettext_noop("The body is longer than 1 MiB.")
_MOST_DIGITS = 1000  # Python reads no more than 4300


class BodyTooLong(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = TOO_LONG


class JSONParser(parsers.BaseParser):
    """A parser of JSON that reads no body beyond DATA_UPLOAD_MAX_MEMORY_SIZE.

    It refuses NaN, infinities, a name that comes twice in an object, and nesting beyond Python's limit of recursion.
    """

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        body = _read(stream, parser_context or {})
        try:
            text = body.decode("utf-8-sig")
            return json.loads(text, parse_int=_parse_integer, parse_constant=_refuse, object_pairs_hook=_parse_object)
        except UnicodeDecodeError:
            raise ParseError("The body is not UTF-8.") from None
        except RecursionError:
            raise ParseError("The JSON is nested too deeply.") from None
        except ValueError as error:
            raise ParseError(f"The body is not JSON: {error}") from None


def _read(stream: IO[Any], context: Mapping[str, Any]) -> bytes:
    limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    request = context.get("request")
    if request is not None and int(request.META.get("CONTENT_LENGTH") or 0) > limit:
        raise BodyTooLong
    body: bytes = stream.read(limit + 1)
    if len(body) > limit:
        raise BodyTooLong
    return body


def _parse_integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a whole number has more than {_MOST_DIGITS} digits")
    return int(digits)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON value")


def _parse_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has the same name twice")
    return found
