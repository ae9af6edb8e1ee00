"""The test database: migrated once and copied, emptied after a test by looking at what has rows."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.test import TransactionTestCase
from django.test.utils import setup_databases

from hooks.signal_handlers import keep_the_schedule

BASE = Path(__file__).resolve().parent.parent
KEPT_IN = BASE / ".pytest_cache" / "databases"
FROM_MIGRATING = {"django_migrations", "django_content_type", "auth_permission"}  # rows that no test changes
TEMPLATE = "migrated"  # the database on the private PostgreSQL that the processes of one run copy
_LOCK = 0x74657374  # any number
DECIDE = [
    "events/migrations/*.py",
    "hooks/migrations/*.py",
    "notifications_project/*/migrations/*.py",
    "notifications_project/settings.py",
    "hooks/signal_handlers.py",
    "requirements/run.txt",
]


# --- After a test that commits -------------------------------------------------------------------------------
def empty_tables_quickly() -> None:
    """Let tests that commit be followed by `empty_tables` instead of Django's `flush`.

    `flush` empties every table, which takes PostgreSQL a tenth of a second and more, and then writes all
    permissions anew: most of the time that such a test takes.
    """
    TransactionTestCase._fixture_teardown = lambda self: empty_tables()  # type: ignore[attr-defined]


def empty_tables() -> None:
    """Leave the database as migrating leaves it: no rows but those of FROM_MIGRATING, and the sweep's schedule."""
    names = set(connection.introspection.table_names()) - FROM_MIGRATING
    with transaction.atomic(), connection.cursor() as cursor:
        for name in _with_rows(cursor, sorted(names)):
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(name)}")
        if "django_q_schedule" in names:
            keep_the_schedule(sender=None, using=DEFAULT_DB_ALIAS)


def _with_rows(cursor: Any, names: list[str]) -> list[str]:
    """Return the tables that have rows, with one query; SQLite takes a few hundred in one."""
    if not names:
        return []
    asked = [f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {connection.ops.quote_name(name)})" for name in names]
    cursor.execute(" UNION ALL ".join(asked))
    return [name for (name,) in cursor.fetchall()]


# --- Migrated once -------------------------------------------------------------------------------------------
def make_sqlite(database: Path) -> None:
    """Make the test database from the kept file."""
    copy_migrated(database)
    setup_databases(verbosity=0, interactive=False, keepdb=True)


def make_postgresql() -> None:
    """Make the test database: the first process of a run migrates one and leaves a copy, the others begin with that."""
    name = connection.ops.quote_name(connection.creation._get_test_db_name())  # type: ignore[attr-defined]
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])  # given back with the connection
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE])
        if not cursor.fetchone():
            setup_databases(verbosity=0, interactive=False)
            connections.close_all()  # a database that somebody is in cannot be copied
            cursor.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE {name}")
            return
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    setup_databases(verbosity=0, interactive=False, keepdb=True)


def copy_migrated(database: Path) -> None:
    """Begin an SQLite database with a copy of the migrated one; its owner alone may read it, as the console wants."""
    shutil.copyfile(migrated_sqlite(), database)
    database.chmod(0o600)


def migrated_sqlite() -> Path:
    """Return a migrated SQLite file, kept from run to run; made here by `manage.py migrate` if there is none yet."""
    KEPT_IN.mkdir(parents=True, exist_ok=True)
    file = KEPT_IN / f"{fingerprint()}.sqlite3"
    with (KEPT_IN / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # processes that start together make one
        if not file.exists():
            for former in KEPT_IN.glob("*.sqlite3*"):
                former.unlink()
            _migrate(file)
    return file


def _migrate(file: Path) -> None:
    new = file.with_suffix(".sqlite3.new")
    environment = os.environ | {"DATABASE_URL": f"sqlite:///{new}", "CONSOLE_VENV": "none"}
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0", "--no-input"]
    subprocess.run(command, cwd=BASE, env=environment, check=True)
    with contextlib.closing(sqlite3.connect(new)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # a plain copy of the file has everything
    new.replace(file)


def fingerprint() -> str:
    """Return what names a migrated database: another where the migrations, the packages or the settings differ."""
    text = hashlib.sha256(f"{sys.version_info[:2]} {sqlite3.sqlite_version}".encode())
    for path in sorted(path for pattern in DECIDE for path in BASE.glob(pattern)):
        text.update(path.relative_to(BASE).as_posix().encode() + b"\0" + path.read_bytes())
    return text.hexdigest()[:16]
