"""`manage.py test --fast` runs the tests that need nothing but this process and roll back what they wrote.

What makes a test slow is seen from what it asks for, so that nobody has to remember it: its directory, its fixtures,
a database that it commits to, and what its file imports to start processes and servers. A test of which this is not
seen fails with --fast, as no process can be started there. The mark `slow` is for the few that only compute long.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest

FAST = os.environ.get("TEST_FAST") == "true"
DIRECTORIES = {"browser", "faults"}
MARKS = {"browser", "redis", "slow"}
FIXTURES = {  # those that serve, start or commit
    "apns",
    "bare_receiver",
    "command",
    "database_url",
    "httpserver",
    "live_server",
    "mailbox",
    "pytester",
    "transactional_db",
}
IMPORTS = {"Command", "Controller", "HTTPServer", "socket", "subprocess"}


def is_slow(item: pytest.Function) -> bool:
    """Return whether --fast leaves a test out."""
    database = item.get_closest_marker("django_db")
    return bool(
        DIRECTORIES & set(item.path.parts)
        or MARKS & {mark.name for mark in item.iter_markers()}
        or IMPORTS & vars(item.module).keys()
        or FIXTURES & set(getattr(item, "fixturenames", ()))
        or (database and database.kwargs.get("transaction"))
    )


@contextmanager
def no_processes() -> Iterator[None]:
    """Let whatever starts a process fail, and say what to do."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        pytest.fail("A fast test starts no process: say in tests/selecting.py how this one is known.")

    with mock.patch.object(subprocess.Popen, "__init__", refuse):
        yield
