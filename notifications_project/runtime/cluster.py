"""The leader of the django-q2 cluster forks it and watches it for progress; the supervisor starts a new one.

The leader takes no part in the work, so it does not hang when the work does: django-q2 needs it only to pass SIGTERM
on. It loads everything before the fork, so that the processes of the cluster share that memory.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import NoReturn

from django.db import InterfaceError, OperationalError, connection, connections
from django_q.cluster import Cluster

import hooks.tasks  # noqa: F401  (what the workers run: loaded before the fork, they share it)
from hooks.engine import watchdog
from notifications_project.runtime import absence, sqlite_file
from notifications_project.runtime.supervisor import BEAT_FD, STANDS_STILL, leave

SETTLING = 20.0  # seconds that a new cluster gets before missing progress counts
ASK_EVERY = 3.0
BEAT_EVERY = 1.0
logger = logging.getLogger(__name__)


def lead() -> NoReturn:
    """Run a cluster until it is stopped, dies or stands still."""
    # Without freezing, the garbage collector would write to these objects in each process, and so copy their memory.
    gc.collect()
    gc.freeze()
    wait_for_database()
    cluster = Cluster()
    cluster.start()
    watching = Watchdog(look)
    while cluster.sentinel.is_alive():
        if watching.is_barking():
            leave(STANDS_STILL)
        beat()
        cluster.sentinel.join(BEAT_EVERY)
    connections.close_all()
    sqlite_file.write_back()
    leave(0 if cluster.has_stopped else 1)


def wait_for_database() -> None:
    """Return when the database answers: a cluster that begins without it dies at once, with pages of traceback."""
    while True:
        try:
            connection.ensure_connection()
        except (OperationalError, InterfaceError) as error:
            absence.DATABASE.begin(error)
            beat()
            time.sleep(BEAT_EVERY)
        else:
            absence.DATABASE.end()
            return
        finally:
            connections.close_all()  # a connection that two processes share would mix their queries


def look() -> bool:
    """Ask the engine for progress. With SQLite close the connection: the last one to close tidies the file up."""
    try:
        return watchdog.check_progress()
    except Exception:
        connection.close()
        raise
    finally:
        if connection.vendor == "sqlite":
            connection.close()


def beat() -> None:
    """Tell the supervisor that this process is not hung."""
    if BEAT_FD in os.environ:
        with contextlib.suppress(OSError):  # full, or without a reader: then the guard kills us
            os.write(int(os.environ[BEAT_FD]), b".")


class Watchdog:
    """A thread that asks the engine for progress every few seconds; the database may delay the answer for long.

    It asks from the start, because asking wakes workers as well. Missing progress of a new cluster does not count for
    SETTLING seconds.
    """

    def __init__(self, ask: Callable[[], bool]) -> None:
        self._ask, self._found, self._since = ask, False, time.monotonic()
        threading.Thread(target=self._run, daemon=True, name="watchdog").start()

    def is_barking(self) -> bool:
        return self._found

    def _run(self) -> NoReturn:
        trouble = ""
        while True:
            time.sleep(ASK_EVERY)
            settled = time.monotonic() > self._since + SETTLING
            try:
                found, now = self._ask(), ""
                absence.DATABASE.end()
            except (OperationalError, InterfaceError) as error:
                found, now = False, ""
                absence.DATABASE.begin(error)
            except Exception as error:
                found, now = False, f"{type(error).__name__}: {error}"
            self._found = found and settled
            if now and now != trouble:
                logger.warning("the watchdog cannot see whether the cluster gets on (%s); it goes on asking", now)
            trouble = now
