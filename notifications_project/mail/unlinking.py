"""Names in mails to people who did not ask for them are unlinked: mail programs find no link in them.

Otherwise a user who may name an organization or a hook could have this console send strangers a link. Mail programs
recognize schemes, `www.`, bare domains, addresses, IP and phone numbers; letters and words are left as they are, so
that a name is still recognized.
"""

from __future__ import annotations

import re

# Dots that browsers accept in a host name (UTS 46), and characters that look like dots.
_DOTS = ".\u3002\uff0e\uff61\u2024\ufe52\u2027\u30fb\uff65\u06d4\u0701\u0702\ua4f8"
_COLONS = ":\uff1a\ufe55\u2236\ua789"
_BEFORE_A_SIGN = re.compile(rf"([{_DOTS}]+)(?=[^\s{_DOTS}])")
_SCHEME = re.compile(
    rf"[{_COLONS}]+(?=\s*[/\\\uff0f\u2044\u2215])|(?<=mailto)[{_COLONS}]|(?<=tel)[{_COLONS}]", re.IGNORECASE
)
_COLON = re.compile(rf"([{_COLONS}]+)(?=[^\s{_COLONS}])")
_SHARE = re.compile(r"[/\\\uff0f\u2044\u2215]{2,}")  # `//host`, and `\\host` of Windows
_AT = re.compile(r"\s*[@\uff20\ufe6b]\s*")
_PHONE = re.compile(r"(\+?\s?\d(?:[\s().\-\u2010-\u2015/]*\d){2})(?:[\s().\-\u2010-\u2015/]*\d){4,}")


def unlink(name: object) -> str:
    """Return a name without addresses: `evil. example`, `a at b. example`; of a long number only its beginning."""
    text = _PHONE.sub(r"\1…", str(name))
    text = _SHARE.sub(" ", _SCHEME.sub(" ", text))
    text = _COLON.sub(r"\1 ", _AT.sub(" at ", text))
    return " ".join(_BEFORE_A_SIGN.sub(r"\1 ", text).split())
