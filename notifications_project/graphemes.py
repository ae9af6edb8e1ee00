"""Texts are cut between graphemes: never within an emoji of several parts or before an accent."""

from __future__ import annotations

import regex

_SIGN = regex.compile(r"\X")
_LONGEST = 64  # code points; a longer grapheme is nothing that people write, and is cut within


def cut(text: str, most: int) -> str:
    """Return the beginning of a text, at most `most` code points long."""
    if most <= 0 or len(text) <= most or text[: most + 1].isascii():
        return text[: max(0, most)]
    end = 0
    for sign in _SIGN.finditer(text, 0, most + _LONGEST):
        if sign.end() > most:
            break
        end = sign.end()
    return text[:end] if end or most < _LONGEST else text[:most]
