"""Receivers of benchmarks: an nginx that answers at once, and a slow one that records arrivals."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType

from tests.benchmarks.machine import NotInstalled, Process, free_port, wait_for_port

NGINX = "/usr/sbin/nginx"
_CONFIGURATION = """\
daemon off;
worker_processes 1;
pid {directory}/pid;
error_log {directory}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 600;
    client_body_buffer_size 16k;
    client_body_temp_path {directory};
    proxy_temp_path {directory}; fastcgi_temp_path {directory}; uwsgi_temp_path {directory}; scgi_temp_path {directory};
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location = /count {{ stub_status; }}
        location / {{ return 204; }}
    }}
}}
"""


class _Receiver(ABC):
    port: int
    process: Process

    @abstractmethod
    def url(self, number: int) -> str:
        """Return the URL of endpoint `number`."""

    @abstractmethod
    def count(self) -> int:
        """Return how many deliveries have arrived."""

    def wait_for(self, total: int, seconds: float = 300) -> float:
        """Wait until so many have arrived; return the monotonic time of that, to about 5 ms."""
        deadline = time.monotonic() + seconds
        while (count := self.count()) < total:
            if time.monotonic() > deadline:
                raise RuntimeError(f"only {count} of {total} deliveries arrived within {seconds:.0f} s")
            time.sleep(0.005)
        return time.monotonic()

    def _get(self, path: str) -> bytes:
        self.asker.request("GET", path)
        return self.asker.getresponse().read()

    def _open(self) -> None:
        wait_for_port(self.port)
        self.asker = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        self.asker.close()
        self.process.__exit__()


class Instant(_Receiver):
    """An nginx that answers 204 and only counts."""

    def __enter__(self) -> Instant:
        if not Path(NGINX).exists():
            raise NotInstalled(f"nginx is not installed ({NGINX}): it is the receiver that answers at once")
        self.directory = Path(tempfile.mkdtemp(prefix="console-nginx-", dir=os.environ.get("BENCHMARK_DIRECTORY")))
        self.port = free_port()
        configuration = self.directory / "nginx.conf"
        configuration.write_text(_CONFIGURATION.format(directory=self.directory, port=self.port))
        log = self.directory / "error.log"
        self.process = Process([NGINX, "-p", self.directory, "-e", log, "-c", configuration])
        self.asked = 0
        self._open()
        return self

    def url(self, number: int) -> str:
        return f"http://127.0.0.1:{self.port}/hook/{number}"

    def count(self) -> int:
        self.asked += 1
        requests = int(self._get("/count").decode().splitlines()[2].split()[2])
        return requests - self.asked

    def __exit__(self, *error: object) -> None:
        super().__exit__(None, None, None)
        shutil.rmtree(self.directory, ignore_errors=True)


class Patient(_Receiver):
    """A receiver in its own process that waits `milliseconds` before each answer, or hangs, and records arrivals."""

    def __init__(self, milliseconds: int) -> None:
        self.milliseconds = milliseconds

    def __enter__(self) -> Patient:
        self.process = Process.python("-m", "tests.benchmarks.patient")
        self.port = int(self.process.line())
        self._open()
        return self

    def url(self, number: int) -> str:
        return f"http://127.0.0.1:{self.port}/wait/{self.milliseconds}/{number}"

    def hanging_url(self, number: int) -> str:
        return f"http://127.0.0.1:{self.port}/hang/{number}"

    def count(self) -> int:
        return int(self._get("/count"))

    def arrivals(self) -> dict[str, float]:
        """Return and clear the monotonic time of the first arrival of each `webhook-id`, without those that hang."""
        first: dict[str, float] = {}
        for webhook_id, arrived in json.loads(self._get("/arrivals")):
            first.setdefault(webhook_id, arrived)
        return first
