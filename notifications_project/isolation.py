"""Loops that serve many: what goes wrong with one row is that row's alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import InterfaceError, OperationalError

logger = logging.getLogger(__name__)


@contextmanager
def isolated(what: str, put_aside: Callable[[], object] | None = None) -> Iterator[None]:
    """Log an exception of one row, put the row aside and go on; `what` names the row and what could not be done.

    `put_aside` writes down that the row is not to be tried again at once: without it the next run would fail alike. A
    database that is away concerns every row, so that its errors pass. Inside a transaction open another one within
    this block, as PostgreSQL refuses everything after an error.
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
