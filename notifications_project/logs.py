"""What the log leaves out: it tells operators of failures of ours, not of what clients do wrong."""

from __future__ import annotations

import logging


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
