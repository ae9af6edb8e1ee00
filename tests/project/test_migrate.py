"""A second `migrate` waits while the first runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from notifications_project.management.commands import migrate
from tests.conftest import on_postgresql
from tests.environment import SETTINGS
from tests.project.processes import Command

Start = Callable[..., Command]
WAITS = "Another migrate is running"


@pytest.mark.django_db(transaction=True)
def test_a_second_one_waits_for_the_first_and_succeeds(command: Start, database_url: str) -> None:
    with migrate._lock(connection) as is_free:
        assert is_free()
        second = command("migrate", **(SETTINGS | {"DATABASE_URL": database_url}))
        second.wait_for(WAITS)
        assert second.process.poll() is None
    code, said = second.end()
    assert code == 0, said
    assert "No migrations to apply." in said


@pytest.fixture
def empty_database(tmp_path: Path, database_url: str) -> Iterator[str]:
    if not on_postgresql():
        yield f"sqlite:///{tmp_path}/x.sqlite3"
        return
    with psycopg.connect(database_url, autocommit=True) as server:
        server.execute("CREATE DATABASE made_by_two")
        yield f"{database_url.rpartition('/')[0]}/made_by_two"
        server.execute("DROP DATABASE made_by_two WITH (FORCE)")


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_database(command: Start, empty_database: str) -> None:
    given = SETTINGS | {"DATABASE_URL": empty_database}
    results = [one.end() for one in [command("migrate", **given) for _ in range(2)]]
    assert [code for code, _ in results] == [0, 0], results
    assert sum("No migrations to apply." in said for _, said in results) == 1
    assert not any("Traceback" in said for _, said in results)
