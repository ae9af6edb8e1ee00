"""Deliveries per second: to a receiver that answers at once, beside a plain loop, and to one that takes 50 ms."""

from __future__ import annotations

import time

from tests.benchmarks import loop
from tests.benchmarks.arena import Api, Arena
from tests.benchmarks.receivers import Instant, Patient
from tests.benchmarks.report import Aim, Findings, median, percent, spread

ENDPOINTS = 100
_WARM_UP = 20  # events, so that lanes and workers are warm


def instant(arena: Arena) -> Findings:
    """Measure 20,000 deliveries: by the plain loop, once routed, and from the API call."""
    events = arena.options.size(200, 20)
    owed = events * ENDPOINTS
    rates: dict[str, list[float]] = {"loop": [], "routed": [], "API": []}
    with Instant() as receiver, arena.workers(), arena.web() as api:
        arena.only([receiver.url(number) for number in range(ENDPOINTS)])
        base = receiver.count()
        receiver_waits(arena, receiver, _WARM_UP)
        for _ in range(arena.options.runs):
            rates["loop"].append(owed / loop.seconds_of(receiver, owed, ENDPOINTS, arena.body()))
            rates["routed"].append(owed / receiver_waits(arena, receiver, events))
            rates["API"].append(owed / from_api(arena, receiver, api, events))
        arena.check(ENDPOINTS * (_WARM_UP + 2 * events * arena.options.runs))
        own = loop.PROCESSES * arena.options.runs  # each process opens its connection with a request of its own
        expected = ENDPOINTS * _WARM_UP + 3 * owed * arena.options.runs + own
        repeated = receiver.count() - base - expected
    findings = Findings(
        [{"case": "plain loop of requests.Session, no database", "deliveries/s": spread(rates["loop"])}]
    )
    findings.notes.append(
        f"{owed:,} deliveries of 1 kB to {ENDPOINTS} endpoints, 2 workers; sent more than once: {repeated}."
    )
    for name, case, least in (
        ("routed", "once the events are routed", 0.85),
        ("API", "from the API call, routing included", 0.70),
    ):
        shares = [one / plain for one, plain in zip(rates[name], rates["loop"], strict=True)]
        of_loop = f"{spread([100 * share for share in shares])} %"
        findings.rows.append({"case": case, "deliveries/s": spread(rates[name]), "of the loop": of_loop})
        met = median(shares) >= least if arena.postgresql else None
        findings.aims.append(Aim(f"{case}: at least {percent(least)} of the loop", percent(median(shares)), met))
    return findings


def receiver_waits(arena: Arena, receiver: Instant | Patient, events: int) -> float:
    """Return the seconds from the commit of so many events and their deliveries to the last arrival."""
    arena.rest()
    before = receiver.count()
    began = arena.publish(events)
    seconds = receiver.wait_for(before + events * arena.listening) - began
    arena.rest()
    return seconds


def from_api(arena: Arena, receiver: Instant, api: Api, events: int) -> float:
    """Return the seconds from the first call of the API, in lists of 100, to the last arrival."""
    lists = [api.several(min(100, events - start)) for start in range(0, events, 100)]
    arena.rest()
    before = receiver.count()
    began = time.monotonic()
    for body in lists:
        api.post(body)
    seconds = receiver.wait_for(before + events * arena.listening) - began
    arena.rest()
    return seconds


def slow(arena: Arena) -> Findings:
    """Measure a receiver that takes 50 ms: 100 endpoints, then 20, with lanes that have earned their seats."""
    findings = Findings(notes=["50 ms before each answer, 2 workers, warm lanes, from routed to the last arrival."])
    with Patient(50) as receiver, arena.workers():
        for endpoints, aim in ((100, 1600), (20, 1200)):
            owed = arena.options.size(10_000, 3_000)
            arena.only([receiver.url(number) for number in range(endpoints)])
            for _ in range(2):
                receiver_waits(arena, receiver, 2_000 // endpoints)
            rates = [owed / receiver_waits(arena, receiver, owed // endpoints) for _ in range(arena.options.runs)]
            findings.rows.append({"endpoints": str(endpoints), "deliveries/s": spread(rates)})
            met = median(rates) >= aim if arena.postgresql else None
            findings.aims.append(Aim(f"{endpoints} endpoints: at least {aim:,}/s", f"{median(rates):,.0f}/s", met))
        receiver.arrivals()
    return findings
