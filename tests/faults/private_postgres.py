"""A PostgreSQL server that a test may break; the test's own connection uses it too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from environ import Env

from tests.environment import SETTINGS
from tests.postgres import TemporaryPostgres, find_postgres
from tests.project.processes import Command


@contextmanager
def private_postgres(**environment: str) -> Iterator[tuple[TemporaryPostgres, str]]:
    """Run a migrated server; give it with its DATABASE_URL."""
    programs = find_postgres()
    assert programs is not None
    server = TemporaryPostgres(programs, environment=environment)
    with server as url:
        migrate = Command("migrate", "--verbosity", "0", **SETTINGS | {"DATABASE_URL": url})
        code, said = migrate.end()
        assert code == 0, said
        with _connected_to(url):
            yield server, url


@contextmanager
def _connected_to(url: str) -> Iterator[None]:
    there = Env.db_url_config(url)
    before = dict(connection.settings_dict)
    connection.close()
    connection.settings_dict.update({name: there[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")})
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(before)
