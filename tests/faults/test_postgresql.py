"""PostgreSQL goes down in the middle of the work, as in a crash, and comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from tests.faults.console import Console
from tests.faults.private_postgres import private_postgres
from tests.faults.sizes import size
from tests.postgres import TemporaryPostgres

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql_only]


@pytest.fixture
def server_and_url(transactional_db: None) -> Iterator[tuple[TemporaryPostgres, str]]:
    with private_postgres() as server_and_url:
        yield server_and_url


@pytest.fixture
def server(server_and_url: tuple[TemporaryPostgres, str]) -> TemporaryPostgres:
    return server_and_url[0]


@pytest.fixture
def database_url(server_and_url: tuple[TemporaryPostgres, str]) -> str:
    return server_and_url[1]


def test_restarting_postgresql_in_the_middle_of_the_work_loses_nothing(
    console: Console, server: TemporaryPostgres
) -> None:
    """PostgreSQL restarted in the middle of the work, twice"""
    console.add_hooks("one", "two", "three", "four")
    console.receiver.takes = 0.1
    console.record(size(100))
    console.worker()
    for _ in range(2):
        console.busy(size(20))
        server.restart_at_once()
        connection.close()
    console.record(size(5))
    console.all_arrive()
