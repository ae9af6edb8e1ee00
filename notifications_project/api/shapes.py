"""Shapes of the bodies that are sent to the API: known fields only, each of its JSON type.

Here `"true"` is no boolean and 7 is no text. The domain checks the meaning of the values.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import UnionType
from typing import Any

from rest_framework.exceptions import ParseError

from notifications_project.api.errors import make_invalid

# `(str,)` is a list of texts, `(str, None)` such a list or null, `dict | None` an object or null.
Shape = type | tuple[type] | tuple[type, None] | UnionType

_WORDS: dict[Any, str] = {
    bool: "true or false",
    str: "a text",
    str | None: "a text or null",
    int: "a whole number",
    int | float: "a number",
    dict: "an object",
    dict | None: "an object or null",
}


def check_body(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ParseError("The body must be a JSON object.")
    return data


def check(
    data: Mapping[str, Any], shapes: Mapping[str, Shape], required: frozenset[str] = frozenset(), where: str = ""
) -> None:
    """Raise the API's 422 if fields are unknown, missing or of another type; it names each of them."""
    problems: dict[str, str] = {}
    for name, value in data.items():
        if name not in shapes:
            problems[f"{where}{name}"] = f"Is not known here; the fields are {', '.join(shapes)}."
        elif not _fits(value, shapes[name]):
            problems[f"{where}{name}"] = f"Must be {_describe_shape(shapes[name])}."
        elif unfit := _find_unstorable(value):
            problems[f"{where}{name}"] = unfit
    problems |= {f"{where}{name}": "Is missing." for name in sorted(required - data.keys())}
    if problems:
        raise make_invalid(problems)


def _fits(value: Any, shape: Shape) -> bool:
    if isinstance(shape, tuple):
        if value is None:
            return None in shape
        return isinstance(value, list) and all(_fits(each, shape[0]) for each in value)
    if isinstance(value, str):
        return shape in (str, str | None)
    if isinstance(value, bool):  # a bool is an int to isinstance, so true would pass as a number
        return shape is bool
    return isinstance(value, shape)


def _find_unstorable(value: Any) -> str:
    """Say why no database can hold this text, or a text of this list; empty if it can."""
    for text in value if isinstance(value, list) else [value]:
        if isinstance(text, str):
            if "\0" in text:
                return "Must not contain control characters such as NUL."
            if any("\ud800" <= character <= "\udfff" for character in text):
                return "Contains half of a surrogate pair, which is no character."
    return ""


def _describe_shape(shape: Shape) -> str:
    if not isinstance(shape, tuple):
        return _WORDS[shape]
    return f"a list, each {_WORDS[shape[0]]}{', or null' if None in shape else ''}"
