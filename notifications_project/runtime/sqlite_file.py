"""The files of an SQLite database are readable by their owner alone, and one complete file after a stop."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from django.conf import settings

LARGE_LOG = 4 * 1024 * 1024  # bytes from which the write-ahead log is cut off
_OTHERS = 0o007


def find_database_file() -> Path | None:
    """Return the file of the database; None if it is not SQLite."""
    described = settings.DATABASES["default"]
    return Path(str(described["NAME"])).absolute() if described["ENGINE"].endswith("sqlite3") else None


def protect() -> None:
    """Make the file if there is none, and let its owner alone read and write it."""
    file = find_database_file()
    if file is None:
        return
    with contextlib.suppress(OSError):  # SQLite will report what is wrong with the path
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    for path in (file, *_get_logs(file)):
        with contextlib.suppress(OSError):  # missing, or another user's, who decides about it
            path.chmod(path.stat().st_mode & ~_OTHERS)


def write_back(*, only_if_large: bool = False) -> None:
    """Write the log back into the database's file and cut it off, so that a copy of that file has everything.

    Does nothing, without waiting, while other connections read or write.
    """
    file = find_database_file()
    if file is None or not file.exists():
        return
    with contextlib.suppress(OSError, sqlite3.Error):
        if only_if_large and _get_logs(file)[0].stat().st_size < LARGE_LOG:
            return
        with contextlib.closing(sqlite3.connect(file, timeout=0.2)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _get_logs(file: Path) -> tuple[Path, Path]:
    return file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")
