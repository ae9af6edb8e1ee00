"""`manage.py test` runs the suite on SQLite, then again on a private PostgreSQL, and says plainly what ran."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from tests.postgres import TemporaryPostgres, find_postgres

BASE = Path(__file__).resolve().parent.parent
COVERAGE = BASE / ".coverage"  # a folder: each process of a run writes a file of its own
LEAST_COVERED = 80  # percent of the product's lines that the fast tests have to reach; never lower it
CHROMIUM = "/usr/bin/chromium"
CI = os.environ.get("CI", "").lower() in {"1", "true"}
NOTHING_SELECTED = 5  # pytest's exit code
ABOUT = """\
Runs the whole suite with pytest, in three processes on SQLite, and then what a database might change on PostgreSQL if a
server is installed: a private one, started for this and removed afterwards. Other arguments are pytest's and narrow
the runs:
    manage.py test tests/hooks -k pause
With --fast it runs in a minute or two, on SQLite, what needs nothing but one process.
With CI=true nothing may be skipped: a missing PostgreSQL, Redis or Chromium is a failure."""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        "manage.py test", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--sqlite", action="store_true", help="on SQLite only")
    which.add_argument("--postgres", action="store_true", help="on PostgreSQL only")
    which.add_argument("--fast", action="store_true", help="on SQLite, without browsers, processes and servers")
    parser.add_argument("--coverage", action="store_true", help="with --fast or --sqlite: measure the lines that run")
    options, pytest_arguments = parser.parse_known_args(arguments)
    if options.coverage and not (options.fast or options.sqlite):
        parser.error("--coverage goes with --fast or --sqlite: one run is measured")
    listen_to_signals()
    try:
        code = run(
            pytest_arguments,
            sqlite=not options.postgres,
            postgres=not options.sqlite and not options.fast,
            fast=options.fast,
            coverage=options.coverage,
        )
        return report_coverage(fast=options.fast) or code if options.coverage else code
    except KeyboardInterrupt:
        say("\nInterrupted.")
        return 130


def run(arguments: Sequence[str], *, sqlite: bool, postgres: bool, fast: bool = False, coverage: bool = False) -> int:
    began, results = time.monotonic(), {}
    server = find_postgres()
    missing = tell_what_is_here(server)
    if sqlite:
        results["SQLite"] = suite("SQLite", arguments, database_url=None, fast=fast, coverage=coverage)
    if postgres and server:
        with TemporaryPostgres(server) as database_url:
            results["PostgreSQL"] = suite("PostgreSQL", arguments, database_url, again=sqlite)
    elif postgres:
        results["PostgreSQL"] = "FAILED: not installed" if CI or not sqlite else "skipped: not installed"
    if CI:
        results |= dict.fromkeys(missing, "FAILED: not installed")
    return tell_result(results, time.monotonic() - began)


def tell_what_is_here(server: Path | None) -> list[str]:
    """Print which of the programs that tests need are installed; return those that are not."""
    chromium = CHROMIUM if os.path.exists(CHROMIUM) else None
    found = {"PostgreSQL": server, "Redis": shutil.which("redis-server"), "Chromium": chromium}
    for name, path in found.items():
        say(f"{name}: {path}" if path else f"{name}: not installed; the tests that need it are skipped")
    return [name for name, path in found.items() if not path]


def suite(
    name: str,
    arguments: Sequence[str],
    database_url: str | None,
    *,
    again: bool = False,
    fast: bool = False,
    coverage: bool = False,
) -> str:
    """Run pytest; return the result in words.

    With `again` only what a database might change is tested, as the rest was; with `fast`, what does not take long.
    """
    say(f"\n=== {name}")
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "TEST_AGAIN": "true" if again else "false"}
    environment["TEST_FAST"] = "true" if fast else "false"
    # Without its caches pytest rewrites the assertions of 400 files anew in each process, which takes half a minute.
    for name in ("TEST_DATABASE_URL", "DJANGO_SETTINGS_MODULE", "PYTHONDONTWRITEBYTECODE"):
        environment.pop(name, None)
    if database_url:
        environment["TEST_DATABASE_URL"] = database_url
    # Not all of them compute: many tests wait for a worker, a time-out, Chromium. The fast ones do not wait.
    share = ["-n", "2", "--dist", "worksteal"] if fast else ["-n", "3", "--dist", "loadfile", "--no-loadscope-reorder"]
    command = ["pytest", "-q", *share, "--durations", "5", *arguments]
    if coverage:
        shutil.rmtree(COVERAGE, ignore_errors=True)
        COVERAGE.mkdir()
        environment["COVERAGE_FILE"] = str(COVERAGE / "data")
        if sys.version_info >= (3, 12):  # Python itself reports the lines, which costs hardly anything
            environment["COVERAGE_CORE"] = "sysmon"
        command = ["coverage", "run", "-m", *command]
    command = [sys.executable, "-m", *command]
    began = time.monotonic()
    with subprocess.Popen(command, cwd=BASE, env=environment) as pytest:
        try:
            code = pytest.wait()
        except KeyboardInterrupt:  # the terminal's Ctrl-C has reached pytest too; a SIGTERM has not
            pytest.send_signal(signal.SIGINT)
            try:
                pytest.wait(timeout=10)
            except subprocess.TimeoutExpired:
                pytest.kill()
            raise
    if code == NOTHING_SELECTED:
        return "nothing selected"
    return f"{'passed' if code == 0 else 'FAILED'} in {time.monotonic() - began:.0f} s"


def report_coverage(*, fast: bool) -> int:
    """Print which lines of the product did not run; return 1 if the fast tests reached fewer than they have to."""
    least = LEAST_COVERED if fast else 0
    environment = os.environ | {"COVERAGE_FILE": str(COVERAGE / "data")}
    coverage = [sys.executable, "-m", "coverage"]
    subprocess.run([*coverage, "combine", "-q"], cwd=BASE, env=environment, check=True)
    reported = subprocess.run([*coverage, "report", f"--fail-under={least}"], cwd=BASE, env=environment, check=False)
    return 1 if reported.returncode else 0


def tell_result(results: dict[str, str], seconds: float) -> int:
    failed = any(result.startswith("FAILED") for result in results.values())
    nothing_ran = not any(result.startswith("passed") for result in results.values())
    say("\n=== Result")
    for name, result in results.items():
        say(f"{name:<12}{result}")
    say(f"{'FAILED' if failed else 'NOTHING RAN' if nothing_ran else 'PASSED'} after {seconds:.0f} s")
    return 1 if failed or nothing_ran else 0


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def listen_to_signals() -> None:
    """Reset inherited signal handling, so that Ctrl-C, SIGTERM and a lost terminal end this run.

    A shell script starts what it puts into the background with SIGINT ignored, and pytest would inherit that: it
    could not be stopped. With SIGCHLD ignored a failed run would count as passed.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    ends = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup wants it to stay
        ends.append(signal.SIGHUP)
    for number in ends:
        signal.signal(number, _interrupt)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD, *ends])


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt
