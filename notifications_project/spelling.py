"""One spelling for what people type: what looks the same is the same, whichever keyboard or program it came from.

A letter with an accent is one character or two, and both look alike: names, keys and search terms take the form NFC,
passwords NFKC (RFC 8265). What cannot be seen is refused in names: with it, two of them would look the same.
"""

from __future__ import annotations

import re
import unicodedata

# Letters, marks and symbols that Python takes for printable, and that show nothing.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0d\uffa0\U000e0100-\U000e01ef]"
    # The selectors of emoji; they show something behind a symbol (of which one is a letter) and in a keycap only.
    "|(?:^|(?<=[\x00-\x7f\\s\ufe0e\ufe0f])|(?<=[^\\W\u2139]))[\ufe0e\ufe0f](?!\u20e3)"
)


def one_spelling(text: str) -> str:
    """The text in the form NFC, without spaces around it."""
    return unicodedata.normalize("NFC", text).strip()


def is_visible(name: str) -> bool:
    """Whether nothing in a name is hidden: no control, no zero width, no change of direction, no filler."""
    return name.isprintable() and not _UNSEEN.search(name)


def password_spelling(password: str) -> str:
    """The form in which a password is set and compared."""
    return unicodedata.normalize("NFKC", password)
