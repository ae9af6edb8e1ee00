"""Tests are shared out among pytest's processes here: what goes together to one of them, and in which order.

A file goes as a whole, so that its fixtures are made once; but a fault takes as long as a hundred other tests, and
comes alone. Walks in Chromium compute, faults and started processes mostly wait, and the rest computes: in turn, they
keep all cores busy from the beginning to the end.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from xdist.scheduler import LoadFileScheduling

from tests import selecting

_ENDS_AT = 0.85  # of the way: one long test is not to be the last, with nothing left beside it


class Shares(LoadFileScheduling):  # type: ignore[misc]  # the library has no types
    """Shares the tests file by file, but the faults one by one."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if nodeid.startswith("tests/faults/") else str(super()._split_scope(nodeid))


def sort_by_load(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Return the tests with those that take long spread evenly among the others."""
    shares: dict[str, dict[str, list[pytest.Item]]] = {"walks": {}, "waiting": {}, "rest": {}}
    for item in items:
        kind = _find_kind(item)
        together = item.nodeid if "faults" in item.path.parts else str(item.path)
        shares[kind].setdefault(together, []).append(item)
    places: list[tuple[float, list[pytest.Item]]] = []
    for kind, found in shares.items():
        ends_at = 1.0 if kind == "rest" else _ENDS_AT
        places += [(ends_at * number / len(found), tests) for number, tests in enumerate(found.values())]
    places.sort(key=lambda place: place[0])
    return [item for _, tests in places for item in tests]


def _find_kind(item: pytest.Item) -> str:
    if "browser" in item.path.parts:
        return "walks"
    if "faults" in item.path.parts:
        return "waiting"
    starts = isinstance(item, pytest.Function) and selecting.IMPORTS & vars(item.module).keys()
    return "waiting" if starts else "rest"
