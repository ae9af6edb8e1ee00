"""The command that runs benchmarks, each in a process and on a database of its own."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from tests.benchmarks.machine import NotInstalled, redis
from tests.benchmarks.report import Aim, Findings, Row, table
from tests.postgres import TemporaryPostgres, find_postgres

BASE = Path(__file__).resolve().parent.parent.parent
# PostgreSQL's default: a commit waits for the disk.
DURABLE = {"max_connections": "200", "logging_collector": "off"}
STATISTICS = DURABLE | {"shared_preload_libraries": "pg_stat_statements"}
POSTGRES, POSTGRES_REDIS, SQLITE = "PostgreSQL", "PostgreSQL, Redis", "SQLite"


@dataclass(frozen=True)
class Benchmark:
    """A benchmark. `on` names the database it always runs on; --sqlite adds SQLite if it supports that."""

    title: str
    module: str
    function: str
    on: Sequence[str] = (POSTGRES,)
    sqlite: bool = True


BENCHMARKS = {
    "instant": Benchmark("Throughput, a receiver that answers at once", "throughput", "instant"),
    "slow": Benchmark("Throughput, a receiver that takes 50 ms", "throughput", "slow"),
    "peers": Benchmark("Peers", "peer_runs", "peers", sqlite=False),
    "fairness": Benchmark("Fairness: event to delivery at healthy endpoints", "fairness", "fairness"),
    "latency": Benchmark(
        "Latency: event stored to receiver reached", "latency", "latency", (POSTGRES_REDIS, POSTGRES, SQLITE)
    ),
    "scale": Benchmark("Scale: full tables against empty ones", "scale", "scale"),
    "intake": Benchmark("Intake", "intake", "intake"),
    "matching": Benchmark("Matching: one event, an organization of many members", "members", "matching"),
    "memory": Benchmark("Memory of the whole cluster", "footprint", "memory"),
    "idle": Benchmark("Cost of an idle cluster", "footprint", "idle", (POSTGRES_REDIS, POSTGRES)),
}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser("python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(BENCHMARKS)}; all of them if none")
    parser.add_argument("--runs", type=int, default=5, help="measurements of which the median is told (5)")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that all of it works, not how fast")
    parser.add_argument("--sqlite", action="store_true", help="on SQLite too")
    options = parser.parse_args(arguments)
    names = options.names or list(BENCHMARKS)
    if unknown := set(names) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    aims: list[Row] = []
    failed = False
    for name in names:
        benchmark = BENCHMARKS[name]
        on = list(benchmark.on)
        if options.sqlite and benchmark.sqlite and SQLITE not in on:
            on.append(SQLITE)
        say(f"\n### {name}: {benchmark.title}\n")
        findings = []
        for where in on:
            began = time.monotonic()
            found = measure(benchmark, where, options.runs, options.quick)
            print(f"{name} on {where}: {time.monotonic() - began:.0f} s", file=sys.stderr)
            failed = failed or found is None
            if found:
                findings.append((where, found))
        show(findings)
        aims += [summary(name, where, aim) for where, found in findings for aim in found.aims]
    if aims:
        say(f"\n### Summary{' (quick: the sizes are too small to judge)' if options.quick else ''}\n\n{table(aims)}")
    return int(failed)


def measure(benchmark: Benchmark, where: str, runs: int, quick: bool) -> Findings | None:
    """Run a benchmark; None if it failed, after its error was printed."""
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="console-benchmark-"))
        environment = os.environ | {"PYTHONUNBUFFERED": "1", "BENCHMARK_DIRECTORY": directory}
        try:
            if where == SQLITE:
                environment["TEST_DATABASE_URL"] = f"sqlite:///{directory}/benchmark.sqlite3"
            else:
                settings = STATISTICS if benchmark.function == "idle" else DURABLE
                environment["TEST_DATABASE_URL"] = stack.enter_context(postgres(settings))
            if where == POSTGRES_REDIS:
                environment["BENCHMARK_REDIS_URL"] = stack.enter_context(redis())
        except (RuntimeError, NotInstalled) as error:
            say(f"{where}: not measured: {error}")
            return None
        result = Path(directory) / "result.json"
        asked = {"module": benchmark.module, "function": benchmark.function, "result": str(result)}
        options = {"on": where, "runs": runs, "quick": quick}
        environment["BENCHMARK"] = json.dumps(asked | {"options": options})
        done = subprocess.run([sys.executable, "-m", "tests.benchmarks.one"], cwd=BASE, env=environment, check=False)
        if done.returncode:
            say(f"{where}: FAILED, see above")
            return None
        found = json.loads(result.read_text())
        return Findings(found["rows"], [Aim(**aim) for aim in found["aims"]], found["notes"])


def postgres(settings: dict[str, str]) -> TemporaryPostgres:
    programs = find_postgres()
    if programs is None:
        raise RuntimeError("PostgreSQL is not installed")
    return TemporaryPostgres(programs, settings)


def show(findings: Sequence[tuple[str, Findings]]) -> None:
    rows = [{"on": where} | row for where, found in findings for row in found.rows]
    if rows:
        say(table(rows))
    for note in dict.fromkeys(note for _, found in findings for note in found.notes):
        say(f"\n{note}")


def summary(name: str, where: str, aim: Aim) -> Row:
    met = {True: "yes", False: "NO", None: ""}[aim.met]
    return {"benchmark": name, "on": where, "aim": aim.aim, "measured": aim.measured, "met": met}


def interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupt)
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        say("\nInterrupted.")
        sys.exit(130)
