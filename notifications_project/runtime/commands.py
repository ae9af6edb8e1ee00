"""Which commands `manage.py` offers: those of the libraries only as far as they work here."""

from __future__ import annotations

import django
from django.core.management import get_commands

# Each would fail, or make what the console does not know: a user without a personal space, a second queue that nobody
# watches, a web server without limits, static files that nobody serves, an address that is not the user's.
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
    """Take them out of the list that Django keeps, for `help` and for running them."""
    django.setup()
    commands = get_commands()
    for name in UNFIT:
        commands.pop(name, None)
