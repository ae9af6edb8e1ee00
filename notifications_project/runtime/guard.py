"""The guard kills process groups when the process that started it is gone; supervisor.Supervisor runs it as a script.

Each line of its standard input names a group: `123` adds it, `-123` takes it off. The supervisor alone holds the
other end of that pipe, so the pipe ends with the supervisor, however that ends.
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
