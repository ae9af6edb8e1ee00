"""Settings under which the engine would lose time, work or connections are refused at the start."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings

from hooks import checks

POSTGRESQL = {"ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": 600}
SQLITE = {
    "ENGINE": "django.db.backends.sqlite3",
    "OPTIONS": {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL;"},
}


def test_our_own_settings_pass() -> None:
    assert checks.check_engine(None) == []
    assert list(checks.find_database_problems(POSTGRESQL)) == list(checks.find_database_problems(SQLITE)) == []


@pytest.mark.parametrize(
    ("setting", "value", "problem"),
    [
        ("retry", settings.Q_CLUSTER["timeout"], "hooks.E001"),
        ("timeout", None, "hooks.E001"),
        ("catch_up", True, "hooks.E002"),
        ("save_limit", 0, "hooks.E003"),
        ("save_limit", 250, "hooks.E003"),
    ],
)
def test_a_dangerous_task_queue_is_refused(setting: str, value: Any, problem: str) -> None:
    found = checks.find_cluster_problems({**settings.Q_CLUSTER, setting: value})
    assert [error.id for error in found] == [problem]


@pytest.mark.parametrize(
    ("database", "problem"),
    [
        ({**POSTGRESQL, "CONN_MAX_AGE": 0}, "hooks.E004"),
        ({**POSTGRESQL, "OPTIONS": {"pool": True}}, "hooks.E005"),
        ({**SQLITE, "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL;"}}, "hooks.E006"),
        ({**SQLITE, "OPTIONS": {"transaction_mode": "IMMEDIATE"}}, "hooks.E007"),
    ],
)
def test_a_dangerous_database_is_refused(database: dict[str, Any], problem: str) -> None:
    assert [error.id for error in checks.find_database_problems(database)] == [problem]
