"""The database's clock: leases and due times of all workers are measured by this one."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone


def now() -> datetime:
    """The time at the database. SQLite is in this process, so its clock is this machine's."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def in_query() -> datetime | Now:
    """The same, within a query: it needs no question of its own."""
    return Now() if connection.vendor == "postgresql" else timezone.now()
