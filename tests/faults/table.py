"""The tables at the end of a run: the cost of each fault, and the records of hostile answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import pytest

PROPERTY = "fault"
ANSWERS = "answers"


@dataclass(frozen=True)
class Counts:
    """Numbers of deliveries. `takeovers` counts leases that ran out and went to another worker."""

    fault: str
    acknowledged: int
    delivered: int
    lost: int
    repeated: int
    takeovers: int
    seconds: float


def note(item: pytest.Item, counts: Counts) -> None:
    """Store the counts for the table, also if the test runs in another process."""
    item.user_properties.append((PROPERTY, asdict(counts)))


def note_answers(item: pytest.Item, what: str, requests: int, wrong: int) -> None:
    """Store how many requests got one kind of answer, and how many of them have a wrong record."""
    item.user_properties.append((ANSWERS, (what, requests, requests - wrong, wrong)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if answers := _noted(terminalreporter, ANSWERS):
        terminalreporter.section("hostile answers, counted in requests")
        for what, requests, right, wrong in answers:
            terminalreporter.line(f"{what}: {requests} requests, {right} recorded rightly, {wrong} wrongly")
    rows = [Counts(**value) for value in _noted(terminalreporter, PROPERTY)]
    if not rows:
        return
    terminalreporter.section("faults, counted in deliveries")
    width = max(len(row.fault) for row in rows)
    columns = ["acknowledged", "delivered", "lost", "repeated", "taken over", "seconds"]
    terminalreporter.line("  ".join(["fault".ljust(width), *columns]))
    for row in sorted(rows, key=lambda row: row.fault):
        values = [row.acknowledged, row.delivered, row.lost, row.repeated, row.takeovers, round(row.seconds)]
        cells = [str(value).rjust(len(column)) for value, column in zip(values, columns, strict=True)]
        terminalreporter.line("  ".join([row.fault.ljust(width), *cells]))


def _noted(terminalreporter: pytest.TerminalReporter, property: str) -> list[Any]:
    return [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "teardown"
        for name, value in report.user_properties
        if name == property
    ]
