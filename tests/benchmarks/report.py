"""Tables for people: Markdown, medians with their spread, and what was aimed at beside what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

Row = dict[str, str]


@dataclass
class Aim:
    """`met` is None where nothing was aimed at."""

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
    """The median, and the least and greatest if there are several."""
    text = number(median(values))
    return f"{text} ({number(min(values))}–{number(max(values))})" if len(values) > 1 else text


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def table(rows: Sequence[Row]) -> str:
    """Markdown; a row lacks the columns that mean nothing for it."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [columns, ["---"] * len(columns), *([row.get(name, "") for name in columns] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
