"""`manage.py web` runs the web server; an installation may run several, beside its workers."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from notifications_project.runtime import web
from notifications_project.runtime.start import find_listen_problem, is_listening
from notifications_project.runtime.supervisor import BASE


class Command(BaseCommand):
    help = (
        "Run the web server, with limits for what clients may send and how long they may take. SIGTERM or Ctrl-C lets "
        "the requests that are being answered finish."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        web.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve. The settings have been checked; the server reads them anew, to pool its database connections."""
        # Else the server would report it in its own words and exit code, or with a traceback.
        if options["fd"] is not None:
            if not is_listening(options["fd"]):
                sys.exit(f"Cannot start: --fd: {options['fd']} is not the number of a listening socket")
        elif problem := find_listen_problem(options["host"], options["port"]):
            sys.exit(f"Cannot listen on {options['host']} port {options['port']}: {problem}")
        sys.stdout.flush()
        os.chdir(BASE)
        command = [sys.executable, "-m", "notifications_project.runtime.web"]
        for name in ("host", "port", "fd"):
            command += [f"--{name}", str(options[name])] if options[name] is not None else []
        os.execv(sys.executable, command)  # noqa: S606
