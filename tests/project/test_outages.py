"""People and the API get plain answers while the database is away, restarted or full, and the log stays short."""

from __future__ import annotations

import http.client
import logging
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse

from hooks.engine import broker
from notifications_project.accounts.models import Organization, User
from notifications_project.runtime import absence, cluster, outage
from tests.conftest import Api
from tests.environment import SETTINGS
from tests.hooks.conftest import free_port
from tests.postgres import TemporaryPostgres, find_postgres
from tests.project.processes import BASE, clean_environment, until


@pytest.fixture(autouse=True)
def nothing_was_logged_before() -> None:
    outage._logged.clear()


_SESSIONS = "django_session (session_key, session_data, expire_date)"


# --- A full disk ---------------------------------------------------------------------------------------------
@pytest.fixture
def full_disk(transactional_db: None) -> Iterator[None]:
    """Make SQLite behave as on a disk without room for another page."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA page_count")
        cursor.execute(f"PRAGMA max_page_count = {cursor.fetchone()[0]}")
        # All free pages first; then the room that is left in the page of the sessions, down to the smallest row.
        for table, sizes in (("accounts_counter (key, value, expires_at)", [50]), (_SESSIONS, [400, 40, 0])):
            for size in sizes:
                with pytest.raises(OperationalError, match="full"):
                    for _ in range(100_000):
                        row = [uuid.uuid4().hex, "x" * size, "2000-01-01"]
                        cursor.execute(f"INSERT INTO {table} VALUES (%s, %s, %s)", row)
    yield
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA max_page_count = 1073741823")
    cache.clear()


@pytest.mark.sqlite_only
def test_signing_in_says_that_the_disk_is_full(
    client: Client, alice: User, full_disk: None, caplog: pytest.LogCaptureFixture
) -> None:
    client.raise_request_exception = False
    sign_in = {"login": alice.email, "password": "correct horse"}
    answers = [client.post(reverse("account_login"), sign_in) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {507}
    assert "full or cannot be written to" in answers[0].content.decode()
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.exc_info for record in errors] == [None], "one line, for all of them"


@pytest.mark.sqlite_only
def test_the_api_says_that_the_disk_is_full_and_still_reads(
    transactional_db: None, alice: User, acme: Organization, api: Callable[..., Api], request: pytest.FixtureRequest
) -> None:
    caller = api(alice)
    request.getfixturevalue("full_disk")
    assert caller.get("/api/v1/me/").status_code == 200
    caller.raise_request_exception = False
    events = [{"type": "git.push", "data": {"message": "x" * 5000}}] * 50
    answer = caller.post(f"/api/v1/organizations/{acme.public_id}/events/", events)
    assert answer.status_code == 507
    assert "full or cannot be written to" in answer.json()["errors"][0]["message"]


def test_the_cache_tells_a_full_disk_from_a_key_that_is_there(transactional_db: None) -> None:
    assert cache.add("key", 1)
    assert not cache.add("key", 2)
    assert cache.get("key") == 1


# --- Away ----------------------------------------------------------------------------------------------------
class Web:
    """A running `manage.py web` on a PostgreSQL of its own."""

    def __init__(self, database_url: str, log: Path) -> None:
        self.port, self.log = free_port(), log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "notifications_project.runtime.web", "--port", str(self.port)],
                cwd=BASE,
                env=clean_environment() | SETTINGS | {"DATABASE_URL": database_url},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        until(self._answers, 60, "the start of the web server")

    def _answers(self) -> bool:
        try:
            return self.get("/accounts/login/")[0] == 200
        except OSError:
            return False

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as client:
            client.request(method, path, headers=headers)
            answer = client.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()


@pytest.fixture
def server() -> TemporaryPostgres:
    programs = find_postgres()
    assert programs is not None
    return TemporaryPostgres(programs)


# --- Told once -----------------------------------------------------------------------------------------------
@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> absence.Absence:
    """The database, of which nothing has been told yet."""
    fresh = absence.Absence("the database", "it is tried again")
    monkeypatch.setattr(absence, "DATABASE", fresh)
    return fresh


def _gone(*args: object) -> None:
    raise OperationalError("connection failed:\n\tConnection refused")


TOLD = ["the database does not answer (connection failed: Connection refused); it is tried again"]
BACK = ["the database answers again"]


def test_an_absence_is_told_when_it_begins_and_when_it_is_over(
    database: absence.Absence, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        database.end()
        database.begin(OperationalError("connection failed:\n\tConnection refused"))
        database.begin(OperationalError("another reason"))
    database.end()
    database.end()
    assert caplog.messages == (TOLD + BACK) * 2


def test_processes_that_are_forked_tell_it_together(
    database: absence.Absence, caplog: pytest.LogCaptureFixture
) -> None:
    """The cluster's: each of them finds out by itself."""
    told = []
    for _ in range(3):
        child = os.fork()
        if not child:
            database.begin(OperationalError("away"))
            os._exit(len(caplog.messages))
        told.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    assert told == [1, 0, 0]
    database.end()
    assert caplog.messages == BACK


def test_the_queue_is_looked_at_in_vain_and_it_is_told_once(
    transactional_db: None,
    database: absence.Absence,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(broker, "_DATABASE_AWAY", 0.0)
    queue = broker.Queue("wake-ups")
    with monkeypatch.context() as away:
        away.setattr(broker.Queue, "take", _gone)
        for _ in range(5):
            assert queue.dequeue() is None
    queue.dequeue()
    queue.dequeue()
    assert caplog.messages == TOLD + BACK


def test_a_cluster_begins_when_the_database_answers(
    transactional_db: None,
    database: absence.Absence,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(cluster, "BEAT_EVERY", 0.0)
    tries = [_gone, _gone, _gone, lambda: None]
    with monkeypatch.context() as away:
        away.setattr(connection, "ensure_connection", lambda: tries.pop(0)())
        cluster.wait_for_database()
    assert tries == []
    assert caplog.messages == TOLD + BACK


def test_the_scheduler_of_the_tasks_tells_no_more_of_it(
    database: absence.Absence, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler = logging.getLogger("django-q")
    for _ in range(3):
        try:
            _gone()
        except OperationalError:
            scheduler.exception("Could not create task from schedule")
    assert caplog.messages == TOLD
    try:
        raise ValueError("another fault")
    except ValueError:
        scheduler.exception("Could not create task from schedule")
    assert caplog.messages[1:] == ["Could not create task from schedule"]


@pytest.mark.timeout(400)
@pytest.mark.postgresql_only
def test_workers_tell_once_that_the_database_is_away_and_once_that_it_is_back(
    server: TemporaryPostgres, tmp_path: Path
) -> None:
    """Workers begin without the database, and lose it once more later."""
    with server as url:
        environment = clean_environment() | SETTINGS | {"DATABASE_URL": url, "CONSOLE_VENV": "none"}
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(migrate, cwd=BASE, env=environment, check=True)
        server.stop_at_once()
        log = tmp_path / "worker.log"
        with log.open("wb") as out:
            command = [sys.executable, "manage.py", "qcluster_watched"]
            given: dict[str, Any] = {"cwd": BASE, "env": environment, "stdin": subprocess.DEVNULL}
            workers = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True, **given)

        def said() -> list[str]:
            return [line.partition("absence: ")[2].partition(" (")[0] for line in log.read_text().splitlines()]

        away, back = "the database does not answer", "the database answers again"
        try:
            until(lambda: said() == [away], 60, "the first word")
            server.start_again()
            until(lambda: said() == [away, back], 60, "the start of the cluster")
            with closing(psycopg.connect(url, autocommit=True)) as other:
                # The last query of a connection that waits for wake-ups: its look at the queue, behind its LISTEN.
                looking = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE %s AND pid <> pg_backend_pid()"
                until(lambda: other.execute(looking, ["%django_q_ormq%"]).fetchone() != (0,), 60, "a look at the queue")
            server.stop_at_once()
            until(lambda: said()[2:] == [away], 60, "the second word")
            server.start_again()
            until(lambda: said()[2:] == [away, back], 60, "the return")
        finally:
            os.killpg(workers.pid, signal.SIGKILL)
            workers.wait()


@pytest.mark.timeout(400)
@pytest.mark.postgresql_only
def test_a_restart_of_the_database_is_not_noticed_and_its_absence_is_told_at_once(
    server: TemporaryPostgres, tmp_path: Path
) -> None:
    with server as url:
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        environment = clean_environment() | SETTINGS | {"DATABASE_URL": url, "CONSOLE_VENV": "none"}
        subprocess.run(migrate, cwd=BASE, env=environment, check=True)
        web = Web(url, tmp_path / "web.log")
        token = {"Authorization": "Bearer nct_unknown"}
        try:
            # Each request takes a connection; several at once leave several in the pool.
            assert {web.get("/api/v1/me/", **token)[0] for _ in range(5)} == {401}
            server.restart_at_once()
            assert [web.get("/api/v1/me/", **token)[0] for _ in range(12)] == [401] * 12

            server.stop_at_once()
            begun = time.monotonic()
            away = [web.get("/api/v1/me/", **token) for _ in range(20)]
            took = time.monotonic() - begun
            assert {status for status, _, _ in away} == {503}
            assert {headers["retry-after"] for _, headers, _ in away} == {"5"}
            assert b'{"errors": [{' in away[0][2]
            assert took < 20, f"{took} s for 20 requests"
            page = web.get("/", Cookie="console_session=abcdefghijklmnopqrstuvwxyz012345")
            assert page[0] == 503
            assert b"The database does not answer" in page[2]
            assert len(web.log.read_text().splitlines()) == 1

            server.start_again()
            until(lambda: web.get("/api/v1/me/", **token)[0] == 401, 10, "the return of the database")
        finally:
            web.process.kill()
            web.process.wait()
