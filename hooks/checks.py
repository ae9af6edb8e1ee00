"""System checks: settings under which the engine would lose time, work or connections are refused at the start.

Each reason was measured with django-q2 as it is pinned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

_SQLITE, _POSTGRESQL = "django.db.backends.sqlite3", "django.db.backends.postgresql"


@register()
def check_engine(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    """The settings of the task queue and of the database, together."""
    return [*find_cluster_problems(settings.Q_CLUSTER), *find_database_problems(settings.DATABASES["default"])]


def find_cluster_problems(cluster: Mapping[str, Any]) -> Iterator[Error]:
    """Report what is wrong with Q_CLUSTER."""
    timeout, retry = cluster.get("timeout"), cluster.get("retry", 60)
    if timeout is None or retry <= timeout:
        yield Error(
            f"Q_CLUSTER: retry ({retry} s) must be longer than timeout ({timeout} s).",
            hint="The broker would hand out a task again while it is still running.",
            id="hooks.E001",
        )
    if cluster.get("catch_up", True):
        yield Error(
            "Q_CLUSTER: catch_up must be False.",
            hint="After a stop, each minute that was missed would be swept by a task of its own.",
            id="hooks.E002",
        )
    if cluster.get("save_limit", 250) >= 0:
        yield Error(
            "Q_CLUSTER: save_limit must be negative: no row for each task that succeeded.",
            hint="django-q2 locks and reads all kept rows at each success; deliveries have their own record.",
            id="hooks.E003",
        )


def find_database_problems(database: Mapping[str, Any]) -> Iterator[Error]:
    """Report what is wrong with the database that workers use."""
    options = database.get("OPTIONS", {})
    if database["ENGINE"] == _POSTGRESQL:
        if database.get("CONN_MAX_AGE") == 0:
            yield Error(
                "DATABASES: CONN_MAX_AGE must not be 0.",
                hint="django-q2 would open a connection for each look at its queue.",
                id="hooks.E004",
            )
        if options.get("pool"):
            yield Error(
                "DATABASES: workers cannot use a psycopg pool.",
                hint="Its threads do not survive the forks of django-q2.",
                id="hooks.E005",
            )
    if database["ENGINE"] == _SQLITE:
        if options.get("transaction_mode") != "IMMEDIATE":
            yield Error(
                "DATABASES: SQLite needs transaction_mode IMMEDIATE.",
                hint="A transaction that reads first and then writes would fail with 'database is locked'.",
                id="hooks.E006",
            )
        if "journal_mode=wal" not in options.get("init_command", "").lower():
            yield Error(
                "DATABASES: SQLite needs journal_mode=WAL.",
                hint="Without it pages and workers lock each other out.",
                id="hooks.E007",
            )
