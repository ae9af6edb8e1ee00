"""A new secret on its way from the answer to a POST to the page that shows it: once, and soon.

It waits in the session, encrypted; never in an address, which would be kept by histories and logs. Whoever reads
the page takes it away, so that loading the page again neither shows it nor makes another.
"""

from __future__ import annotations

import time
from typing import Any

from django.http import HttpRequest

from notifications_project.encryption import CannotDecrypt, decrypt, encrypt

LASTS = 120  # seconds: a redirect is followed at once
_KEY = "shown_once"


def stash(request: HttpRequest, what: str, value: Any) -> None:
    """Keep a JSON value for the page that calls `pop` with the same name. Older ones that nobody took go."""
    until = time.time() + LASTS
    waiting = {name: each for name, each in request.session.get(_KEY, {}).items() if each[0] > time.time()}
    request.session[_KEY] = {**waiting, what: [until, encrypt({"what": what, "value": value})]}


def pop(request: HttpRequest, what: str) -> Any:
    """The value, this once; None if it was taken before, or came too late."""
    waiting = request.session.get(_KEY, {})
    if what not in waiting:
        return None
    until, sealed = waiting.pop(what)
    request.session[_KEY] = waiting
    try:
        opened = decrypt(sealed)
    except CannotDecrypt:  # ENCRYPTION_KEYS changed in between
        return None
    return opened["value"] if opened["what"] == what and time.time() < until else None
