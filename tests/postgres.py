"""A private PostgreSQL server in a temporary directory, which is removed with it."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from notifications_project.runtime.supervisor import start_guard

STARTS_WITHIN = 30.0
# Nothing in it need survive a power cut, and without fsync the tests are faster.
OPTIONS = {"fsync": "off", "full_page_writes": "off", "max_connections": "200", "logging_collector": "off"}


def find_postgres() -> Path | None:
    """Return the directory with initdb and postgres: Debian's newest, else that of the PATH; None without any."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    on_path = [Path(os.path.realpath(found)).parent] if (found := shutil.which("postgres")) else []
    return next(
        (path for path in [*debian, *on_path] if (path / "postgres").exists() and (path / "initdb").exists()), None
    )


class TemporaryPostgres:
    """A running server: `with TemporaryPostgres(find_postgres()) as database_url: ...`

    PostgreSQL refuses to run as root: there the server runs as `postgres` or `nobody`, who then owns the directory.
    """

    def __init__(
        self, programs: Path, options: Mapping[str, str] = OPTIONS, environment: Mapping[str, str] | None = None
    ) -> None:
        """Prepare a server; `environment` is added to this process's own for it."""
        self.programs, self.options = programs, options
        self.environment = {**os.environ, **(environment or {})}

    def __enter__(self) -> str:
        self.directory = Path(tempfile.mkdtemp(prefix="console-postgres-"))
        try:
            return self._start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *error: object) -> None:
        server = getattr(self, "server", None)
        if server is not None and server.poll() is None:
            server.send_signal(signal.SIGINT)  # "fast": does not wait for clients
            try:
                server.wait(timeout=5)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()
        if guard := getattr(self, "guard", None):
            guard.communicate()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _start(self) -> str:
        user, password = self._user(), secrets.token_hex(16)
        (self.directory / "password").write_text(password)
        if user:
            account = pwd.getpwnam(user)
            for path in (self.directory, self.directory / "password"):
                os.chown(path, account.pw_uid, account.pw_gid)
        self.as_user: dict[str, Any] = {"user": user, "group": account.pw_gid, "extra_groups": []} if user else {}
        self.data = self.directory / "data"
        initdb: list[str | Path] = [
            self.programs / "initdb",
            "-D",
            self.data,
            "-U",
            "console",
            "--auth",
            "scram-sha-256",
        ]
        initdb += ["--pwfile", self.directory / "password", "--encoding", "UTF8", "--no-locale", "--no-sync"]
        self._run(initdb)
        self.port = self._free_port()
        self.guard = start_guard()  # else the server would outlive a killed test run
        self._serve()
        return f"postgres://console:{password}@127.0.0.1:{self.port}/postgres"

    def _serve(self) -> None:
        log = self.directory / "log"
        options = {
            **self.options,
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
        }
        command: list[str | Path] = [self.programs / "postgres", "-D", self.data]
        command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with log.open("ab") as out:
            self.server = subprocess.Popen(
                command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                env=self.environment, **self.as_user,
            )  # fmt: skip
        self._tell_guard(self.server.pid)
        self._wait(self.port, log)

    def _tell_guard(self, group: int) -> None:
        assert self.guard.stdin is not None
        self.guard.stdin.write(b"%d\n" % group)
        self.guard.stdin.flush()

    def restart_at_once(self) -> None:
        """Stop at once, as in a crash, in the middle of any work; then recover and serve again."""
        self.stop_at_once()
        self.start_again()

    def stop_at_once(self) -> None:
        self.server.send_signal(signal.SIGQUIT)
        self.server.wait(timeout=30)
        self._tell_guard(-self.server.pid)

    def start_again(self) -> None:
        self._serve()

    @staticmethod
    def _user() -> str | None:
        if os.geteuid() != 0:
            return None
        known = {account.pw_name for account in pwd.getpwall()}
        return "postgres" if "postgres" in known else "nobody"

    def _run(self, command: list[str | Path]) -> None:
        done = subprocess.run(
            command, cwd=self.directory, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            start_new_session=True, **self.as_user,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed: {done.stdout}{done.stderr}")

    def _wait(self, port: int, log: Path) -> None:
        deadline = time.monotonic() + STARTS_WITHIN
        ready: list[str | Path] = [self.programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
        while subprocess.run(ready, check=False).returncode:
            if self.server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL does not start:\n{log.read_text()}")
            time.sleep(0.1)

    @staticmethod
    def _free_port() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])
