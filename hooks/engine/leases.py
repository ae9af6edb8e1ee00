"""A lease: what one worker holds and learns of a lane, in memory."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

_ROUNDING = 1e-6


def get_lease_seconds() -> float:
    """Return how long a lease lasts: an attempt that begins in its first half ends within it."""
    return 2 * settings.DELIVERY_TIMEOUT + 10


@dataclass(slots=True)
class Lease:
    """A lane held by this process until `ends`; `begun` and `ends` are monotonic, `claimed_at` is the database's."""

    lane: int
    organization: UUID
    transport: str
    token: UUID
    begun: float
    ends: float
    claimed_at: datetime
    seats: int
    failures: int
    circuit_open: bool
    ordered: bool = False
    rate: float | None = None  # deliveries a second; None: as fast as it goes
    burst: int = 1
    allowance: float = 0.0  # of the token bucket, when it was claimed or last spent from
    allowance_at: float = 0.0  # that moment, monotonic
    backs_off_until: datetime | None = None  # known when it was claimed: only what is asked for at once may go
    not_before: datetime | None = None  # learnt in this lease
    holds_requested: bool = False  # until then not even what a person asked for may go
    is_probe: bool = False  # of a transport that was away: one attempt, which speaks for all
    last_failed: UUID | None = None
    quickest_ms: int | None = None  # of the good answers in this lease

    def estimate_now(self) -> datetime:
        """Return the database's time, reckoned from when the lane was claimed: asking would cost a query."""
        return self.claimed_at + timedelta(seconds=time.monotonic() - self.begun)

    def back_off(self, seconds: float, *, also_requested: bool = False) -> None:
        """Have the lane back off for so long once it is released, or longer if it was to already.

        `also_requested`: what a person asked for waits as well; it would be claimed again and again in vain.
        """
        until = self.estimate_now() + timedelta(seconds=seconds)
        self.not_before = max(self.not_before or until, until)
        self.holds_requested = self.holds_requested or also_requested

    def count_allowed(self) -> int:
        """Return how many deliveries the rate limit lets begin now."""
        if self.rate is None:
            return 1_000_000
        now = time.monotonic()
        self.allowance = min(float(self.burst), self.allowance + self.rate * (now - self.allowance_at))
        self.allowance_at = now
        return int(self.allowance + _ROUNDING)

    def spend(self, deliveries: int) -> None:
        """Take so many from the allowance; what was not begun is given back with a negative number."""
        if self.rate is not None:
            self.allowance -= deliveries

    def get_seconds_to_next(self) -> float:
        """Return the seconds until the rate limit lets one begin."""
        return 0.0 if self.rate is None else max(0.0, (1 - self.allowance) / self.rate)

    def may_start(self) -> bool:
        """Return True if an attempt that starts now ends within the lease, even at its deadline."""
        return time.monotonic() < self.ends - settings.DELIVERY_TIMEOUT
