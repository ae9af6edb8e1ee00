"""SQLite's files are readable by their owner alone, and after a stop one file has everything."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from notifications_project.runtime import sqlite_file
from tests.environment import SETTINGS
from tests.project.processes import Command, until

pytestmark = pytest.mark.sqlite_only
Start = Callable[..., Command]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "console.sqlite3"
    monkeypatch.setattr(sqlite_file, "find_database_file", lambda: found)
    return found


def write(file: Path, rows: int) -> sqlite3.Connection:
    """Write rows; return the open connection, which keeps the write-ahead log."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("CREATE TABLE t (x)")
    connection.executemany("INSERT INTO t VALUES (?)", [["x" * 4000]] * rows)
    return connection


def rows_in_a_plain_copy(file: Path) -> int:
    copy = file.with_name("copy.sqlite3")
    copy.write_bytes(file.read_bytes())
    return int(sqlite3.connect(copy).execute("SELECT count(*) FROM t").fetchone()[0])


def test_what_is_written_back_is_in_the_one_file(file: Path) -> None:
    connection = write(file, 20)
    sqlite_file.write_back()
    assert file.with_name("console.sqlite3-wal").stat().st_size == 0
    assert rows_in_a_plain_copy(file) == 20
    connection.close()


def test_a_large_log_is_cut_off_and_a_small_one_left(file: Path) -> None:
    log = file.with_name("console.sqlite3-wal")
    connection = write(file, 20)
    sqlite_file.write_back(only_if_large=True)
    assert log.stat().st_size > 0
    connection.executemany("INSERT INTO t VALUES (?)", [["x" * 4000]] * 1500)
    sqlite_file.write_back(only_if_large=True)
    assert log.stat().st_size == 0
    connection.close()


def test_nobody_is_waited_for_and_nothing_is_lost_while_others_read(file: Path) -> None:
    connection, reader = write(file, 20), sqlite3.connect(file, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM t").fetchone()
    connection.execute("INSERT INTO t VALUES (1)")
    sqlite_file.write_back()
    assert connection.execute("SELECT count(*) FROM t").fetchone()[0] == 21
    for one in (reader, connection):
        one.close()


def test_a_database_is_made_for_its_owner_alone(command: Start, tmp_path: Path) -> None:
    file = tmp_path / "x.sqlite3"
    given = SETTINGS | {"DATABASE_URL": f"sqlite:///{file}"}
    assert command("migrate", "--verbosity", "0", **given).end() == (0, "")
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("x.sqlite3*")} == {"x.sqlite3": 0o600}


def test_one_that_others_could_read_is_taken_from_them_and_a_group_keeps_it(file: Path) -> None:
    file.touch()
    file.chmod(0o664)
    sqlite_file.protect()
    assert file.stat().st_mode & 0o777 == 0o660


@pytest.mark.django_db(transaction=True)
def test_stopped_workers_leave_no_log_to_be_forgotten(command: Start, database_url: str) -> None:
    running = command("worker", **(SETTINGS | {"DATABASE_URL": database_url}))
    running.wait_for("Workers are running")
    until(lambda: len(running.family()) >= 7, 20, "the start of the cluster")
    os.kill(running.process.pid, signal.SIGTERM)
    assert running.end()[0] == 0
    log = Path(f"{database_url.removeprefix('sqlite:///')}-wal")
    assert not log.exists() or log.stat().st_size == 0
