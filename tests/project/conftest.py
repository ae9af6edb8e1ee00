from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.project.processes import Command


@pytest.fixture
def command() -> Iterator[Callable[..., Command]]:
    """Start commands with `command("up", ..., SETTING=value)`; the rest of their processes is killed after the test."""
    started: list[Command] = []

    def start(
        *arguments: str, ignoring: Sequence[int] = (), blocking: Sequence[int] = (), **environment: Any
    ) -> Command:
        inheriting = type("Inheriting", (Command,), {"ignoring": ignoring, "blocking": blocking})
        started.append(inheriting(*arguments, **environment))
        return started[-1]

    yield start
    for one in started:
        one.destroy()


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
