"""The web server's database backend, whose requests share a pool of connections.

The library's pool makes each request wait for its whole time-out while the database is away, and retries to connect
less and less often. Here a request is refused as soon as connecting fails, and each new request tries again.
"""

from __future__ import annotations

import time
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg_pool import PoolTimeout

WAIT = 3.0  # seconds that a request waits while all connections are in use


class NoConnection(psycopg.OperationalError):
    """Raised if there is no connection just now; a retry at once would fail as well."""

    had_connection = False


class _Away:
    """The problem of the last attempt to connect; empty if it succeeded."""

    problem = ""


class NotingConnection(psycopg.Connection[Any]):
    """A connection that notes in `_Away` whether connecting succeeds."""

    @classmethod
    def connect(cls, *args: Any, **more: Any) -> Any:
        try:
            connection = super().connect(*args, **more)
        except Exception as error:
            _Away.problem = str(error) or type(error).__name__
            raise
        _Away.problem = ""
        return connection


class DatabaseWrapper(base.DatabaseWrapper):
    def __init__(self, settings_dict: dict[str, Any], *args: Any, **more: Any) -> None:
        if pool := settings_dict["OPTIONS"].get("pool"):  # no pool for a single plain connection
            pool.setdefault("connection_class", NotingConnection)
        super().__init__(settings_dict, *args, **more)

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection of the pool. Raises OperationalError at once if the database is away."""
        deadline = time.monotonic() + WAIT
        while True:
            try:
                return super().get_new_connection(conn_params)
            except PoolTimeout:
                if _Away.problem or time.monotonic() >= deadline:
                    raise NoConnection(_Away.problem or f"all connections are in use for {WAIT:.0f} s") from None
