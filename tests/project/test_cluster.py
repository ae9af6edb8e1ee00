"""The watchdog in the leader of the cluster."""

from __future__ import annotations

import pytest

from notifications_project.runtime import cluster
from tests.project.processes import until

pytestmark = pytest.mark.sqlite_only  # no database is concerned: once is enough


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "ASK_EVERY", 0.01)


def test_a_standstill_counts_once_the_cluster_had_time_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "SETTLING", 0.5)
    asked: list[bool] = []

    def stands_still() -> bool:
        asked.append(watching.is_barking())
        return True

    watching = cluster.Watchdog(stands_still)
    until(watching.is_barking, 10, "its barking")
    assert len(asked) > 5, "it asks from the start, as asking wakes workers"
    assert not any(asked[:5])


def test_a_database_that_fails_is_no_standstill(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cluster, "SETTLING", 0.0)
    asked: list[int] = []

    def fails() -> bool:
        asked.append(1)
        raise OSError("no route to the database")

    watching = cluster.Watchdog(fails)
    until(lambda: len(asked) > 5, 10, "its asking")
    assert not watching.is_barking()
    assert len([record for record in caplog.records if "no route" in record.message]) == 1
