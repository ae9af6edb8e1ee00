"""Filters of the log, which tells operators of the console's failures, not of clients' mistakes, and hides keys."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from django.db import InterfaceError, OperationalError

from notifications_project.runtime import absence

# Keys in addresses: to know one is enough to open a page or change something.
_KEYS = re.compile(
    r"(/(?:unsubscribe|confirm|invitations|accounts/confirm-email|accounts/password/reset/key)/)[^/\s\"'?#]+"
)


def mask_keys(text: str) -> str:
    """Return text with the keys in addresses hidden: of password resets, confirmations, invitations, unsubscribing."""
    return _KEYS.sub(r"\1…", text)


class MaskedRecord(logging.LogRecord):
    """A record of any logger, the web server's too, without the keys in its addresses."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(self.args, Mapping):
            self.args = {name: _mask(value) for name, value in self.args.items()}
        elif self.args:
            self.args = tuple(_mask(value) for value in self.args)

    def getMessage(self) -> str:  # noqa: N802  (logging calls it so)
        return mask_keys(super().getMessage())


def _mask(value: object) -> object:
    return mask_keys(value) if isinstance(value, str) else value


class NoClientTraceback(logging.Filter):
    """A filter that logs a wrong Host or a forged form in one line, as the traceback would show Django's code only."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("django.security."):
            record.exc_info = record.exc_text = None
        return True


class NoCutRequests(logging.Filter):
    """A filter that drops uvicorn's error about requests that a stop cuts off, as `up` asks for that."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith("Cancel %s running task(s)")


class NoLostDatabase(logging.Filter):
    """A filter that drops the traceback django-q2 logs again and again without a database; `absence` logs it once."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, OperationalError | InterfaceError):
            return True
        absence.DATABASE.begin(error)
        return False
