"""Loops over rows of many owners are isolated, so that an error of one row does not stop the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import InterfaceError, OperationalError

logger = logging.getLogger(__name__)


@contextmanager
def isolate(what: str, put_aside: Callable[[], object] | None = None) -> Iterator[None]:
    """Log an exception of one row, put the row aside and go on; `what` names the row and the action that failed.

    `put_aside` records that the row is not to be tried again at once: without it the next run would fail on it again.
    Errors of a database that is away are raised, as they concern every row. Within a transaction open another one
    inside this block, because PostgreSQL refuses every statement after an error.
    """
    try:
        yield
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("%s", what)
        if put_aside is not None:
            _put_aside(what, put_aside)


def _put_aside(what: str, put_aside: Callable[[], object]) -> None:
    try:
        put_aside()
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("%s, and that cannot be written down either", what)
