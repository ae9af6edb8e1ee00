"""The transports that may be tried, as one pump knows them: read from the database once a second, not at every look."""

from __future__ import annotations

import time

from hooks.queue import wakeup

_KNOWN_FOR = 1.0


class Transports:
    def __init__(self) -> None:
        self._known: tuple[list[str], list[str]] = ([], [])
        self._asked_at = -_KNOWN_FOR

    def free(self) -> list[str]:
        """Return the transports that may be tried freely."""
        return self._ask()[0]

    def to_probe(self) -> list[str]:
        """Return the transports that were away, when it is time for one attempt to look again."""
        return self._ask()[1]

    def open(self) -> list[str]:
        """All that may be tried now, in one way or the other."""
        return self.free() + self.to_probe()

    def forget(self) -> None:
        """Forget what is known: a transport was found away, and has to be looked up again."""
        self._asked_at = -_KNOWN_FOR

    def _ask(self) -> tuple[list[str], list[str]]:
        if time.monotonic() - self._asked_at > _KNOWN_FOR:
            self._known = wakeup.transports()
            self._asked_at = time.monotonic()
        return self._known
