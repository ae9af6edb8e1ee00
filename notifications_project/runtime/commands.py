"""The commands of `manage.py`: those of libraries that do not work here are hidden."""

from __future__ import annotations

import django
from django.core.management import get_commands

# Each of these would fail or break a rule of the console: it would make a user without a personal space, a queue
# without a watchdog, a web server without limits, static files that are not served, another address.
UNFIT = {
    "account_unsetmultipleprimaryemails",
    "collectstatic",
    "compilemessages",
    "createcachetable",
    "createsuperuser",
    "findstatic",
    "generateschema",
    "makemessages",
    "qcluster",
    "qinfo",
    "qmemory",
    "qmonitor",
    "runserver",
    "startapp",
    "startproject",
    "testserver",
}


def hide_unfit() -> None:
    """Remove the unfit commands from Django's list, so that `help` does not show them and they cannot be run."""
    django.setup()
    commands = get_commands()
    for name in UNFIT:
        commands.pop(name, None)
