"""The leader of the django-q2 cluster: forks it, then watches it for progress. The supervisor starts it again.

The leader takes no part in the work, so it does not hang when that does: django-q2 needs it only to pass SIGTERM on.
It loads everything before the fork, and the processes of the cluster share that memory.
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

SETTLING = 20.0  # seconds that a new cluster gets before it is asked for progress
ASK_EVERY = 3.0
BEAT_EVERY = 1.0
logger = logging.getLogger(__name__)


def lead() -> NoReturn:
    """Run a cluster until it is stopped, dies or stands still."""
    # What is there now stays there; the garbage collector would write to it in each process, and so copy it.
    gc.collect()
    gc.freeze()
    wait_for_database()
    cluster = Cluster()
    cluster.start()
    watching = Watchdog(look)
    while cluster.sentinel.is_alive():
        if watching.barks():
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
            connections.close_all()  # nothing that two processes must not share


def look() -> bool:
    """Ask the engine. SQLite: keep no connection, as the last one to close the file has to tidy it up."""
    try:
        return watchdog.look()
    except Exception:
        connection.close()
        raise
    finally:
        if connection.vendor == "sqlite":
            connection.close()


def beat() -> None:
    """Tell the supervisor that this process is not hung."""
    if BEAT_FD in os.environ:
        with contextlib.suppress(OSError):  # full, or nobody reads any more: then the guard sees to us
            os.write(int(os.environ[BEAT_FD]), b".")


class Watchdog:
    """Asks every few seconds, on a thread, because the answer may take as long as the database likes.

    It asks from the start: asking wakes workers as well. But what it finds in a cluster that settles does not count.
    """

    def __init__(self, ask: Callable[[], bool]) -> None:
        self._ask, self._found, self._since = ask, False, time.monotonic()
        threading.Thread(target=self._run, daemon=True, name="watchdog").start()

    def barks(self) -> bool:
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
