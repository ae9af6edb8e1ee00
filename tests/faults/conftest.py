from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.faults import leases
from tests.faults.console import Console
from tests.faults.receiver import Receiver
from tests.faults.sizes import FULL, REPETITIONS
from tests.faults.table import Counts, note


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "console" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(1800 if FULL else 300))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "console" in metafunc.fixturenames and REPETITIONS > 1:
        metafunc.fixturenames.append("repetition")
        metafunc.parametrize("repetition", range(REPETITIONS))


@pytest.fixture
def bad_receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def console(
    request: pytest.FixtureRequest, transactional_db: None, database_url: str, bad_receiver: Receiver
) -> Iterator[Console]:
    """Run a console on the test's database; report its counts under the first line of the test's docstring."""
    began = time.monotonic()
    leases.install()
    console = Console(database_url, bad_receiver)
    yield console
    console.end()
    taken_over = sum(change.takeover for change in leases.changes())
    leases.remove()
    arrived = len(console.owed & console.arrived())
    name = (request.function.__doc__ or request.function.__name__).splitlines()[0].rstrip(".")
    seconds = time.monotonic() - began
    note(
        request.node,
        Counts(name, len(console.owed), arrived, len(console.owed) - arrived, console.repeated(), taken_over, seconds),
    )
