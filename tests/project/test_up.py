"""`manage.py up` runs as its users run it, with real processes and signals."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.project.processes import Command, group_of, until, within

pytestmark = pytest.mark.sqlite_only  # the demo is always on SQLite
Start = Callable[..., Command]
READY = "Ctrl-C stops everything."


@pytest.fixture(scope="session")
def demo_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")  # shared: only the first start has to make the tables


@pytest.fixture
def up(command: Start, port: int, demo_dir: Path) -> Command:
    running = command("up", "--port", str(port), DEMO_DIR=str(demo_dir))
    running.wait_for(READY)
    return running


def run_curl(printed: str) -> requests.Response:
    """Send the request of the printed curl command."""
    words = shlex.split(printed[printed.index("curl ") :].partition("\n\n")[0])
    headers = dict(words[i + 1].split(": ", 1) for i, word in enumerate(words) if word == "-H")
    return requests.post(words[3], words[words.index("-d") + 1], headers=headers, timeout=10)


def test_the_first_start_ends_with_an_address_a_sign_in_and_a_curl_that_works(
    command: Start, port: int, tmp_path: Path
) -> None:
    said = command("up", "--port", str(port), DEMO_DIR=str(tmp_path / "demo")).wait_for(READY)
    address = re.search(r"Console +(\S+)", said)
    assert address
    assert address[1] == f"http://localhost:{port}"
    assert re.search(r"Sign in +\S+@\S+ +\S+", said)
    assert requests.get(f"{address[1]}/accounts/login/", timeout=10).status_code == 200
    assert run_curl(said).status_code == 202


def test_the_demo_keeps_its_settings_to_itself_and_from_start_to_start(
    command: Start, port: int, tmp_path: Path
) -> None:
    file = tmp_path / "env"
    first = command("up", "--port", str(port), DEMO_DIR=str(tmp_path))
    first.wait_for("Starting")
    assert file.stat().st_mode & 0o777 == 0o600
    key = re.search("SECRET_KEY=.*", file.read_text())
    first.destroy()
    file.write_text(f"{file.read_text()}WORKERS=1\n")
    command("up", "--port", str(port + 1), DEMO_DIR=str(tmp_path)).wait_for("Starting")
    assert key
    assert key[0] in file.read_text()
    assert f"PUBLIC_URL=http://localhost:{port + 1}" in file.read_text()
    assert "WORKERS=1" in file.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_or_sigterm_stops_everything_within_three_seconds(up: Command, number: int) -> None:
    began = time.monotonic()
    os.killpg(up.process.pid, number)  # as the terminal does: its whole foreground group
    code, said = up.end()
    assert time.monotonic() - began < within(3.5)
    assert (code, up.family()) == (0, {}), said
    assert "Traceback" not in said


def test_what_clients_do_wrong_and_a_request_that_hangs_at_the_end_leave_the_terminal_quiet(
    up: Command, port: int
) -> None:
    login = f"http://localhost:{port}/accounts/login/"
    assert requests.get(f"http://localhost:{port}/nowhere/", timeout=10).status_code == 404
    assert requests.get(f"http://localhost:{port}/api/v1/organizations/", timeout=10).status_code == 401
    assert requests.post(login, {"login": "ada"}, timeout=10).status_code == 403  # no CSRF token
    assert requests.get(login, headers={"Host": "elsewhere.example"}, timeout=10).status_code == 400
    up.said = ""
    with socket.create_connection(("127.0.0.1", port)) as hanging:
        hanging.sendall(b"POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n")
        requests.get(login, timeout=10)
        os.killpg(up.process.pid, signal.SIGINT)
        code, said = up.end()
    assert code == 0
    lines = said.splitlines()
    assert lines[-1] == "Stopped.", said
    assert ["Invalid HTTP_HOST header: 'elsewhere.example'" in line for line in lines[:-1]] == [True], said


def test_killed_with_9_it_takes_everything_along(up: Command) -> None:
    until(lambda: len(up.family()) > 8, 20, "the start of the cluster's own children")
    began = time.monotonic()
    up.process.kill()
    up.read_to_end()
    assert time.monotonic() - began < within(1.5)
    until(lambda: not up.family(), 1.5, "the end of all processes")


def test_killed_with_9_while_it_starts_it_leaves_nothing_either(command: Start, port: int, demo_dir: Path) -> None:
    starting = command("up", "--port", str(port), DEMO_DIR=str(demo_dir))
    starting.wait_for("Starting")
    until(lambda: any("qcluster" in line for line in starting.family().values()), 10, "the start of the cluster")
    starting.process.kill()
    until(lambda: not starting.family(), 2, "the end of all processes")


@pytest.mark.parametrize(
    ("part", "name"), [("notifications_project.runtime.web", "web server"), ("mail_sink", "mail sink")]
)
def test_a_child_that_dies_stops_everything_and_is_named(up: Command, part: str, name: str) -> None:
    os.kill(up.leader(part), signal.SIGKILL)
    code, said = up.end()
    assert code == 1
    assert f"The {name} has died (signal SIGKILL)" in said
    assert up.family() == {}


def test_a_cluster_that_dies_is_replaced_and_nothing_of_it_remains(up: Command) -> None:
    leader = up.leader("qcluster")
    os.kill(leader, signal.SIGKILL)
    up.wait_for("The task cluster has died; starting it again.")
    until(lambda: all(group_of(pid) != leader for pid in up.family()), 2, "the end of the old cluster")
    until(lambda: up.leaders("qcluster"), 5, "the start of the new one")
    assert up.leader("qcluster") != leader
    assert up.leader("notifications_project.runtime.web")


def test_a_taken_port_is_one_clear_line_and_nothing_is_begun(command: Start, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, said = command("up", "--port", str(port), DEMO_DIR=str(tmp_path / "demo")).end()
    assert (code, said) == (1, f"Cannot listen on 127.0.0.1 port {port}: Address already in use\n")
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize("arguments", [["check"], ["migrate"], ["up"], ["worker"], ["create_organization", "x"]])
def test_a_wrong_setting_is_one_clear_line_for_every_command(
    command: Start, arguments: list[str], tmp_path: Path
) -> None:
    code, said = command(
        *arguments, DATABASE_URL="mysql://somewhere/db", DEMO_DIR=str(tmp_path), SECRET_KEY="k" * 40
    ).end()
    assert (code, said) == (
        1,
        "Cannot start: DATABASE_URL: must begin with sqlite:///, postgres:// or postgresql://\n",
    )


def test_without_a_demo_the_secret_key_must_be_given(command: Start, port: int, tmp_path: Path) -> None:
    code, said = command("up", "--no-demo", "--port", str(port), DEMO_DIR=str(tmp_path)).end()
    assert code == 1
    assert said.startswith("Cannot start: SECRET_KEY: must be given")
    assert said.count("\n") == 1


def test_no_demo_does_not_read_the_settings_of_a_demo_that_was(command: Start, port: int, demo_dir: Path) -> None:
    (demo_dir / "env").touch()
    code, said = command("up", "--no-demo", "--port", str(port), DEMO_DIR=str(demo_dir)).end()
    assert (code, said.count("SECRET_KEY")) == (1, 1)


@pytest.mark.parametrize("arguments", [["--no-demo"], []])
def test_with_settings_of_its_own_it_is_no_demo(
    command: Start, port: int, tmp_path: Path, arguments: list[str]
) -> None:
    running = command(
        "up", *arguments, "--port", str(port),
        SECRET_KEY="k" * 40, DATABASE_URL=f"sqlite:///{tmp_path}/db.sqlite3", DEMO_DIR=str(tmp_path / "demo"),
    )  # fmt: skip
    running.wait_for(READY)
    assert "Sign in" not in running.said
    assert "Nobody can sign in yet" in running.said
    assert requests.get(f"http://localhost:{port}/inbox/", timeout=10).status_code == 404
    assert not any("mail_sink" in line for line in running.family().values())
    assert not (tmp_path / "demo").exists()


def test_the_printed_event_is_one_that_the_catalogue_knows() -> None:
    from events.catalogue import EVENT_TYPES
    from notifications_project.management.commands.up import EVENT

    assert EVENT["type"] in EVENT_TYPES
    json.dumps(EVENT)
