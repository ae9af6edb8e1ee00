"""The database's clock. All leases and due times use it, as the clocks of the workers' machines may differ."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.db.models import DateTimeField, Value
from django.db.models.functions import Now
from django.utils import timezone


def now() -> datetime:
    """Return the time of the database. SQLite runs in this process, so its clock is this machine's."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def get_now_expression() -> datetime | Now:
    """Return the database time as an expression; saves the extra SELECT of now().

    On SQLite `Now` has no microseconds: what is due since this millisecond would seem to be due in the next.
    """
    return Now() if connection.vendor == "postgresql" else timezone.now()


def get_now_column() -> Now | Value:
    """Return the database time for `annotate`."""
    now = get_now_expression()
    return now if isinstance(now, Now) else Value(now, output_field=DateTimeField())
