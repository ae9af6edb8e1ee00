"""The cost of a delivery among three million delivered ones, and with 100,000 waiting for a dead endpoint."""

from __future__ import annotations

import json
import time
from typing import Any

from django.db import connection

from events.models import Event
from hooks.models import Attempt, Hook
from tests.benchmarks.arena import TYPE, Arena
from tests.benchmarks.machine import cpu_seconds, free_port, server_of
from tests.benchmarks.receivers import Instant
from tests.benchmarks.report import Aim, Findings, median, number, spread
from tests.benchmarks.throughput import receiver_waits
from tests.project.processes import Command

ENDPOINTS = 100


def scale(arena: Arena) -> Findings:
    """Measure equal deliveries to 100 endpoints: with empty tables, full tables, then a dead endpoint beside."""
    events = arena.options.size(100, 20)
    delivered, waiting = arena.options.size(3_000_000, 100_000), arena.options.size(100_000, 5_000)
    costs: dict[str, list[tuple[float, float]]] = {}
    with Instant() as receiver:
        hooks = arena.only([receiver.url(number) for number in range(ENDPOINTS)])
        with arena.workers() as workers:
            costs["empty tables"] = _costs(arena, workers, receiver, events)
        began = time.monotonic()
        _fill(arena, hooks, delivered)
        filled = time.monotonic() - began
        with arena.workers() as workers:
            costs[f"{delivered:,} delivered"] = _costs(arena, workers, receiver, events)
        _wait_for_a_dead_one(arena, waiting)
        with arena.workers() as workers:
            # The dead endpoint matches no event any more: each measurement has the same number of deliveries.
            costs[f"and {waiting:,} waiting for a dead endpoint"] = _costs(arena, workers, receiver, events)
    empty = costs["empty tables"]
    findings = Findings(notes=[f"Made in {filled:.0f} s by SQL: {delivered:,} deliveries, each with one attempt."])
    for case, runs in costs.items():
        wall, cpu = [[each[which] for each in runs] for which in (0, 1)]
        shares = [median([each[which] for each in runs]) / median([each[which] for each in empty]) for which in (0, 1)]
        findings.rows.append(
            {"case": case, "ms a delivery": spread(wall), "CPU ms a delivery": spread(cpu),
             "time, of empty": number(shares[0]), "CPU, of empty": number(shares[1])}
        )  # fmt: skip
        if case != "empty tables":
            measured = f"{100 * (shares[0] - 1):+.0f} % time, {100 * (shares[1] - 1):+.0f} % CPU"
            aim = f"{case}: within 10 % of the cost on empty tables"
            findings.aims.append(Aim(aim, measured, shares[0] <= 1.1))
    return findings


def _costs(arena: Arena, workers: Command, receiver: Instant, events: int) -> list[tuple[float, float]]:
    """Return, for each run, the milliseconds of time and of CPU (cluster and database server) for a delivery."""
    receiver_waits(arena, receiver, 20)  # warms lanes and caches
    costs = []
    for _ in range(arena.options.runs):
        before = _cpu(workers)
        seconds = receiver_waits(arena, receiver, events)
        owed = events * ENDPOINTS
        costs.append((1000 * seconds / owed, 1000 * (_cpu(workers) - before) / owed))
    return costs


def _cpu(workers: Command) -> float:
    used = cpu_seconds(workers.family())
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            used += cpu_seconds(server_of(cursor.fetchone()[0]))
    return used


def _wait_for_a_dead_one(arena: Arena, waiting: int) -> None:
    dead = arena.webhook("Dead", f"http://127.0.0.1:{free_port()}/")
    assert dead.endpoint is not None
    lane = dead.endpoint.lane_id
    _rows(arena, [dead], waiting, state="pending", offset=10**9)
    dead.events = ["stack.stop"]  # a type that no benchmark records
    dead.save()
    with connection.cursor() as cursor:
        now = "now()" if arena.postgresql else "strftime('%Y-%m-%d %H:%M:%f', 'now')"
        cursor.execute(f"UPDATE hooks_lane SET work_due_at = {now}, next_at = {now} WHERE id = %s", [lane])


def _fill(arena: Arena, hooks: list[Hook], deliveries: int) -> None:
    _rows(arena, hooks, deliveries, state="delivered", offset=0)


def _rows(arena: Arena, hooks: list[Hook], deliveries: int, state: str, offset: int) -> None:
    """Insert events, their deliveries to each hook, and an attempt for each delivered one.

    The rows are copies of real ones. Their ids have the form of version 7, and are older than any other.
    """
    arena.publish(1)
    template = Event.objects.latest("id")
    attempt = Attempt.objects.latest("id")
    events = deliveries // len(hooks)
    fields = {
        "organization": arena.acme.pk, "type": TYPE, "representation": template.representation, "state": state,
        "reasons": json.dumps(template.deliveries.first().reasons), "request": json.dumps(attempt.request),
        "response": json.dumps(attempt.response), "timings": json.dumps(attempt.timings),
    }  # fmt: skip
    write = _in_postgresql if arena.postgresql else _in_sqlite
    write(fields, hooks, events, offset)


def _in_postgresql(fields: dict[str, Any], hooks: list[Hook], events: int, offset: int) -> None:
    def key(kind: int, expression: str) -> str:
        return f"('0170000{kind}-0000-7000-8000-' || lpad(to_hex({expression}), 12, '0'))::uuid"

    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE targets (n int, hook uuid, endpoint uuid, lane bigint)")
        targets = [
            (n, hook.pk, hook.endpoint.pk, hook.endpoint.lane_id) for n, hook in enumerate(hooks) if hook.endpoint
        ]
        cursor.executemany("INSERT INTO targets VALUES (%s, %s, %s, %s)", targets)
        values = fields | {"first": offset, "last": offset + events - 1, "each": len(hooks)}
        cursor.execute(
            f"""INSERT INTO events_event (id, organization_id, type, representation, occurred_at, recorded_at,
                    fingerprint, is_test, routed_at)
                SELECT {key(1, "g")}, %(organization)s, %(type)s, %(representation)s, now(), now(), '', false, now()
                FROM generate_series(%(first)s, %(last)s) g""",
            values,
        )
        cursor.execute(
            f"""INSERT INTO hooks_delivery (id, organization_id, event_id, endpoint_id, lane_id, hook_id, reasons,
                    state, due_at, tries, outcome, created_at, settled_at)
                SELECT {key(2, "g::bigint * %(each)s + n")}, %(organization)s, {key(1, "g")}, endpoint, lane, hook,
                    %(reasons)s::jsonb, %(state)s, CASE WHEN %(state)s = 'pending' THEN now() END,
                    CASE WHEN %(state)s = 'pending' THEN 0 ELSE 1 END, '', now(), now()
                FROM generate_series(%(first)s, %(last)s) g, targets""",
            values,
        )
        if fields["state"] == "delivered":
            cursor.execute(
                f"""INSERT INTO hooks_attempt (id, delivery_id, number, started_at, duration_ms, verdict, code,
                        explanation, request, response, timings, dialled)
                    SELECT {key(3, "g::bigint * %(each)s + n")}, {key(2, "g::bigint * %(each)s + n")}, 1, now(), 2,
                        'delivered', '204', 'No Content', %(request)s::jsonb, %(response)s::jsonb, %(timings)s::jsonb,
                        ''
                    FROM generate_series(%(first)s, %(last)s) g, targets""",
                values,
            )
        cursor.execute("DROP TABLE targets")
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")


def _in_sqlite(fields: dict[str, Any], hooks: list[Hook], events: int, offset: int) -> None:
    def key(kind: int, expression: str) -> str:
        return f"('0170000{kind}000070008000' || printf('%%012x', {expression}))"

    series = "WITH RECURSIVE series(g) AS (SELECT %s UNION ALL SELECT g + 1 FROM series WHERE g < %s)"
    now, each, pending = "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')", len(hooks), fields["state"] == "pending"
    first, last = offset, offset + events - 1
    organization = str(fields["organization"]).replace("-", "")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE targets (n int, hook text, endpoint text, lane int)")
        for n, hook in enumerate(hooks):
            assert hook.endpoint is not None
            cursor.execute(
                "INSERT INTO targets VALUES (%s, %s, %s, %s)",
                [n, hook.pk.hex, hook.endpoint.pk.hex, hook.endpoint.lane_id],
            )
        cursor.execute(
            f"""INSERT INTO events_event (id, organization_id, type, representation, occurred_at, recorded_at,
                    fingerprint, is_test, routed_at)
                {series} SELECT {key(1, "g")}, %s, %s, %s, {now}, {now}, '', 0, {now} FROM series""",
            [first, last, organization, fields["type"], fields["representation"]],
        )
        cursor.execute(
            f"""INSERT INTO hooks_delivery (id, organization_id, event_id, endpoint_id, lane_id, hook_id, reasons,
                    state, due_at, tries, outcome, created_at, settled_at)
                {series} SELECT {key(2, f"g * {each} + n")}, %s, {key(1, "g")}, endpoint, lane, hook, %s, %s,
                    {now if pending else "NULL"}, {0 if pending else 1}, '', {now}, {now} FROM series, targets""",
            [first, last, organization, fields["reasons"], fields["state"]],
        )
        if not pending:
            cursor.execute(
                f"""INSERT INTO hooks_attempt (id, delivery_id, number, started_at, duration_ms, verdict, code,
                        explanation, request, response, timings, dialled)
                    {series} SELECT {key(3, f"g * {each} + n")}, {key(2, f"g * {each} + n")}, 1, {now}, 2, 'delivered',
                        '204', 'No Content', %s, %s, %s, '' FROM series, targets""",
                [first, last, fields["request"], fields["response"], fields["timings"]],
            )
        cursor.execute("DROP TABLE targets")
        cursor.execute("ANALYZE")
