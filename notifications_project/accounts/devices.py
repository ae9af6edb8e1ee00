"""Known browsers, in which a user signed in before, are not locked out by wrong passwords tried elsewhere.

A signed cookie names the address and the browser; the password is needed all the same. Tries from a known browser are
counted for that browser alone, all others for the address. OWASP calls this a device cookie.
"""

from __future__ import annotations

import hashlib
import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase

COOKIE = "console_device"
_LASTS = 365 * 24 * 3600  # seconds
_SALT = "accounts.device"
_MOST_ADDRESSES = 5  # of one browser


def remember(request: HttpRequest, response: HttpResponseBase, address: str) -> None:
    """Mark the browser as known for this address; call it after a sign-in with the address."""
    known = _read(request)
    device = known.pop(_name_address(address), "") or secrets.token_urlsafe(16)
    kept = dict([*known.items(), (_name_address(address), device)][-_MOST_ADDRESSES:])
    response.set_cookie(
        COOKIE,
        signing.dumps(kept, salt=_SALT, compress=True),
        max_age=_LASTS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def find(request: HttpRequest, address: str) -> str:
    """Return the name of this browser if the address signed in here before, else an empty text."""
    return _read(request).get(_name_address(address), "")


def _name_address(address: str) -> str:
    """Return a hash of the address, so that the cookie of a shared computer reveals no addresses."""
    return hashlib.sha256(f"{settings.SECRET_KEY} {address.lower()}".encode()).hexdigest()[:16]


def _read(request: HttpRequest) -> dict[str, str]:
    try:
        known = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=_LASTS)
    except Exception:  # also for a value that is signed but cannot be unpacked
        return {}
    return known if isinstance(known, dict) else {}
