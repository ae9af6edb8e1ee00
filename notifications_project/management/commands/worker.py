"""`manage.py worker`: sends deliveries; what an installation runs beside its web server, as many as it likes."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections

from hooks.engine import watchdog
from notifications_project.supervisor import StopRequested, Supervisor, leave, manage


def look_after_workers() -> bool:
    """Ask the engine, and keep no connection: the last one to close an SQLite file has to tidy it up."""
    try:
        return watchdog.look()
    finally:
        connections.close_all()


class Command(BaseCommand):
    help = (
        "Run the workers (a django-q2 cluster) and watch over them: a cluster that dies or stands still is "
        "replaced. SIGTERM or Ctrl-C lets the sends that are running finish; a second one does not wait."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        connections.close_all()
        patience = settings.DELIVERY_TIMEOUT + 20.0  # one attempt that has just begun, and writing its outcome
        try:
            with Supervisor(patience, look_after_workers, self.say) as children:
                children.start("task cluster", manage("qcluster"), replaced=True, silent=True)
                self.say("Workers are running; Ctrl-C or SIGTERM stops them.")
                children.watch()
        except StopRequested:
            self.say("Stopped.")
            leave(0)

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
