"""`manage.py up` runs the whole console in one command."""

from __future__ import annotations

import http.client
import json
import sys
import time
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from notifications_project.accounts.models import User
from notifications_project.runtime import readiness, sqlite_file, start
from notifications_project.runtime.supervisor import ChildDied, StopRequested, Supervisor, build_manage_command, leave

PATIENCE = 2.0  # seconds that a stop waits for running attempts
ANSWERS_WITHIN = 30.0
EVENT = {
    "type": "stack.redeploy.ok",
    "resource": {"kind": "application", "name": "shop"},
    "data": {"name": "shop", "environment": "production", "git_branch": "main", "status": 1},
}


class Command(BaseCommand):
    help = (
        "Start everything: prepares the database, then runs the web server and the workers until Ctrl-C. Without "
        "settings in the environment it is a demo, with content, an Inbox to send to and its own settings in .demo/."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        start.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        plan = start.prepared
        if plan is None:
            raise CommandError("up is started from the command line: python3 manage.py up")
        if options["demo"] and not plan.demo:
            self.say("No demo: the environment has a SECRET_KEY or DEMO=false (a demo with its settings: DEMO=true).")
        try:
            welcome = self.prepare(plan)
        finally:
            connections.close_all()
        try:
            with Supervisor(PATIENCE, self.say) as children:
                self.start_all(children, plan)
                self.say(welcome)
                children.watch()
        except StopRequested:
            sqlite_file.write_back()
            self.say("Stopped.")
            leave(0)
        except ChildDied as error:
            self.stderr.write(str(error))
            leave(1)

    def prepare(self, plan: start.Start) -> str:
        """Bring the database up to date; return the text to print when everything runs."""
        self.say("Preparing the database ...")
        call_command("migrate", verbosity=0, interactive=False)
        readiness.check_redis()
        if plan.demo:
            return describe_demo()
        lines = [f"The console answers at {settings.PUBLIC_URL}"]
        if not User.objects.exists():
            lines.append("Nobody can sign in yet: manage.py create_organization NAME --admin EMAIL --password -")
        return "\n".join([*lines, "Ctrl-C stops everything."])

    def start_all(self, children: Supervisor, plan: start.Start) -> None:
        self.say("Starting ...")
        if plan.sink_port:
            children.start("mail sink", build_manage_command("mail_sink", "--port", str(plan.sink_port)), silent=True)
        web = [sys.executable, "-m", "notifications_project.runtime.web", "--host", plan.host, "--port", str(plan.port)]
        children.start("web server", [*web, "--patience", "1"])
        children.start("task cluster", build_manage_command("qcluster_watched"), replaced=True, silent=True)
        deadline = time.monotonic() + ANSWERS_WITHIN
        while not is_answering(plan.host, plan.port):
            if time.monotonic() > deadline:
                raise CommandError(f"The web server does not answer within {ANSWERS_WITHIN:.0f} s; stopped.")
            children.check(0.1)

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def is_answering(host: str, port: int) -> bool:
    """Tell whether the sign-in page is served. Raises CommandError if the server answers with an error."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    connection = http.client.HTTPConnection(reached, port, timeout=5)
    try:
        connection.request("GET", "/accounts/login/", headers={"Host": settings.PUBLIC_URL.partition("//")[2]})
        status = connection.getresponse().status
    except OSError:
        return False
    finally:
        connection.close()
    if status >= 500:
        raise CommandError(f"The sign-in page fails with {status}; what the web server says stands above. Stopped.")
    return True


def describe_demo() -> str:
    from notifications_project.inbox import demo  # its models are installed in demo mode only

    made = demo.prepare()
    url = f"{settings.PUBLIC_URL}/api/v1/organizations/{made.organization.public_id}/events/"
    password = made.password or "(the password that you have set)"
    return f"""
  Console   {settings.PUBLIC_URL}
  Sign in   {made.email}   {password}

  Record an event:

curl -X POST {url} \\
  -H 'Authorization: Bearer {made.token}' \\
  -H 'Content-Type: application/json' \\
  -d '{json.dumps(EVENT)}'

  Other commands on this demo: python3 manage.py COMMAND --demo
  Ctrl-C stops everything.
"""
