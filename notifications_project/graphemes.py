"""Cutting texts between what people see as signs: never within an emoji of several parts or before an accent."""

from __future__ import annotations

import regex

_SIGN = regex.compile(r"\X")
_LONGEST = 64  # code points; what is longer is no sign that anybody writes, and is cut


def begin(text: str, most: int) -> str:
    """The beginning of a text, at most so many code points long."""
    if most <= 0 or len(text) <= most or text[: most + 1].isascii():
        return text[: max(0, most)]
    end = 0
    for sign in _SIGN.finditer(text, 0, most + _LONGEST):
        if sign.end() > most:
            break
        end = sign.end()
    return text[:end] if end or most < _LONGEST else text[:most]
