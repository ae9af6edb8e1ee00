"""Names in mails to people who did not ask for them: nothing in them that a mail program makes a link of.

Whoever may name an organization or a hook could otherwise have this console send strangers a link of his own.
"""

from __future__ import annotations

import re

_DOTS = ".\u3002\uff0e\uff61\u2024"  # as browsers read a host name (UTS 46), and one that looks like them
_BEFORE_A_WORD = re.compile(rf"([{_DOTS}]+)(?=\w)")
_SCHEME = re.compile(r"[:\uff1a]+(?=\s*[/\\\uff0f])|(?<=mailto)[:\uff1a]|(?<=tel)[:\uff1a]", re.IGNORECASE)
_AT = re.compile(r"\s*[@\uff20\ufe6b]\s*")


def unlinked(name: str) -> str:
    """Return a name whose dots, colons and @ make no address any more: `evil. example`, `a at b. example`."""
    text = _SCHEME.sub(" ", name)
    text = _AT.sub(" at ", text)
    return " ".join(_BEFORE_A_WORD.sub(r"\1 ", text).split())
