"""Requests that wait for a network hold no database connection, and their number is bounded.

A request that kept its connection while a slow server answers would keep it from all others: the pool has 20. Each
such request also occupies a thread.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from django.db import connections
from django.utils.translation import gettext

from notifications_project.runtime.turns import end_turn


class Busy(Exception):
    """Raised if too many such requests run: of this user, status 429, or in all, 503. The message is for people."""

    retry_after = 5

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@contextmanager
def release_database() -> Iterator[None]:
    """Return this thread's connections to the pool and end its turn; wait for the network inside the block.

    The next query takes a connection again. Must not be called in a transaction.
    """
    for connection in connections.all(initialized_only=True):
        if connection.vendor == "postgresql" and not connection.in_atomic_block:
            connection.close()
    end_turn()
    yield


class Seats:
    """A bounded number of seats in this process, for checks: `total` in all, `each` for one user."""

    def __init__(self, *, each: int, total: int) -> None:
        self._each, self._total = each, total
        self._taken: Counter[Hashable] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def take(self, who: Hashable) -> Iterator[None]:
        """Hold a seat while the block runs. Raises Busy."""
        with self._lock:
            if self._taken[who] >= self._each:
                message = gettext("You have %(number)s checks running. Wait until one of them has ended.")
                raise Busy(429, message % {"number": self._each})
            if self._taken.total() >= self._total:
                raise Busy(503, gettext("Too many checks are running just now. Try again in a moment."))
            self._taken[who] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[who] -= 1
                self._taken += Counter()  # removes users without a seat
