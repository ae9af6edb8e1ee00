"""A setting that cannot be used ends every command with one line that names it, and exit code 1."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from notifications_project.environment import BadSetting
from notifications_project.runtime import readiness
from tests.environment import SETTINGS
from tests.hooks.conftest import free_port
from tests.project.processes import BASE, clean_environment, until

WEB = ["-m", "uvicorn", "notifications_project.asgi:application", "--port"]
COMMANDS = [["worker"], ["create_organization", "X", "--admin", "a@b.example"], ["up", "--no-demo"]]


def run(*arguments: str, **given: str) -> tuple[int, str]:
    """Run a program with this Python in this environment; return its exit code and output."""
    command, own = [sys.executable, *arguments], clean_environment() | {"CONSOLE_VENV": "none", "SECRET_KEY": "k" * 40}
    done = subprocess.run(command, cwd=BASE, env=own | given, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stderr


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def one_line(result: tuple[int, str], setting: str) -> str:
    code, said = result
    assert (code, said.count("\n")) == (1, 1), said
    assert said.startswith(f"Cannot start: {setting}: ")
    return said


@pytest.mark.sqlite_only
def test_a_web_server_with_a_wrong_setting() -> None:
    one_line(run(*WEB, str(free_port()), WORKERS="0"), "WORKERS")


@pytest.mark.sqlite_only
def test_a_database_that_is_not_there_is_not_made_by_accident(tmp_path: Path) -> None:
    file = tmp_path / "console.sqlite3"
    for program in (["manage.py", *COMMANDS[1]], [*WEB, str(free_port())]):
        assert "manage.py migrate" in one_line(run(*program, DATABASE_URL=f"sqlite:///{file}"), "DATABASE_URL")
    assert not file.exists()


@pytest.mark.sqlite_only
@pytest.mark.parametrize("arguments", [["migrate"], ["up", "--no-demo"]])
def test_a_file_that_cannot_be_opened_is_named(arguments: list[str]) -> None:
    if arguments[0] == "up":
        arguments = [*arguments, "--port", str(free_port())]
    said = one_line(run("manage.py", *arguments, DATABASE_URL="sqlite:////no/such/directory/x.sqlite3"), "DATABASE_URL")
    assert "/no/such/directory/x.sqlite3 cannot be used: unable to open database file" in said


@pytest.mark.sqlite_only
def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite3").write_text("something else that somebody keeps here " * 50)
    given = {"DATABASE_URL": f"sqlite:///{tmp_path}/x.sqlite3"}
    assert "is not a database" in one_line(run("manage.py", "worker", **given), "DATABASE_URL")


@pytest.mark.postgresql_only
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("arguments", [["migrate"], *COMMANDS])
def test_a_wrong_password_of_the_database(database_url: str, arguments: list[str]) -> None:
    scheme, _, rest = database_url.partition("://console:")
    wrong = f"{scheme}://console:wrong@{rest.partition('@')[2]}"
    if arguments[0] == "up":
        arguments = [*arguments, "--port", str(free_port())]
    said = one_line(run("manage.py", *arguments, DATABASE_URL=wrong), "DATABASE_URL")
    assert "password authentication failed" in said


@pytest.mark.postgresql_only
@pytest.mark.django_db(transaction=True)
def test_a_wrong_password_of_the_database_and_a_web_server(database_url: str) -> None:
    for wrong in (database_url.replace("console:", "console:x", 1), f"{database_url}_gone"):
        one_line(run(*WEB, str(free_port()), DATABASE_URL=wrong), "DATABASE_URL")


# --- A schema that is not ours -------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_database_that_lacks_a_migration_is_refused(database_url: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, applied FROM django_migrations WHERE app = 'hooks' ORDER BY id DESC LIMIT 1")
        name, applied = cursor.fetchone()
        cursor.execute("DELETE FROM django_migrations WHERE app = 'hooks' AND name = %s", [name])
    try:
        given = SETTINGS | {"DATABASE_URL": database_url}
        for program in (["manage.py", "worker"], [*WEB, str(free_port())]):
            assert "1 migrations are missing: run python3 manage.py migrate" in one_line(
                run(*program, **given), "DATABASE_URL"
            )
    finally:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES ('hooks', %s, %s)", [name, applied]
            )


@pytest.mark.sqlite_only
def test_demo_mode_never_comes_on_with_a_database_that_was_made_without_it(tmp_path: Path) -> None:
    given = {"DATABASE_URL": f"sqlite:///{tmp_path}/x.sqlite3"}
    assert run("manage.py", "migrate", "--verbosity", "0", **given) == (0, "")
    for program in (["manage.py", "worker"], ["manage.py", "up", "--port", str(free_port())]):
        assert "no demo's" in one_line(run(*program, DEMO="true", **given), "DEMO")


# --- Redis ---------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_redis_that_is_away_is_warned_of(settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    readiness.check_redis()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "REDIS_URL" in caplog.text


@pytest.mark.sqlite_only
@pytest.mark.redis
@pytest.mark.parametrize("url", ["redis://:secret@127.0.0.1:{}/0", "redis://127.0.0.1:{}/0"])
def test_redis_that_refuses_the_url_ends_the_start(settings, url: str, tmp_path: Path) -> None:
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--requirepass", "right"]
    server = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    settings.REDIS_URL = url.format(port)
    try:
        until(lambda: _listens(port), 20, "the start of Redis")
        with pytest.raises(BadSetting, match=r"^REDIS_URL: Redis refuses the password") as refused:
            readiness.check_redis()
    finally:
        server.kill()
        server.wait()
    assert "secret" not in str(refused.value)
