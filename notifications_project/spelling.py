"""One spelling for what people type: what looks the same is the same, whichever keyboard or program it came from.

A letter with an accent is one character or two, and both look alike: names, keys and search terms take the form NFC,
passwords NFKC (RFC 8265). What cannot be seen is refused in names: with it, two of them would look the same.
"""

from __future__ import annotations

import re
import unicodedata

# Letters, marks and symbols that Python takes for printable, and that show nothing. Variation selectors are not among
# them: an emoji is typed with one.
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\U000e0100-\U000e01ef]")


def one_spelling(text: str) -> str:
    """The text in the form NFC, without spaces around it."""
    return unicodedata.normalize("NFC", text).strip()


def is_visible(name: str) -> bool:
    """Whether nothing in a name is hidden: no control, no zero width, no change of direction, no filler."""
    return name.isprintable() and not _UNSEEN.search(name)


def password_spelling(password: str) -> str:
    """The form in which a password is set and compared."""
    return unicodedata.normalize("NFKC", password)
