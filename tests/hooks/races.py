"""Races: run something on another connection in the middle of a call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from django.db import connection

MEANWHILE = 0.4  # seconds that the other gets; if it waits for a lock that is held here, it goes on afterwards


def in_thread(work: Callable[[], object]) -> threading.Thread:
    """Start `work` with a connection of its own."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


class Meanwhile:
    """A patch, `meanwhile(module, "function", other)`: `other` runs just before the first call of the function."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.threads: list[threading.Thread] = []

    def __call__(self, module: ModuleType, name: str, other: Callable[[], object]) -> None:
        original = getattr(module, name)

        def patched(*args: Any, **kwargs: Any) -> Any:
            self.monkeypatch.setattr(module, name, original)
            self.threads.append(in_thread(other))
            self.threads[-1].join(MEANWHILE)
            return original(*args, **kwargs)

        self.monkeypatch.setattr(module, name, patched)

    def end(self) -> None:
        """Wait until the other thread is done."""
        for thread in self.threads:
            thread.join()
