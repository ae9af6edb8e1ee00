"""Checks at the start that the database and Redis of the settings can be used; else one line names the setting."""

from __future__ import annotations

import contextlib
import copy
import logging
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import load_backend

from notifications_project.environment import BadSetting

logger = logging.getLogger(__name__)
_ANSWERS_WITHIN = 10  # seconds
_LONGEST = 300  # characters of what a database says
# SQLSTATE classes and codes: connection, authorization, no such database, shutting down; then: no such table, column.
_UNREACHABLE = ("08", "28", "3D", "53", "57P")
_OUTDATED = {"42P01", "42703"}
_SQLITE_UNUSABLE = ("unable to open database file", "readonly database", "not a database", "disk I/O error", "is full")


@contextlib.contextmanager
def end_with_one_line() -> Iterator[None]:
    """End the program with exit code 1 and one line, instead of a traceback, if a setting cannot be used."""
    try:
        yield
    except ImproperlyConfigured as error:
        sys.exit(f"Cannot start: {error}")
    except (DatabaseError, InterfaceError) as error:
        if problem := describe_failure(error):
            sys.exit(f"Cannot start: DATABASE_URL: {problem}")
        raise


def check_server() -> None:
    """Check everything that a web server or a worker needs. Raises BadSetting.

    The checks run on a thread: a web server imports the application in its event loop, where Django refuses queries.
    """
    with ThreadPoolExecutor(1) as thread:
        thread.submit(check_database).result()
        thread.submit(check_redis).result()


def check_database() -> None:
    """Raise BadSetting if the database cannot be reached, lacks migrations, or is not one for this mode."""
    connection = open_plain_connection(connections.settings["default"])
    if connection.vendor == "sqlite" and not Path(str(connection.settings_dict["NAME"])).exists():
        raise BadSetting("DATABASE_URL", f"there is no database {_describe_file()}: run python3 manage.py migrate")
    try:
        missing = _count_missing_migrations(connection)
    except (DatabaseError, InterfaceError) as error:
        raise BadSetting("DATABASE_URL", describe_failure(error) or _make_line(error)) from error
    finally:
        connection.close()
    if missing:
        why = f"this database is not up to date, {missing} migrations are missing: run python3 manage.py migrate"
        raise BadSetting("DATABASE_URL", why)


def refuse_demo_on_production(connection: BaseDatabaseWrapper) -> None:
    """Raise BadSetting if demo mode is on for a database that has tables but was not made in demo mode."""
    applied = {app for app, _ in MigrationExecutor(connection).loader.applied_migrations}
    if settings.DEMO and "accounts" in applied and "inbox" not in applied:
        raise BadSetting("DEMO", "is true, but the database of DATABASE_URL was made without it and is no demo's")


def check_redis() -> None:
    """Raise BadSetting if Redis refuses the URL; warn if it is away, as the database carries the wake-ups then."""
    if not settings.REDIS_URL:
        return
    from redis import AuthenticationError, ConnectionError, Redis, RedisError, TimeoutError

    server = Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2)
    try:
        server.ping()
    except (ConnectionError, TimeoutError) as error:
        if isinstance(error, AuthenticationError) or "AUTH" in str(error):
            raise BadSetting("REDIS_URL", f"Redis refuses the password ({_make_line(error)})") from error
        logger.warning("REDIS_URL: Redis cannot be reached (%s); wake-ups go over the database", _make_line(error))
    except RedisError as error:
        raise BadSetting("REDIS_URL", f"Redis refuses it ({_make_line(error)})") from error
    finally:
        server.close()


def describe_failure(error: DatabaseError | InterfaceError) -> str:
    """Return what is wrong with the database as a whole; empty if the error is about something else."""
    state = getattr(error.__cause__, "sqlstate", None)
    said = _make_line(error)
    if state in _OUTDATED or said.startswith(("no such table", "no such column")):
        return f"this database is not up to date ({said}): run python3 manage.py migrate"
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        return f"{_describe_file()} cannot be used: {said}" if any(part in said for part in _SQLITE_UNUSABLE) else ""
    if isinstance(error, OperationalError | InterfaceError) and (state is None or state.startswith(_UNREACHABLE)):
        return f"the database cannot be used: {said}"
    return ""


def _count_missing_migrations(connection: BaseDatabaseWrapper) -> int:
    executor = MigrationExecutor(connection)
    refuse_demo_on_production(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def open_plain_connection(described: Mapping[str, Any]) -> BaseDatabaseWrapper:
    """Return a connection outside the pool, which would retry for long if the server refuses."""
    config = copy.deepcopy(dict(described))
    config["OPTIONS"].pop("pool", None)
    if config["ENGINE"].endswith("postgresql"):
        config["OPTIONS"].setdefault("connect_timeout", _ANSWERS_WITHIN)
    wrapper: BaseDatabaseWrapper = load_backend(config["ENGINE"]).DatabaseWrapper(config, "default")
    return wrapper


def _describe_file() -> str:
    return str(Path(str(settings.DATABASES["default"]["NAME"])).absolute())


def _make_line(error: Exception) -> str:
    return " ".join(str(error).split())[:_LONGEST]
