"""The web server is uvicorn with this console's limits; `manage.py web` and `up` start this module.

It ignores X-Forwarded headers; Django reads them if BEHIND_PROXY says so. It writes no access log, as
addresses hold the keys of password resets and unsubscribe links.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import uvicorn

from notifications_project.runtime.http_protocol import BoundedProtocol

SWITCH_INTERVAL = 0.001  # seconds; with Python's 5 ms, a request waits that long after each of its queries
PATIENCE = 20  # seconds that a stop waits for requests that are being answered
OPTIONS: dict[str, Any] = {
    "http": BoundedProtocol,
    "ws": "none",
    "lifespan": "off",
    "proxy_headers": False,
    "server_header": False,
    "access_log": False,
    "log_level": "warning",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    parser.add_argument("--fd", type=int, help="instead: the number of a listening socket that was opened before")


def serve(host: str, port: int, fd: int | None = None, patience: int = PATIENCE) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    address: dict[str, Any] = {"host": host, "port": port, "fd": fd}
    uvicorn.run("notifications_project.asgi:application", **address, **OPTIONS, timeout_graceful_shutdown=patience)


def main() -> None:
    parser = argparse.ArgumentParser("notifications_project.runtime.web")
    add_arguments(parser)
    parser.add_argument("--patience", type=int, default=PATIENCE, help="seconds that a stop waits for requests")
    options = parser.parse_args()
    serve(options.host, options.port, options.fd, options.patience)


if __name__ == "__main__":
    main()
