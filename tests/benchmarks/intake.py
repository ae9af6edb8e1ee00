"""Events per second by API, with 4 hooks matching; and one event that matches 10,000 members."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import connection, transaction

from events import intake as door
from events.intake import NewEvent
from hooks.models import Delivery
from hooks.routing import router
from notifications_project.accounts.models import Membership, User
from notifications_project.accounts.roles import Role
from tests.benchmarks.arena import Api, Arena
from tests.benchmarks.receivers import Instant
from tests.benchmarks.report import Aim, Findings, median, number, spread

HOOKS = 4
_CLIENTS = 8
_LIST = 100


def intake(arena: Arena) -> Findings:
    findings = Findings(notes=["By API through one uvicorn process, 1 kB events, 4 webhooks matching. 2 workers."])
    with Instant() as receiver:
        arena.only([receiver.url(number) for number in range(HOOKS)])
        with arena.web() as api:
            _by_api(arena, api, "workers stopped", findings)
            with arena.workers():
                arena.rest(300)
                _by_api(arena, api, "workers delivering at the same time", findings)
                arena.rest(300)
    many(arena, findings)
    return findings


def _by_api(arena: Arena, api: Api, case: str, findings: Findings) -> None:
    singles, lists = arena.options.size(1_000, 100), arena.options.size(100, 10)
    single, several = api.one(), api.several(_LIST)
    ways: dict[str, Callable[[], float]] = {
        "one at a time, 1 client": lambda: singles / _seconds(api, [single] * singles, 1),
        f"one at a time, {_CLIENTS} clients": lambda: singles / _seconds(api, [single] * singles, _CLIENTS),
        f"lists of {_LIST}, 1 client": lambda: lists * _LIST / _seconds(api, [several] * lists, 1),
    }
    for way, measure in ways.items():
        rates = [measure() for _ in range(arena.options.runs)]
        findings.rows.append({"case": case, "way": way, "events/s": spread(rates)})
        findings.aims.append(Aim(f"{way}, {case}: events/s", spread(rates)))


def _seconds(api: Api, bodies: list[bytes], clients: int) -> float:
    shares = [bodies[number::clients] for number in range(clients)]
    failed: list[BaseException] = []

    def send(share: list[bytes]) -> None:
        client = api.another()
        try:
            for body in share:
                client.post(body)
        except Exception as error:
            failed.append(error)
        finally:
            client.connection.close()

    threads = [threading.Thread(target=send, args=(share,)) for share in shares]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return time.monotonic() - began


def many(arena: Arena, findings: Findings) -> None:
    """Measure storing and routing one event that tells every member."""
    members = arena.options.size(10_000, 1_000)
    while router.route():  # routes the events that the workers have not
        pass
    add_members(arena, members)
    runs = [routed(arena, "stack.redeploy.ok", members) for _ in range(arena.options.runs)]
    record_runs, matching_runs = [each.storing for each in runs], [each.routing for each in runs]
    queries = runs[-1].queries
    case = f"one event, {members:,} members"
    findings.rows.append({"case": case, "way": "storing it", "ms": spread(record_runs)})
    findings.rows.append({"case": case, "way": "routing it", "ms": spread(matching_runs), "queries": str(queries)})
    findings.aims.append(Aim(f"{case}: storing", f"{number(median(record_runs))} ms"))
    findings.aims.append(Aim(f"{case}: routing", f"{number(median(matching_runs))} ms, {queries} queries"))


@dataclass(frozen=True)
class Routed:
    """The cost of one event: milliseconds, and queries of the routing."""

    storing: float
    routing: float
    queries: int


def routed(arena: Arena, event_type: str, due: int) -> Routed:
    """Store and route one event; fail unless it makes at least `due` deliveries."""
    queries = 0

    def count(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal queries
        queries += 1
        return execute(*arguments)

    before = Delivery.objects.count()
    began = time.perf_counter()
    door.record(arena.acme, [NewEvent(type=event_type)])
    stored = time.perf_counter()
    with connection.execute_wrapper(count):
        while router.route():
            pass
    done = time.perf_counter()
    owed = Delivery.objects.count() - before
    if owed < due:
        raise RuntimeError(f"the event owes {owed} deliveries, not {due}")
    return Routed(1000 * (stored - began), 1000 * (done - stored), queries)


def add_members(arena: Arena, number: int) -> list[User]:
    password = make_password(None)
    users = [User(email=f"member{each}@people.example", password=password) for each in range(number)]
    with transaction.atomic():
        User.objects.bulk_create(users, batch_size=1000)
        Membership.objects.bulk_create(
            [Membership(organization=arena.acme, user=user, role=Role.DEVELOPER) for user in users], batch_size=1000
        )
    return users
