"""The number of events for each fault: small by default, larger with FAULTS=full."""

from __future__ import annotations

import os

FULL = os.environ.get("FAULTS") == "full"
REPETITIONS = 3 if FULL else 1
DELIVERY_TIMEOUT = 2  # seconds; short, as a lease lasts twice this plus ten
LEASE = 2 * DELIVERY_TIMEOUT + 10


def size(number: int) -> int:
    return number * 20 if FULL else number
