"""A loop over rows of many owners goes on after one that fails, and stops when the database is away."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from notifications_project.isolation import isolate


def fail() -> None:
    raise ValueError("rotten")


def test_a_row_that_fails_is_logged_and_put_aside(caplog: pytest.LogCaptureFixture) -> None:
    aside = []
    with isolate("row 1 cannot be done", lambda: aside.append(1)):
        fail()
    assert aside == [1]
    assert caplog.messages == ["row 1 cannot be done"]


def test_a_row_that_cannot_even_be_put_aside_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    with isolate("row 1 cannot be done", fail):
        fail()
    assert caplog.messages == ["row 1 cannot be done", "row 1 cannot be done, and that cannot be written down either"]


def test_a_database_that_is_away_concerns_every_row() -> None:
    def lose() -> None:
        raise OperationalError("the database is away")

    with pytest.raises(OperationalError), isolate("row 1 cannot be done"):
        lose()
    with pytest.raises(OperationalError), isolate("row 1 cannot be done", lose):
        fail()
