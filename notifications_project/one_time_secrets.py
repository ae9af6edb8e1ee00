"""One-time secrets travel from the answer to a POST to the page that shows them once.

They wait in the session, encrypted; never in an address, which histories and logs would keep. Reading the page
removes the secret, so that loading the page again neither shows it nor makes another.
"""

from __future__ import annotations

import time
from typing import Any

from django.http import HttpRequest

from notifications_project.encryption import CannotDecrypt, decrypt, encrypt

LASTS = 120  # seconds, enough as a redirect is followed at once
_KEY = "shown_once"


def stash(request: HttpRequest, what: str, value: Any) -> None:
    """Keep a JSON value for the page that calls `pop` with the same name, and drop older values that nobody took."""
    until = time.time() + LASTS
    waiting = {name: each for name, each in request.session.get(_KEY, {}).items() if each[0] > time.time()}
    request.session[_KEY] = {**waiting, what: [until, encrypt({"what": what, "value": value})]}


def pop(request: HttpRequest, what: str) -> Any:
    """Return and remove the value; None if it was taken before or is too old."""
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
