"""Kills process groups when whoever started it is gone. Run as a script by supervisor.Supervisor.

Its standard input names them, one a line: `123` adds a group, `-123` takes it off. The other end of that pipe is
held by the supervisor alone, so it ends with it, however it ends.
"""

import contextlib
import os
import signal
import sys


def main() -> None:
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin.buffer:
        group = int(line)
        groups.add(group) if group > 0 else groups.discard(-group)
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
