"""Services that limit all requests of one sender together: the pace that workers share, and what holds a whole host.

Each such service is a transport of its own, with a row in the table of circuits: while that row holds it, no worker
claims a lane of it, and nobody else is concerned. The row has a token bucket for the pace as well, and counts the
answers for which the service would ban this server, by minute.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.utils.translation import gettext_noop

from hooks.engine.leases import Lease
from hooks.formats import FORMATS, LIMITED_HOSTS, HostLimit
from hooks.locking import lock_or_make_circuit
from hooks.messages import Answer
from hooks.models import Circuit
from hooks.queue import outcomes
from hooks.remarks import advise, shorten

logger = logging.getLogger(__name__)

_ROUNDING = 1e-6
_UNLIMITED = 1_000_000
_ASK_EVERY = 0.1  # seconds between two looks at the shared bucket
_GOOD_FOR = 0.2  # seconds in which a grant is used or lost: saved up, it would be sent in one burst
_MOST_LANES = 8  # of one service in one pump, so that those which wait for their turn keep nobody else out


@dataclass(slots=True)
class _Grant:
    left: int = 0
    is_held: bool = False
    asked_at: float = float("-inf")


class HostPaces:
    """The pace at which one pump may send to the services that limit a sender.

    Read from the database now and then while something is to be sent.
    """

    def __init__(self) -> None:
        self._grants = {name: _Grant() for name in LIMITED_HOSTS}

    def find_room(self, leases: Iterable[Lease], transports: Collection[str]) -> list[tuple[str, int]]:
        """Return how many more lanes of each of these services may be held beside `leases`."""
        held = Counter(lease.transport for lease in leases)
        return [
            (name, _MOST_LANES - held[name])
            for name in transports
            if name in LIMITED_HOSTS and held[name] < _MOST_LANES
        ]

    def count_allowed(self, lease: Lease) -> int:
        """Return how many deliveries of this lane may begin now."""
        limit = LIMITED_HOSTS.get(lease.transport)
        if limit is None or lease.is_probe:
            return _UNLIMITED
        known, now = self._grants[lease.transport], time.monotonic()
        if now - known.asked_at > _GOOD_FOR:
            known.left = 0
        if not known.left and now - known.asked_at >= _ASK_EVERY:
            granted = grant(lease.transport, limit)
            known.left, known.is_held, known.asked_at = granted or 0, granted is None, time.monotonic()
        return known.left

    def is_held(self, lease: Lease) -> bool:
        """Return True if nothing may go to the lane's service, as far as this pump knows."""
        return not lease.is_probe and lease.transport in self._grants and self._grants[lease.transport].is_held

    def spend(self, lease: Lease, deliveries: int) -> None:
        """Take so many from what may begin now."""
        if lease.transport in self._grants and not lease.is_probe:
            self._grants[lease.transport].left -= deliveries


def grant(name: str, limit: HostLimit) -> int | None:
    """Take what the bucket that all workers share has; None while the service is held."""
    with transaction.atomic():
        circuit = lock_or_make_circuit(name)
        now: datetime = circuit.now  # type: ignore[attr-defined]
        if circuit.not_before and circuit.not_before > now:
            return None
        # Not before it, even if the clock was set back.
        since = max(0.0, (now - circuit.allowance_at).total_seconds()) if circuit.allowance_at else float("inf")
        allowance = min(float(limit.burst), circuit.allowance + limit.rate * since)
        granted = int(allowance + _ROUNDING)
        Circuit.objects.filter(pk=name).update(allowance=allowance - granted, allowance_at=now)
    return granted


def note_answers(name: str, answers: Sequence[Answer], now: datetime, *, is_probe: bool) -> None:
    """Hold a service whose answers say so, or of which too many count against this server; end its hold after a probe.

    The caller is in a transaction.
    """
    limit = LIMITED_HOSTS[name]
    away = [answer for answer in answers if answer.transport_down]
    refused = sum(answer.status in limit.refusals for answer in answers)
    if not (away or refused or is_probe):
        return  # the usual case costs nothing
    circuit = lock_or_make_circuit(name)
    _count(circuit, limit, refused, now)
    if away:
        asked = [answer.retry_after for answer in away if answer.retry_after is not None]
        seconds = max(asked, default=outcomes.get_relay_delay(circuit.failures + 1))
        _hold(circuit, away[-1].text, min(max(seconds, 1.0), outcomes.LONGEST_HOLD), now, is_probe=is_probe)
    elif (counted := sum(circuit.refusals_by_minute.values())) >= limit.most_refusals:
        statuses = ", ".join(map(str, sorted(limit.refusals)))
        text = advise(
            gettext_noop("%(number)s answers of %(statuses)s within %(minutes)s minutes: %(ban)s"),
            number=f"{counted:,}",
            statuses=statuses,
            minutes=limit.window // 60,
            ban=advise(limit.ban),
        )
        circuit.refusals_by_minute = {}  # the hold lasts until none of them counts at the service any more
        _hold(circuit, text, limit.window, now, is_probe=is_probe)
    elif is_probe and circuit.failures:
        _log("%s is sent to again", FORMATS[name].label)
        circuit.failures, circuit.not_before, circuit.last_error = 0, None, ""
    circuit.save()


def _count(circuit: Circuit, limit: HostLimit, refused: int, now: datetime) -> None:
    """Count what was refused in the last `limit.window` seconds, by minutes: rounded up to whole ones.

    Windows that follow each other would not do: the service counts across their ends. Minutes that lie in the future,
    because the clock was set back, count as well.
    """
    minute = int(now.timestamp() // 60)
    first = int((now.timestamp() - limit.window) // 60)
    counts = {known: count for known, count in circuit.refusals_by_minute.items() if int(known) >= first}
    if refused:
        counts[str(minute)] = counts.get(str(minute), 0) + refused
    circuit.refusals_by_minute = counts


def _hold(circuit: Circuit, why: str, seconds: float, now: datetime, *, is_probe: bool) -> None:
    """Hold a service, or prolong its hold: answers to what was under way when it began are no news, and not logged."""
    if not circuit.failures:
        _log("nothing is sent to %s for %d s: %s", FORMATS[circuit.pk].label, int(seconds), why)
    if is_probe or not circuit.failures:
        circuit.failures += 1
    until = now + timedelta(seconds=seconds)
    circuit.not_before = max(circuit.not_before or until, until)
    circuit.last_error = shorten(why, 200)


def _log(text: str, *values: object) -> None:
    transaction.on_commit(partial(logger.warning, text, *values))
