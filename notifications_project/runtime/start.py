"""Decisions of `manage.py up` before Django reads its settings: demo or not, the port, the settings."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from notifications_project import environment

given = environment.read_text
BASE = Path(__file__).resolve().parent.parent.parent
EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104
HEADER = """\
# The demo's own settings, made by `manage.py up`. A command reads them if it is told to: manage.py COMMAND --demo
# SECRET_KEY and lines of your own stay; the others are written anew at each start. The environment wins over all.
"""
# Settings of an installation: if one of them is given, a missing SECRET_KEY is a mistake and must not start a demo.
OF_AN_INSTALLATION = (
    "DATABASE_URL",
    "REDIS_URL",
    "ENCRYPTION_KEYS",
    "EMAIL_URL",
    "EMAIL_PROVIDER",
    "APNS_KEY",
    "APNS_KEY_FILE",
    "BEHIND_PROXY",
    "SIGN_UP",
)


@dataclass(frozen=True)
class Start:
    host: str
    port: int
    demo: bool
    sink_port: int | None  # of the demo's mail server; None if EMAIL_URL names another


prepared: Start | None = None  # set by manage.py


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    parser.add_argument(
        "--no-demo",
        dest="demo",
        action="store_false",
        help="no demo content, no Inbox; settings come from the environment alone. The same is meant by an "
        "environment that has a SECRET_KEY, unless it says DEMO=true, and by DEMO=false",
    )


# --- The demo's own settings ---------------------------------------------------------------------------------
def take_demo_option(arguments: list[str]) -> bool:
    """Take `--demo`, which Django's commands do not know, off the command line; return True if it was there."""
    asked = "--demo" in arguments[2:]
    while "--demo" in arguments[2:]:
        del arguments[arguments.index("--demo", 2)]
    return asked


def use_demo() -> None:
    """Put the demo's settings into the environment, for one command that was given `--demo`."""
    refuse_mixing(demo_asked=True)
    directory = get_demo_directory()
    if not (directory / "env").exists():
        raise environment.BadSetting("DEMO_DIR", f"there is no demo in {directory}; manage.py up makes one")
    environment.read_file(directory / "env")


def refuse_mixing(*, demo_asked: bool) -> None:
    """Raise BadSetting if this environment is, or seems to be, that of an installation."""
    if given("SECRET_KEY"):
        raise environment.BadSetting("SECRET_KEY", "is given, so this is no demo; unset it to use --demo")
    if demo_asked and not environment.flag("DEMO", True):
        raise environment.BadSetting("DEMO", "is false, so this is no demo; unset it to use --demo")
    if also := [name for name in OF_AN_INSTALLATION if given(name)]:
        why = f"must be given, as {also[0]} is; a demo has settings of its own: unset {', '.join(also)} to use it"
        raise environment.BadSetting("SECRET_KEY", why)
    if misspelt := environment.find_misspelt(["SECRET_KEY", *OF_AN_INSTALLATION]):
        hint = environment.describe_misspelt(misspelt)
        raise environment.BadSetting(
            "SECRET_KEY", f"must be given; {hint} To use the demo, unset {', '.join(misspelt)}"
        )


def get_demo_directory() -> Path:
    return Path(given("DEMO_DIR") or BASE / ".demo").absolute()


# --- What `up` is to do --------------------------------------------------------------------------------------
def prepare(arguments: Sequence[str], *, demo_asked: bool = False) -> Start:
    """Read the command line of `up`; in demo mode, write the demo's settings. Settings that are given stay."""
    parser = argparse.ArgumentParser("manage.py up", add_help=False)
    add_arguments(parser)
    options, _ = parser.parse_known_args(arguments)
    if problem := find_listen_problem(options.host, options.port):
        sys.exit(f"Cannot listen on {options.host} port {options.port}: {problem}")
    demo = options.demo and environment.flag("DEMO", not given("SECRET_KEY"))
    if demo_asked and not options.demo:
        sys.exit("Cannot start: --demo and --no-demo exclude each other")
    if demo_asked or (demo and not given("SECRET_KEY")):
        refuse_mixing(demo_asked=demo_asked)
    fitting = {"PUBLIC_URL": f"http://{get_public_host(options.host)}:{options.port}"}
    if not demo:
        os.environ["DEMO"] = "false"
        os.environ.update({name: value for name, value in fitting.items() if not given(name)})
        return Start(options.host, options.port, False, None)
    sink_port = None if given("EMAIL_URL") else find_free_port()
    if sink_port:
        fitting["EMAIL_URL"] = f"smtp://127.0.0.1:{sink_port}"
    if given("SECRET_KEY"):
        os.environ.update({name: value for name, value in fitting.items() if not given(name)})
    else:
        directory = get_demo_directory()
        try:
            write_settings(directory, fitting)
        except OSError as error:
            raise environment.BadSetting("DEMO_DIR", f"{directory} cannot be used: {error.strerror}") from error
        environment.read_file(directory / "env")
    return Start(options.host, options.port, True, sink_port)


def get_public_host(host: str) -> str:
    if host in EVERYWHERE or host in {"127.0.0.1", "::1"}:
        return "localhost"
    return f"[{host}]" if ":" in host else host


def find_listen_problem(host: str, port: int) -> str:
    """Say why no server can listen there; empty if the port is free."""
    if not 1 <= port <= 65535:  # 0 would be any free port, which no user could find
        return "a port is a number from 1 to 65535"
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen()
    except OSError as error:
        return str(error.strerror or error)
    return ""


def is_listening(fd: int) -> bool:
    """Tell whether a file descriptor of this process is a socket that listens."""
    try:
        with socket.socket(fileno=os.dup(fd)) as probe:
            return bool(probe.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except (OSError, OverflowError):
        return False


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_settings(directory: Path, fitting: dict[str, str]) -> None:
    """Write `env` in the demo's directory: atomically, and readable by its owner alone."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = directory / "env"
    kept = {}
    if file.exists():
        lines = (line.partition("=") for line in file.read_text().splitlines() if not line.startswith("#"))
        kept = {name: value for name, equals, value in lines if equals}
    settings = {"SECRET_KEY": secrets.token_urlsafe(48), "DEFAULT_FROM_EMAIL": "notifications@console.example"} | kept
    settings |= {"DEMO": "true", "DATABASE_URL": f"sqlite:///{quote(str(directory / 'console.sqlite3'))}"} | fitting
    new = directory / "env.new"
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(HEADER + "".join(f"{name}={value}\n" for name, value in settings.items()))
    new.replace(file)
