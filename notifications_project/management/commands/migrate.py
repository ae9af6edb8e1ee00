"""`manage.py migrate` runs once at a time: a second run waits for the first, and then has nothing left to do."""

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

_LOCK = 0x636F6E736F6C65  # the number of the advisory lock on PostgreSQL; any number, but always the same
_LOOK_EVERY = 0.5


class Command(migrate.Command):
    def execute(self, *args: Any, **options: Any) -> str | None:
        sqlite_file.protect()  # before Django's checks open the database and so make its file, readable by others
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
    """Yield a function that takes the lock if it is free; the lock is released at the end of the block."""
    if connection.vendor == "sqlite":
        with _lock_on_directory(Path(str(connection.settings_dict["NAME"])).absolute().parent) as is_free:
            yield is_free
        return
    holder = readiness.open_plain_connection(connection.settings_dict)
    try:
        with holder.cursor() as cursor:

            def is_free() -> bool:
                # Waiting in pg_advisory_lock would hold a snapshot, for which CREATE INDEX CONCURRENTLY would wait.
                cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
                return bool(cursor.fetchone()[0])

            yield is_free
    finally:
        holder.close()  # closing releases the lock


@contextlib.contextmanager
def _lock_on_directory(directory: Path) -> Iterator[Callable[[], bool]]:
    """Lock the directory, as closing a second descriptor of the database's file would end SQLite's own locks."""
    if not directory.is_dir():
        yield lambda: True  # SQLite will report what is wrong with the directory
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
