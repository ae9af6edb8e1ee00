"""`manage.py migrate`, one at a time: a second one waits for the first, and then finds nothing left to do."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.core.management.commands import migrate
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from notifications_project.runtime import readiness, sqlite_file

_LOCK = 0x636F6E736F6C65  # of this database on PostgreSQL, where it is a number; any, but always the same
_LOOK_EVERY = 0.5


class Command(migrate.Command):
    def execute(self, *args: Any, **options: Any) -> str | None:
        sqlite_file.protect()  # before Django's checks open the database, which makes its file
        return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        with _lock(connection) as is_free:
            if not is_free():
                self.stderr.write("Another migrate is running on this database; waiting for it.")
                while not is_free():
                    time.sleep(_LOOK_EVERY)
            readiness.refuse_demo_on_production(connection)
            super().handle(*args, **options)


@contextlib.contextmanager
def _lock(connection: BaseDatabaseWrapper) -> Iterator[Callable[[], bool]]:
    """Give a function that takes the lock if it is free; what was taken is held until the end of the block."""
    if connection.vendor == "sqlite":
        with _lock_on_directory(Path(str(connection.settings_dict["NAME"])).absolute().parent) as is_free:
            yield is_free
        return
    holder = readiness.plain_connection(connection.settings_dict)
    try:
        with holder.cursor() as cursor:

            def is_free() -> bool:
                # Not pg_advisory_lock: who waits in it has a snapshot, for which CREATE INDEX CONCURRENTLY waits.
                cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
                return bool(cursor.fetchone()[0])

            yield is_free
    finally:
        holder.close()  # which gives the lock back


@contextlib.contextmanager
def _lock_on_directory(directory: Path) -> Iterator[Callable[[], bool]]:
    """Lock the directory, not the file: to close a second descriptor of a database's file ends SQLite's own locks."""
    if not directory.is_dir():
        yield lambda: True  # SQLite says what is wrong
        return
    descriptor = os.open(directory, os.O_RDONLY)

    def is_free() -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    try:
        yield is_free
    finally:
        os.close(descriptor)
