"""The yardstick of throughput: processes that POST in a plain loop of `requests.Session`, without a database.

Each writes "ready", waits for a line, then sends its share as fast as it can and writes "done".
"""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack

import requests

from tests.benchmarks.machine import Process
from tests.benchmarks.receivers import Instant

PROCESSES = 2
_HEADERS = {"Content-Type": "application/json", "User-Agent": "loop"}


def seconds_of(receiver: Instant, deliveries: int, endpoints: int, body: str) -> float:
    """Return the seconds from the start of the loops to the last arrival."""
    share = str(deliveries // PROCESSES)
    with ExitStack() as stack:
        command = ["-m", "tests.benchmarks.loop", receiver.url(0).rpartition("/")[0], str(endpoints), share, body]
        processes = [stack.enter_context(Process.python(*command)) for _ in range(PROCESSES)]
        for process in processes:
            assert process.line() == "ready"
        before = receiver.count()
        began = time.monotonic()
        for process in processes:
            process.tell("go")
        return receiver.wait_for(before + deliveries // PROCESSES * PROCESSES) - began


def main(base: str, endpoints: int, deliveries: int, body: bytes) -> None:
    session = requests.Session()
    session.trust_env = False
    urls = [f"{base}/{number}" for number in range(endpoints)]
    session.post(urls[0], data=body, headers=_HEADERS, timeout=15)  # opens the connection, outside the measured time
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(deliveries):
        session.post(urls[number % endpoints], data=body, headers=_HEADERS, timeout=15)
    print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4].encode())
