"""SMTP replies stay in step with the commands: an unasked reply is never taken for that to the next command.

smtplib reads whatever comes next. An unasked reply, such as a 421 before the relay closes an idle connection or the
same reply twice, would count as the reply to the next command, and shift all that follow. smtplib also reads replies of
endless lines, and takes the last code if the lines of a reply contradict each other.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable
from typing import Any

from notifications_project.network import lookups

_LOOK_UP_SECONDS = 30  # if no time-out is set
_LINES, _LINE = 200, 8192  # of one reply


class InStep:
    """A mixin before `smtplib.SMTP` that ends the connection on a reply out of step, as if the server closed it."""

    sock: socket.socket | None
    file: Any
    timeout: Any
    close: Callable[[], None]

    def send(self, s: Any) -> None:
        """Send a command or a message. Raises SMTPServerDisconnected if an unasked reply has arrived before."""
        if self.sock is not None and self._has_more():
            self._end("Connection unexpectedly closed: a reply to no command")
        super().send(s)  # type: ignore[misc]

    def getreply(self) -> tuple[int, bytes]:
        """Return code and text of the next reply. Raises SMTPServerDisconnected if it is not a valid reply."""
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
        """Tell whether something has arrived that was not read."""
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
        """Open a connection; the look-up of the host's name has the same time-out as connecting."""
        seconds = timeout if isinstance(timeout, int | float) else _LOOK_UP_SECONDS
        addresses = lookups.look_up(_resolve, host, port, seconds, "mail")
        problem: OSError | None = None
        for address in addresses:
            try:
                return super()._get_socket(address, port, timeout)  # type: ignore[misc]
            except OSError as error:
                problem = error
        raise problem or OSError("the name has no address")


def _resolve(host: str, port: int) -> list[str]:
    return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
