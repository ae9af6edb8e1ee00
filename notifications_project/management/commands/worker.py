"""`manage.py worker` sends deliveries; an installation may run several, beside its web server."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.conf import settings

from notifications_project.management.ready import ReadyCommand
from notifications_project.runtime import readiness
from notifications_project.runtime.supervisor import BASE


class Command(ReadyCommand):
    help = (
        "Run the workers (a django-q2 cluster) and watch over them: a cluster that dies or stands still is "
        "replaced. SIGTERM or Ctrl-C lets the sends that are running finish; a second one does not wait."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Become the supervisor. The settings have been checked; the supervisor needs no Django, which saves memory."""
        readiness.check_redis()
        patience = settings.DELIVERY_TIMEOUT + 20.0  # for an attempt that has just begun, and for recording its outcome
        sys.stdout.flush()
        os.chdir(BASE)
        command = [sys.executable, "-S", "-m", "notifications_project.runtime.supervisor", str(patience)]
        os.execv(sys.executable, command)  # noqa: S606
