"""Runs of equal deliveries with other libraries: each well tuned, with two worker processes.

All of a peer's work is queued before its workers start, and time counts from the first to the last arrival: its start
and its intake are not counted.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from django.db import connection

from tests.benchmarks import loop
from tests.benchmarks.arena import BODY, Arena
from tests.benchmarks.machine import NotInstalled, Process, redis
from tests.benchmarks.receivers import Instant, Patient
from tests.benchmarks.report import Aim, Findings, Row, median, number, spread
from tests.benchmarks.throughput import receiver_waits

BASE = Path(__file__).resolve().parent.parent.parent
PROJECT = Path(__file__).resolve().parent / "peers"
REQUIREMENTS = BASE / "requirements" / "benchmarks.txt"
ENDPOINTS = 100
AIMS = {"django-webhook": 8, "django-outbound-webhooks": 3, "django-q2": 8}
LABELS = {
    "django-webhook": "django-webhook, Celery, Redis, tuned",
    "django-outbound-webhooks": "django-outbound-webhooks, 2 relays",
    "django-q2": "one django-q2 task a delivery",
}


def peers(arena: Arena) -> Findings:
    findings = Findings(
        notes=[f"To {ENDPOINTS} endpoints, 2 worker processes each, PostgreSQL with default durability."]
    )
    python = environment_of_peers()
    rates: dict[tuple[str, int], list[float]] = {}
    for _ in range(arena.options.runs):
        for milliseconds in (0, 50):
            owed = arena.options.size(20_000, 2_000)
            with Patient(50) if milliseconds else Instant() as receiver, arena.workers():
                arena.only([receiver.url(each) for each in range(ENDPOINTS)])
                receiver_waits(arena, receiver, 20)
                ours = owed / receiver_waits(arena, receiver, owed // ENDPOINTS)
                rates.setdefault(("this console", milliseconds), []).append(ours)
                if isinstance(receiver, Instant):
                    plain = owed / loop.seconds_of(receiver, owed, ENDPOINTS, arena.body())
                    rates.setdefault(("plain loop, no database", 0), []).append(plain)
            for peer in AIMS:
                events = arena.options.size(10, 3) if milliseconds else arena.options.size(50, 10)
                try:
                    rate = one(peer, python, milliseconds, events)
                except (RuntimeError, NotInstalled) as error:
                    findings.notes.append(f"{LABELS[peer]}, {milliseconds} ms: not measured: {error}")
                else:
                    rates.setdefault((LABELS[peer], milliseconds), []).append(rate)
    findings.rows = [_row(who, rates) for who in dict.fromkeys(who for who, _ in rates)]
    ours = median(rates["this console", 0])
    for peer, times in AIMS.items():
        if measured := rates.get((LABELS[peer], 0)):
            share = ours / median(measured)
            aim = f"{times} times {LABELS[peer]}, instant receiver"
            findings.aims.append(Aim(aim, f"{number(share)} times", share >= times))
    return findings


def _row(who: str, rates: dict[tuple[str, int], list[float]]) -> Row:
    row = {"": who}
    for milliseconds in (0, 50):
        if measured := rates.get((who, milliseconds)):
            row[f"{milliseconds} ms, deliveries/s"] = spread(measured)
            row[f"{milliseconds} ms, of ours"] = number(median(measured) / median(rates["this console", milliseconds]))
    return row


def one(peer: str, python: Path, milliseconds: int, events: int) -> float:
    """Return the deliveries per second of a peer, in a database of its own."""
    owed = events * ENDPOINTS
    with ExitStack() as stack:
        receiver = stack.enter_context(Patient(milliseconds) if milliseconds else Instant())
        environment = stack.enter_context(_environment(peer))
        base = receiver.url(0).rpartition("/")[0]
        for command in (
            ["-m", "django", "migrate", "--run-syncdb", "-v", "0"],
            ["drive.py", "register", base, str(ENDPOINTS)],
            ["drive.py", "owe", str(events), str(BODY), base, str(ENDPOINTS)],
        ):
            _run([str(python), *command], environment)
        log = stack.enter_context(tempfile.TemporaryFile())
        for command in {
            "django-webhook": [
                ["-m", "celery", "-A", "celery_app", "worker", "-c", "2", "-P", "prefork", "-l", "ERROR"]
            ],
            "django-outbound-webhooks": [["-m", "django", "deliver_events"]] * 2,
            "django-q2": [["-m", "django", "qcluster"]],
        }[peer]:
            more = {"cwd": PROJECT, "stderr": log}
            stack.enter_context(Process([python, *command], environment, **more))
        try:
            receiver.wait_for(1, 60)
            before, began = receiver.count(), time.monotonic()
            return (owed - before) / (receiver.wait_for(owed, 600) - began)
        except RuntimeError as error:
            log.seek(0)
            said = log.read().decode(errors="replace").strip().splitlines()
            raise RuntimeError(f"{error}; it said: {' / '.join(said[-3:])}") from error


@contextmanager
def _environment(peer: str) -> Iterator[dict[str, str]]:
    """Give the peer's environment, with an empty database on the same server and a Redis for Celery."""
    name = f"peer_{uuid.uuid4().hex}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    database = os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{name}"
    keep = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG", "TMPDIR"}}
    environment = keep | {
        "PEER": peer,
        "PEER_DATABASE": database,
        "DJANGO_SETTINGS_MODULE": "peer_settings",
        "PYTHONPATH": str(PROJECT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with ExitStack() as stack:
        if peer == "django-webhook":
            environment["PEER_REDIS"] = stack.enter_context(redis())
        yield environment
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def environment_of_peers() -> Path:
    """Return the Python of a virtual environment with the pinned peers, made once in the temporary directory."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:16]
    home = Path(tempfile.gettempdir()) / f"console-benchmark-peers-{digest}"
    python, complete = home / "bin" / "python", home / "complete"
    if not complete.exists():
        print("Installing the peers ...", file=sys.stderr, flush=True)
        shutil.rmtree(home, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(home)], dict(os.environ))
        install = ["-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(REQUIREMENTS)]
        _run([str(python), *install], dict(os.environ))
        complete.touch()
    return python


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise RuntimeError(f"{' '.join(command[1:4])} failed: {' / '.join(said[-3:])}")
