"""Tests are shared out among pytest's processes here: what goes together to one of them, and what begins first.

A file goes as a whole, so that its fixtures are made once. But a walk in Chromium and a fault take as long as a
hundred other tests, and come alone: else one process would be at them when the others have long ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from xdist.scheduler import LoadFileScheduling

from tests import selecting

# All but the walks that share what another has prepared.
_ALONE = re.compile(r"tests/(faults/|browser/(?!test_every_page|test_formats))")


class Shares(LoadFileScheduling):  # type: ignore[misc]  # the library has no types
    """Shares the tests file by file, and single tests of those that take long."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if _ALONE.match(nodeid) else str(super()._split_scope(nodeid))


def sort_by_load(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Return the tests in the order in which they begin: walks in Chromium, processes, the rest.

    The faults, which wait more than they compute, are spread over the rest, so that both cores have something to do.
    """
    walks, waiting, processes, rest = [], [], [], []
    for item in items:
        if "browser" in item.path.parts:
            walks.append(item)
        elif "faults" in item.path.parts:
            waiting.append(item)
        elif isinstance(item, pytest.Function) and selecting.IMPORTS & vars(item.module).keys():
            processes.append(item)
        else:
            rest.append(item)
    return [*walks, *_spread(waiting, [*processes, *rest])]


def _spread(few: list[pytest.Item], many: list[pytest.Item]) -> list[pytest.Item]:
    """Put the few between the files of the many, evenly, from the first file on."""
    files: dict[object, list[pytest.Item]] = {}
    for item in many:
        files.setdefault(item.path, []).append(item)
    spread: list[pytest.Item] = []
    taken = 0
    for number, file in enumerate(files.values()):
        until = -(-len(few) * (number + 1) * 3 // (2 * max(1, len(files))))  # all begin in the first two thirds
        spread += few[taken:until] + file
        taken = max(taken, min(until, len(few)))
    return spread + few[taken:]
