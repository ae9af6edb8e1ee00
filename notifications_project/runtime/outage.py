"""Outages of the database are answered with 503, a full disk with 507, in plain words and with one log line.

Such an error passes through Django as any other (its handler for status 500 is `errors.answer_server_error`); an answer
that is marked here is tried once more where that is harmless (`threads`).
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext_noop

logger = logging.getLogger(__name__)

_LOG_EVERY = 60.0  # seconds between log lines of one kind: thousands of requests would fill a full disk even more
# Low bytes of SQLite's error codes: file busy, locked, cannot be opened; not writable, input/output error, disk full.
_SQLITE_AWAY, _SQLITE_FULL = {5, 6, 14}, {8, 10, 13}
_DISK_FULL = "53100"
_logged: dict[int, float] = {}


@dataclass(frozen=True)
class Outage:
    """An outage with its title and text in English, as the log and the API have them; the page translates both."""

    status: int
    title: str
    text: str
    retry_after: int = 0


AWAY = Outage(
    503,
    gettext_noop("The database does not answer"),
    gettext_noop("What was stored stays stored. Try again in a moment."),
    retry_after=5,
)
FULL = Outage(
    507,
    gettext_noop("Nothing can be stored"),
    gettext_noop(
        "The disk of this console's database is full or cannot be written to. Whoever runs the console has to make "
        "room; until then nobody can sign in, and no changes are kept."
    ),
)


def find_outage(error: BaseException | None) -> Outage | None:
    """Return the outage of the database that an exception reports; None for every other error."""
    if not isinstance(error, OperationalError | InterfaceError):
        return None
    cause = error.__cause__
    if (code := getattr(cause, "sqlite_errorcode", None)) is not None:
        return AWAY if code & 0xFF in _SQLITE_AWAY else FULL if code & 0xFF in _SQLITE_FULL else None
    if "psycopg" not in {base.__module__.partition(".")[0] for base in type(cause).__mro__}:
        return None
    state = getattr(cause, "sqlstate", None)
    if state == _DISK_FULL:
        return FULL
    # No state: the connection broke, or there was none. 57P0x: it is being shut down, or starts.
    return AWAY if state is None or state.startswith(("08", "53", "57P0")) else None


def answer(request: HttpRequest, outage: Outage, error: BaseException) -> HttpResponse:
    """Answer people or the API during an outage, and log it in one line."""
    _log(outage, error)
    message = f"{outage.title}. {outage.text}"
    if request.path_info.startswith("/api/"):
        errors = {"errors": [{"field": None, "message": message}]}
        response: HttpResponse = JsonResponse(errors, status=outage.status)
    else:
        # The user cannot be read now, so the language is that of the cookie or the browser.
        with translation.override(translation.get_language_from_request(request)):
            response = render(None, "outage.html", {"outage": outage}, status=outage.status)
    if outage.retry_after:
        response["Retry-After"] = str(outage.retry_after)
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django would add the traceback
    had_connection = getattr(error.__cause__, "had_connection", True)
    response.connection_broke = outage is AWAY and had_connection  # type: ignore[attr-defined]
    return response


def _log(outage: Outage, error: BaseException) -> None:
    now = time.monotonic()
    if now - _logged.get(outage.status, -_LOG_EVERY) >= _LOG_EVERY:
        _logged[outage.status] = now
        logger.error("%s (%s)", outage.title, " ".join(str(error).split())[:300])
