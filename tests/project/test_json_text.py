"""Foreign JSON is read or refused, and never causes an error of the console."""

from __future__ import annotations

import sys

import pytest

from notifications_project import json_text
from notifications_project.templatetags import look

DEEP = "[" * 100_000
NESTED_BUT_CLOSED = "[" * (sys.getrecursionlimit() - 100) + "]" * (sys.getrecursionlimit() - 100)
HALF = '{"type": "\\ud83d"}'


@pytest.mark.parametrize("text", [DEEP, DEEP.encode(), "{", "", b"\xff"], ids=range(5))
def test_what_cannot_be_read_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        json_text.parse(text)


@pytest.mark.parametrize("text", [DEEP, HALF, NESTED_BUT_CLOSED], ids=["deep", "half", "closed"])
def test_what_cannot_be_shown_as_json_is_shown_as_it_is(text: str) -> None:
    assert look.pretty(text).replace("\n", "").replace(" ", "") == text.replace(" ", "")
    look.pretty(text).encode()


@pytest.mark.parametrize("text", [HALF, HALF.encode(), HALF.replace("d83d", "DE00")], ids=range(3))
def test_half_of_a_pair_is_read_as_no_character(text: str | bytes) -> None:
    assert json_text.parse(text) == {"type": "\ufffd"}


def test_characters_that_are_pairs_are_read() -> None:
    assert json_text.parse('"\\ud83d\\ude00"') == "😀"
    assert json_text.indent(b'{"a": [1]}') == '{\n  "a": [\n    1\n  ]\n}'
