"""The demo's settings are used on request only, and never beside those of an installation."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from notifications_project import environment
from notifications_project.environment import BadSetting
from notifications_project.runtime import start
from tests.project.processes import BASE, Command, clean_environment

pytestmark = pytest.mark.sqlite_only  # the demo is always on SQLite
Start = Callable[..., Command]
KEY = "k" * 40


@pytest.fixture
def demo_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of a demo that `up` has made, still without a database."""
    start.write_settings(tmp_path, {"PUBLIC_URL": "http://localhost:8000"})
    monkeypatch.setattr(os, "environ", {"DEMO_DIR": str(tmp_path)})
    return tmp_path


@pytest.mark.parametrize("arguments", [["create_organization", "X", "--admin", "a@b.example"], ["migrate"], ["worker"]])
def test_a_command_without_a_secret_key_does_not_take_the_demos(
    command: Start, demo_dir: Path, arguments: list[str]
) -> None:
    code, said = command(*arguments, DEMO_DIR=str(demo_dir)).end()
    assert code == 1
    assert said.startswith("Cannot start: SECRET_KEY: must be given")
    assert not (demo_dir / "console.sqlite3").exists()


@pytest.mark.parametrize("module", ["asgi", "wsgi"])
def test_a_web_server_whose_settings_are_misspelt_does_not_become_a_demo(demo_dir: Path, module: str) -> None:
    given = {"DEMO_DIR": str(demo_dir), "SECRETKEY": KEY, "DATABSE_URL": "postgres://db.example/console"}
    done = subprocess.run(
        [sys.executable, "-c", f"import notifications_project.{module}"],
        cwd=BASE, env=clean_environment() | given, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "SECRETKEY is not read, is SECRET_KEY meant?" in done.stderr
    assert "DATABSE_URL is not read, is DATABASE_URL meant?" in done.stderr
    assert KEY not in done.stderr


def test_a_command_that_says_so_works_on_the_demo(command: Start, demo_dir: Path) -> None:
    assert command("migrate", "--demo", DEMO_DIR=str(demo_dir)).end()[0] == 0
    assert (demo_dir / "console.sqlite3").exists()


def test_where_no_demo_is_the_command_says_how_to_make_one(command: Start, tmp_path: Path) -> None:
    code, said = command("migrate", "--demo", DEMO_DIR=str(tmp_path)).end()
    assert (code, said) == (1, f"Cannot start: DEMO_DIR: there is no demo in {tmp_path}; manage.py up makes one\n")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        *(({name: "x"}, name) for name in ("DATABASE_URL", "REDIS_URL", "EMAIL_URL", "ENCRYPTION_KEYS", "APNS_KEY")),
        ({"SECRETKEY": KEY}, "SECRETKEY"),
        ({"DATABSE_URL": "postgres://db.example/console"}, "DATABSE_URL"),
    ],
)
def test_the_demo_and_an_installation_are_not_mixed(
    demo_dir: Path, port: int, given: dict[str, str], named: str
) -> None:
    os.environ |= given
    for begin in (start.use_demo, lambda: start.prepare(["--port", str(port)])):
        with pytest.raises(BadSetting, match=rf"^SECRET_KEY: must be given.* {named} .*unset {named}"):
            begin()
    assert "SECRET_KEY" not in os.environ


@pytest.mark.parametrize(("name", "value"), [("SECRET_KEY", KEY), ("DEMO", "false")])
def test_demo_is_not_asked_for_in_the_environment_of_an_installation(
    demo_dir: Path, port: int, name: str, value: str
) -> None:
    os.environ[name] = value
    for begin in (start.use_demo, lambda: start.prepare(["--port", str(port)], demo_asked=True)):
        with pytest.raises(BadSetting, match=f"^{name}: .* unset it to use --demo"):
            begin()


def test_the_option_is_taken_from_behind_the_command_only() -> None:
    arguments = ["manage.py", "create_organization", "X", "--demo", "--json"]
    assert start.take_demo_option(arguments)
    assert arguments == ["manage.py", "create_organization", "X", "--json"]
    assert not start.take_demo_option(arguments)


# --- Names that nobody reads ---------------------------------------------------------------------------------
NAMES = ["SECRET_KEY", "DATABASE_URL", "WORKERS", "ENCRYPTION_KEYS", "REDIS_URL", "DEMO", "DEMO_DIR", "LOG_LEVEL"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("SECRETKEY", "SECRET_KEY"),
        ("SECRET_KEYS", "SECRET_KEY"),
        ("secret_key", "SECRET_KEY"),
        ("DATABSE_URL", "DATABASE_URL"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("WORKER", "WORKERS"),
        ("ENCRYPTION_KEY", "ENCRYPTION_KEYS"),
        ("LOGLEVEL", "LOG_LEVEL"),
    ],
)
def test_a_misspelt_name_is_found(monkeypatch: pytest.MonkeyPatch, written: str, meant: str) -> None:
    monkeypatch.setattr(os, "environ", {written: "x"})
    assert environment.find_misspelt(NAMES) == {written: meant}


@pytest.mark.parametrize(
    "name",
    ["AWS_SECRET_KEY", "PG_DATABASE_URL", "DATABASE_URL_OLD", "TEST_DATABASE_URL", "REDIS_PORT", "REDIS_HOST",
     "WORKDIR", "LANGUAGE", "HOME", "PATH", "DEBUG", "DEMO_MODE", "PYTEST_XDIST_WORKER", *NAMES],
)  # fmt: skip
def test_a_name_of_another_program_is_none_of_ours(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(os, "environ", {name: "x"})
    assert environment.find_misspelt(NAMES) == {}


def test_every_start_warns_of_a_misspelt_name_once(command: Start, tmp_path: Path) -> None:
    given = {"SECRET_KEY": KEY, "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3", "WORKER": "3"}
    code, said = command("migrate", "--verbosity", "0", **given).end()
    assert code == 0
    assert said.count("WORKER is not read, is WORKERS meant?") == 1
