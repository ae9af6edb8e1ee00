"""The delay that hanging endpoints cause: time from event to delivery at the healthy ones."""

from __future__ import annotations

import time
from uuid import UUID

from hooks.models import Delivery
from tests.benchmarks.arena import Arena
from tests.benchmarks.receivers import Patient
from tests.benchmarks.report import Aim, Findings, median, number, percentile, spread

ENDPOINTS = 100
_EVERY = 0.5  # seconds between events
_WARM_UP = 10  # events


def fairness(arena: Arena) -> Findings:
    """Measure 200 deliveries a second while 0, 1 and 50 of 100 endpoints hang until the time-out."""
    seconds = arena.options.size(30, 8)
    findings = Findings()
    p99: dict[int, list[float]] = {0: [], 1: [], 50: []}
    p50: dict[int, list[float]] = {0: [], 1: [], 50: []}
    timeout = arena.options.size(15, 5)
    for _ in range(arena.options.runs):
        for hanging in p99:
            waits = one(arena, hanging, seconds, timeout)
            p50[hanging].append(percentile(waits, 50))
            p99[hanging].append(percentile(waits, 99))
    alone = median(p99[0])
    for hanging in p99:
        share = median(p99[hanging]) / alone
        findings.rows.append(
            {
                "healthy": str(ENDPOINTS - hanging),
                "hanging": str(hanging),
                "p50 ms": spread(p50[hanging]),
                "p99 ms": spread(p99[hanging]),
                "of the p99 without": number(share),
            }
        )
        if hanging:
            aim = f"{ENDPOINTS - hanging} and {hanging}: p99 of the healthy at most 1.2 times that without hanging ones"
            findings.aims.append(Aim(aim, f"{share:.2f} times", share <= 1.2))
    findings.notes.append(
        f"An event every {_EVERY} s for {seconds} s to {ENDPOINTS} endpoints that answer in 20 ms, "
        f"or hang until the time-out of {timeout} s. 2 workers."
    )
    return findings


def one(arena: Arena, hanging: int, seconds: int, timeout: int) -> list[float]:
    """Return the milliseconds from the storing of each event to its arrival at each healthy endpoint."""
    with Patient(20) as receiver, arena.workers(DELIVERY_TIMEOUT=str(timeout)):
        healthy = ENDPOINTS - hanging
        hooks = arena.only(
            [receiver.url(number) for number in range(healthy)]
            + [receiver.hanging_url(number) for number in range(hanging)]
        )
        arena.publish(_WARM_UP)
        receiver.wait_for(_WARM_UP * healthy)
        receiver.arrivals()
        stored: dict[UUID, float] = {}
        began, number = time.monotonic(), 0
        while time.monotonic() < began + seconds:
            at, (event,) = arena.record(1)
            stored[event] = at
            number += 1
            time.sleep(max(0.0, began + number * _EVERY - time.monotonic()))
        owed = {
            row.public_id: stored[row.event_id]
            for row in _deliveries(arena, list(stored), [hook.endpoint_id for hook in hooks[:healthy]], healthy)
        }
        found: dict[str, float] = {}
        deadline = time.monotonic() + 60
        while len(found) < len(owed) and time.monotonic() < deadline:
            time.sleep(0.2)
            found |= {webhook_id: at for webhook_id, at in receiver.arrivals().items() if webhook_id in owed}
        if len(found) < len(owed):
            raise RuntimeError(f"only {len(found)} of {len(owed)} deliveries arrived at healthy endpoints")
        arena.only([])  # cancels the deliveries to those that hang
        return [1000 * (at - owed[webhook_id]) for webhook_id, at in found.items()]


def _deliveries(arena: Arena, events: list[UUID], endpoints: list[UUID | None], healthy: int) -> list[Delivery]:
    """Wait until the events are routed; return the deliveries to healthy endpoints."""
    deadline = time.monotonic() + 60
    while True:
        rows = list(Delivery.objects.filter(event__in=events, endpoint__in=endpoints).only("id", "event_id"))
        if len(rows) == len(events) * healthy:
            return rows
        if time.monotonic() > deadline:
            raise RuntimeError(f"only {len(rows)} deliveries were routed")
        time.sleep(0.2)
