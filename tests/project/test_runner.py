"""`manage.py test` has a private PostgreSQL, and never claims more than what ran."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests import run
from tests.postgres import TemporaryPostgres, find_postgres
from tests.project.processes import Command, until

pytestmark = pytest.mark.sqlite_only  # once is enough
Start = Callable[..., Command]


@pytest.fixture
def server() -> Path:
    found = find_postgres()
    if found is None:
        pytest.skip("PostgreSQL is not installed")
    return found


def test_the_private_postgresql_answers_and_is_gone_with_its_files_afterwards(server: Path) -> None:
    private = TemporaryPostgres(server)
    with pytest.raises(KeyboardInterrupt), private as url:
        assert psycopg.connect(url).execute("select 1").fetchone() == (1,)
        raise KeyboardInterrupt
    assert private.server.returncode == 0
    assert not private.directory.exists()


@pytest.fixture
def temporary_files(tmp_path: Path) -> Path:
    directory = tmp_path / "tmp"
    directory.mkdir()
    for path in (*reversed(directory.parents), directory):  # the server's own user has to get there
        if path.stat().st_uid == os.geteuid() and path.is_relative_to("/tmp"):
            path.chmod(path.stat().st_mode | 0o011)
    return directory


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_or_killed_no_server_stays(
    command: Start, server: Path, temporary_files: Path, number: int
) -> None:
    testing = command("test", "--postgres", "tests/project/test_worker.py", TMPDIR=str(temporary_files))
    testing.wait_for("=== PostgreSQL")
    assert any("postgres -D" in line for line in testing.family().values())
    os.kill(testing.process.pid, number)
    until(lambda: not any("postgres" in line for line in testing.family().values()), 20, "the end of the server")
    if number != signal.SIGKILL:
        testing.process.wait()
        assert list(temporary_files.glob("console-postgres-*")) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_started_in_the_background_of_a_script_it_ends_everything_too(command: Start, number: int) -> None:
    testing = command(
        "test", "--sqlite", "tests/project/test_supervisor.py", "-k", "a_second_signal",
        ignoring=[signal.SIGINT, signal.SIGCHLD], blocking=[signal.SIGTERM],
    )  # fmt: skip
    testing.wait_for("=== SQLite")
    until(lambda: any("-m pytest" in line for line in testing.family().values()), 10, "the start of pytest")
    os.kill(testing.process.pid, number)
    until(lambda: not testing.family(), 20, "the end of all processes")
    assert testing.process.wait() == 130


def test_a_failure_is_seen_also_where_the_ends_of_children_are_ignored(command: Start) -> None:
    code, said = command("test", "--sqlite", "--no-such-option", ignoring=[signal.SIGCHLD]).end()
    assert (code, said.splitlines()[-1].split()[0]) == (1, "FAILED")


@pytest.mark.parametrize(
    ("results", "code", "last"),
    [
        ({"SQLite": "passed in 1 s", "PostgreSQL": "passed in 1 s"}, 0, "PASSED"),
        ({"SQLite": "passed in 1 s", "PostgreSQL": "skipped: not installed"}, 0, "PASSED"),
        ({"SQLite": "passed in 1 s", "PostgreSQL": "FAILED in 1 s"}, 1, "FAILED"),
        ({"SQLite": "passed in 1 s", "Redis": "FAILED: not installed"}, 1, "FAILED"),
        ({"SQLite": "passed in 1 s", "PostgreSQL": "nothing selected"}, 0, "PASSED"),
        ({"SQLite": "nothing selected", "PostgreSQL": "nothing selected"}, 1, "NOTHING RAN"),
    ],
)
def test_the_last_line_is_the_result(
    results: dict[str, str], code: int, last: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.tell_result(results, 2.0) == code
    assert re.search(rf"^{last} after 2 s$", capsys.readouterr().out.splitlines()[-1])


def test_in_ci_what_is_not_installed_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "CI", True)
    monkeypatch.setattr(run, "find_postgres", lambda: None)
    monkeypatch.setattr(run, "suite", lambda *arguments, **options: "passed in 0 s")
    assert run.run([], sqlite=True, postgres=True) == 1
    monkeypatch.setattr(run, "CI", False)
    assert run.run([], sqlite=True, postgres=True) == 0


def test_lines_that_run_too_rarely_fail_the_run(command: Start) -> None:
    code, said = command("test", "--fast", "--coverage", "tests/project/test_ids.py").end()
    assert code == 1
    assert f"less than fail-under={run.LEAST_COVERED}" in said
    assert "SQLite      passed" in said


def test_coverage_is_of_one_run(command: Start) -> None:
    code, said = command("test", "--coverage").end()
    assert code == 2
    assert "goes with --fast or --sqlite" in said
