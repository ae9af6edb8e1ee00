"""What the log leaves out: it tells operators of failures of ours, not of what clients do wrong."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from django.db import InterfaceError, OperationalError

from notifications_project.runtime import absence

# What opens a page or changes something for whoever knows the address.
_KEYS = re.compile(
    r"(/(?:unsubscribe|confirm|invitations|accounts/confirm-email|accounts/password/reset/key)/)[^/\s\"'?#]+"
)


def mask_keys(text: str) -> str:
    """Hide the keys in addresses: of password resets, confirmations, invitations, links to unsubscribe."""
    return _KEYS.sub(r"\1…", text)


class MaskedRecord(logging.LogRecord):
    """A line of any log, the web server's own too, without the keys in its addresses."""

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
    """A host that is not ours, a forged form: one line, as the traceback would show nothing but Django's own code."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("django.security."):
            record.exc_info = record.exc_text = None
        return True


class NoCutRequests(logging.Filter):
    """Uvicorn calls it an error that a stop does not wait for requests that hang; it is what `up` asks it to do."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith("Cancel %s running task(s)")


class NoLostDatabase(logging.Filter):
    """While the database is away django-q2 logs a traceback at each look at its schedule; `absence` tells it once."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, OperationalError | InterfaceError):
            return True
        absence.DATABASE.begin(error)
        return False
