"""The time from the storing of an event to its arrival, idle and under load."""

from __future__ import annotations

import random
import threading
import time
from uuid import UUID

from hooks.models import Delivery
from tests.benchmarks.arena import Arena
from tests.benchmarks.receivers import Patient
from tests.benchmarks.report import Aim, Findings, number, percentile

_BUSY_ENDPOINTS = 20
_BUSY_EVERY = 0.2  # seconds: 100 deliveries a second of 50 ms each use 5 of 128 threads


def latency(arena: Arena) -> Findings:
    findings = Findings()
    events = arena.options.size(60, 12)
    with arena.workers():
        with Patient(0) as receiver:
            arena.only([receiver.url(0)])
            idle = [_once(arena, receiver, pause=random.uniform(1.2, 1.7)) for _ in range(events)]
        with Patient(50) as receiver:
            arena.only([receiver.url(number) for number in range(_BUSY_ENDPOINTS)])
            busy = _busy(arena, receiver, arena.options.size(30, 6))
    for case, waits in (("idle", idle), ("busy, pool not full", busy)):
        row = {"case": case, "deliveries": str(len(waits))}
        findings.rows.append(row | {f"p{rank} ms": number(percentile(waits, rank)) for rank in (50, 95, 99)})
    limit = {"PostgreSQL, Redis": 30, "SQLite": 150}.get(arena.options.on)
    p50 = percentile(idle, 50)
    aim = f"idle: p50 under {limit} ms" if limit else "idle: p50"
    findings.aims.append(Aim(aim, f"{p50:.0f} ms", None if limit is None else p50 < limit))
    p50 = percentile(busy, 50)
    findings.aims.append(Aim("busy, pool not full: p50 under 100 ms", f"{p50:.0f} ms", p50 < 100))
    return findings


def _once(arena: Arena, receiver: Patient, pause: float) -> float:
    """Measure one event after a pause, in which the last pump ends."""
    time.sleep(pause)
    receiver.arrivals()
    before = receiver.count()
    stored, _ = arena.record(1)
    receiver.wait_for(before + 1, 30)
    (arrived,) = receiver.arrivals().values()
    return 1000 * (arrived - stored)


def _busy(arena: Arena, receiver: Patient, seconds: int) -> list[float]:
    stored: dict[UUID, float] = {}
    arena.publish(5)  # the lanes earn seats
    receiver.wait_for(5 * _BUSY_ENDPOINTS)
    receiver.arrivals()
    stop = threading.Event()
    began = time.monotonic()
    while time.monotonic() < began + seconds and not stop.wait(_BUSY_EVERY):
        at, (event,) = arena.record(1)
        stored[event] = at
    receiver.wait_for((5 + len(stored)) * _BUSY_ENDPOINTS, 60)
    arrived = receiver.arrivals()
    rows = Delivery.objects.filter(event__in=list(stored)).only("id", "event_id")
    return [1000 * (arrived[row.public_id] - stored[row.event_id]) for row in rows]
