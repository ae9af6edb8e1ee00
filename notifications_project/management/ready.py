"""Commands that need a database which is up to date."""

from __future__ import annotations

from django.core.management.base import BaseCommand

from notifications_project.runtime import readiness


class ReadyCommand(BaseCommand):
    """A command that ends with one line, before it does anything, if the database lacks migrations."""

    requires_migrations_checks = True

    def check_migrations(self) -> None:
        readiness.check_database()
