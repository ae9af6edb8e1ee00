"""The web server's requests share a few connections to PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import requests

from notifications_project.accounts.models import Organization, User
from tests.conftest import Api
from tests.environment import SETTINGS
from tests.hooks.conftest import free_port
from tests.project.processes import BASE, clean_environment, until

pytestmark = [pytest.mark.postgresql_only, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def server(database_url: str) -> Iterator[str]:
    """Run a real web server on the test's database; return its address."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "web", "--port", str(port)],
        cwd=BASE,
        env=clean_environment() | SETTINGS | {"DATABASE_URL": database_url, "CONSOLE_VENV": "none"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return requests.get(f"{url}/accounts/login/", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    until(answers, 60, "the start of the web server")
    yield url
    process.kill()
    process.wait()


def test_many_requests_do_not_use_up_the_databases_connections(
    server: str, acme: Organization, alice: User, api: Callable[..., Api], database_url: str
) -> None:
    header = {"Authorization": f"Bearer {api(alice).token}"}

    def read(number: int) -> int:
        return requests.get(f"{server}/api/v1/me/", headers=header, timeout=60).status_code

    with ThreadPoolExecutor(20) as threads:
        assert set(threads.map(read, range(100))) == {200}
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid != pg_backend_pid()"
        ).fetchone()
    assert row is not None
    assert row[0] <= 25, "20 of the server's pool, and the test's own"
