"""SMTP with replies that stay in step with what was asked: a reply too many is never taken for the next one's.

smtplib reads whatever comes next. What a relay said without being asked (a 421 before it closes an idle connection, a
reply twice) would be the answer to the next command, and so on for each that follows; a reply of many lines may go on
for ever, and one whose lines contradict each other counts as its last line says.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable
from typing import Any

from notifications_project.network import lookups

_LOOK_UP_SECONDS = 30  # where no time-out is set
_LINES, _LINE = 200, 8192  # of one reply


class InStep:
    """A mixin before `smtplib.SMTP`. What is out of step ends the connection, as if the server had closed it."""

    sock: socket.socket | None
    file: Any
    timeout: Any
    close: Callable[[], None]

    def send(self, s: Any) -> None:
        """Write a command or a message, to which the next reply belongs."""
        if self.sock is not None and self._has_more():
            self._end("Connection unexpectedly closed: a reply to no command")
        super().send(s)  # type: ignore[misc]

    def getreply(self) -> tuple[int, bytes]:
        """The next reply. Raises SMTPServerDisconnected for one that is none."""
        assert self.sock is not None
        if self.file is None:
            self.file = self.sock.makefile("rb")
        lines: list[bytes] = []
        codes: set[bytes] = set()
        while True:
            try:
                line = self.file.readline(_LINE + 1)
            except TimeoutError:
                self.close()
                raise
            except OSError as error:
                self._end(f"Connection unexpectedly closed: {error}")
            if not line:
                self._end("Connection unexpectedly closed")
            codes.add(line[:3])
            lines.append(line[4:].strip(b" \t\r\n"))
            if not line[:3].isdigit() or len(codes) > 1 or len(lines) > _LINES or len(line) > _LINE:
                self._end("Connection unexpectedly closed: no valid reply")
            if line[3:4] != b"-":
                return int(line[:3]), b"\n".join(lines)

    def _has_more(self) -> bool:
        """Whether something has come that was not read."""
        if self.file is None or self.sock is None:
            return False
        before = self.sock.gettimeout()
        try:
            self.sock.settimeout(0)
            return bool(self.file.peek(1))
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        finally:
            self.sock.settimeout(before)

    def _end(self, words: str) -> None:
        self.close()
        raise smtplib.SMTPServerDisconnected(words)

    def _get_socket(self, host: str, port: int, timeout: Any) -> Any:
        """Open a connection; the look-up of the name may take no longer than a step of that."""
        seconds = timeout if isinstance(timeout, int | float) else _LOOK_UP_SECONDS
        addresses = lookups.look_up(_addresses, host, port, seconds, "mail")
        problem: OSError | None = None
        for address in addresses:
            try:
                return super()._get_socket(address, port, timeout)  # type: ignore[misc]
            except OSError as error:
                problem = error
        raise problem or OSError("the name has no address")


def _addresses(host: str, port: int) -> list[str]:
    return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
