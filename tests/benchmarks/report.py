"""Markdown tables: medians with their spread, and aims beside measurements."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

Row = dict[str, str]


@dataclass
class Aim:
    """A measurement with its aim; `met` is None if there is no aim."""

    aim: str
    measured: str
    met: bool | None = None


@dataclass
class Findings:
    rows: list[Row] = field(default_factory=list)
    aims: list[Aim] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))]


def number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(values: Sequence[float]) -> str:
    """Format the median, with the least and greatest of several values."""
    text = number(median(values))
    return f"{text} ({number(min(values))}–{number(max(values))})" if len(values) > 1 else text


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def table(rows: Sequence[Row]) -> str:
    """Format rows as a Markdown table; a row may lack columns."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [columns, ["---"] * len(columns), *([row.get(name, "") for name in columns] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
