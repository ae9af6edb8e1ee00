"""Checks of the data that no constraint of one table can express, run by `manage.py check --database default`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core import checks
from django.db import DatabaseError

from notifications_project.accounts import email_addresses

_SHOWN = 20


@checks.register(checks.Tags.database)
def check_addresses(databases: Sequence[str] | None = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Return an error if users would sign in with another address than their own."""
    if not databases:
        return []
    try:
        strayed = list(email_addresses.find_strayed().order_by("pk")[:_SHOWN])
    except DatabaseError:  # before the first migration there are no tables
        return []
    return [
        checks.Error(
            f"{user.email} ({user.public_id}) signs in with another address.",
            hint=f"manage.py change_email {user.email} {user.email} makes it the one to sign in with.",
            id="accounts.E001",
        )
        for user in strayed
    ]
