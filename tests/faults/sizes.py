"""How much each fault is given to lose: little by default, more with FAULTS=full."""

from __future__ import annotations

import os

FULL = os.environ.get("FAULTS") == "full"
REPETITIONS = 3 if FULL else 1
DELIVERY_TIMEOUT = 2  # seconds; it makes leases short: twice this and ten
LEASE = 2 * DELIVERY_TIMEOUT + 10


def size(number: int) -> int:
    return number * 20 if FULL else number
