"""The cost of the cluster: memory over many deliveries; queries and CPU when idle."""

from __future__ import annotations

import time

from django.db import connection

from tests.benchmarks.arena import Arena
from tests.benchmarks.machine import cpu_seconds, pss_mb, server_of
from tests.benchmarks.receivers import Instant
from tests.benchmarks.report import Aim, Findings, number

ENDPOINTS = 100
_STEPS = 10


def memory(arena: Arena) -> Findings:
    """Measure the memory of all processes of `manage.py worker` over 200,000 deliveries, in ten steps."""
    findings = Findings(notes=["PSS of every process of `manage.py worker`: the supervisor and the whole cluster."])
    events = arena.options.size(200, 10)  # in a step
    resting: list[float] = []
    most = 0.0
    with Instant() as receiver, arena.workers() as workers:
        arena.only([receiver.url(number) for number in range(ENDPOINTS)])
        before = receiver.count()
        for step in range(_STEPS + 1):
            if step:
                arena.publish(events)
                while receiver.count() < before + step * events * ENDPOINTS:
                    most = max(most, pss_mb(workers.family()))
                    time.sleep(0.5)
                arena.rest()
            resting.append(pss_mb(workers.family()))
            sent, supervisor = step * events * ENDPOINTS, pss_mb([workers.process.pid])
            findings.rows.append(
                {
                    "after": f"{sent:,} deliveries",
                    "MB": number(resting[-1]),
                    "of it the supervisor": number(supervisor),
                    "highest so far": number(most),
                }
            )
    findings.aims = [
        Aim("the whole cluster under 200 MB", f"{max(most, *resting):.0f} MB at most", max(most, *resting) < 200),
        # The first step loads code and caches; after it memory should not grow.
        Aim("flat: the last step within 5 % of the third", f"{resting[-1]:.0f} after {resting[3]:.0f} MB",
            resting[-1] <= 1.05 * resting[3]),
    ]  # fmt: skip
    return findings


def idle(arena: Arena) -> Findings:
    """Measure queries and CPU over 30 idle seconds."""
    seconds = arena.options.size(30, 10)
    with arena.workers() as workers:
        time.sleep(3)
        _forget_queries()
        queries, server = _queries(), _server_cpu()
        used = cpu_seconds(workers.family())
        began = time.monotonic()
        time.sleep(seconds)
        elapsed = time.monotonic() - began
        used = cpu_seconds(workers.family()) - used
        queries, server = _queries() - queries, _server_cpu() - server
    row = {"CPU of the cluster": f"{100 * used / elapsed:.2f} % of a core"}
    notes = [f"Over {elapsed:.0f} s; every process of `manage.py worker`."]
    aims = [Aim("under 2 % of a core", f"{100 * used / elapsed:.2f} %", used / elapsed < 0.02)]
    if arena.postgresql:
        row |= {
            "queries/s": number(queries / elapsed),
            "CPU of PostgreSQL": f"{100 * server / elapsed:.2f} % of a core",
        }
        aims.append(Aim("under 10 queries a second", number(queries / elapsed), queries / elapsed < 10))
        notes += [
            f"{arena.options.on}, the most frequent: {calls / elapsed:.1f}/s `{query}`" for query, calls in _frequent()
        ]
    return Findings([row], aims, notes)


def _forget_queries() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            cursor.execute("SELECT pg_stat_statements_reset()")


def _frequent() -> list[tuple[str, int]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT left(query, 90), calls FROM pg_stat_statements ORDER BY calls DESC LIMIT 5")
        return [(" ".join(query.split()), calls) for query, calls in cursor.fetchall()]


def _queries() -> int:
    """Return how many statements the server has run, without those that count them. SQLite does not count."""
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'"
        )
        return int(cursor.fetchone()[0])


def _server_cpu() -> float:
    if connection.vendor != "postgresql":
        return 0.0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cpu_seconds(server_of(cursor.fetchone()[0]))
