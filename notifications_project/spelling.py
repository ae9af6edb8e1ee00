"""Typed texts get one spelling, so that texts which look the same are equal, whichever keyboard they came from.

A letter with an accent is one character or two, and both look alike: names, keys and search terms take the form NFC,
passwords NFKC (RFC 8265). Invisible characters are refused in names: with them, two names could look the same.
"""

from __future__ import annotations

import re
import unicodedata

# Letters, marks and symbols that show nothing, although Python's isprintable accepts them.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0d\uffa0\U000e0100-\U000e01ef]"
    # The variation selectors of emoji are visible only behind a symbol, of which one is a letter, and in a keycap.
    "|(?:^|(?<=[\x00-\x7f\\s\ufe0e\ufe0f])|(?<=[^\\W\u2139]))[\ufe0e\ufe0f](?!\u20e3)"
)


def normalize_text(text: str) -> str:
    """Return the text in the form NFC, without spaces around it."""
    return unicodedata.normalize("NFC", text).strip()


def is_visible(name: str) -> bool:
    """Tell whether a name has no invisible character: no control, no zero width, no change of direction, no filler."""
    return name.isprintable() and not _UNSEEN.search(name)


def normalize_password(password: str) -> str:
    """Return a password in the form NFKC, in which it is set and compared (RFC 8265)."""
    return unicodedata.normalize("NFKC", password)
