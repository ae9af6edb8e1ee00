"""The environment of a benchmark: a migrated database, an organization with webhooks, workers and a web server."""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import tests.environment  # sets the environment: must precede Django's imports

if redis_url := os.environ.pop("BENCHMARK_REDIS_URL", ""):
    os.environ["REDIS_URL"] = redis_url

import django

django.setup()

from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from events import intake, representation
from events.intake import NewEvent
from events.models import Event
from hooks.manage import rules
from hooks.models import Attempt, Delivery, Hook, Lane, PumpHeartbeat
from hooks.queue import wakeup
from hooks.routing import router
from notifications_project.accounts import organizations
from notifications_project.accounts.models import ApiToken, Organization, User
from tests.benchmarks.machine import Process, free_port, guarded
from tests.project.processes import Command

BODY = 1024  # bytes of a delivery's body
TYPE = "git.push"  # a type without e-mails by default


@dataclass
class Options:
    """The options of a run. `on` names its database and broker, for the tables."""

    on: str
    runs: int = 5
    quick: bool = False

    def size(self, full: int, quick: int) -> int:
        return quick if self.quick else full


class Arena:
    def __init__(self, options: Options) -> None:
        self.options = options
        call_command("migrate", verbosity=0, interactive=False)
        self.admin: User = organizations.create_user(email="bench@people.example", password=None, name="Bench")
        self.acme: Organization = organizations.create_organization(name="Acme", admin=self.admin)
        self.token: str = ApiToken.objects.create(self.admin, name="benchmark", organization=self.acme)[1]
        self.listening = 0  # webhooks that match the recorded events
        self.padding = 0
        self.padding = BODY - len(self.body().encode())

    @property
    def postgresql(self) -> bool:
        return connection.vendor == "postgresql"

    # --- Objects ---------------------------------------------------------------------------------------------
    def data(self) -> dict[str, Any]:
        return {"text": "x" * self.padding}

    def body(self) -> str:
        """Return a sample of a delivery's body of 1 kB."""
        event = Event(organization=self.acme, type=TYPE)
        return representation.build(
            event_id=event.public_id, event_type=TYPE, occurred_at=timezone.now(), organization=self.acme,
            resource=None, is_test=False, source=representation.Source.API, data=self.data(),
        )  # fmt: skip

    def webhook(self, name: str, url: str) -> Hook:
        return rules.create_webhook(
            organization=self.acme, actor=None, spec=rules.WebhookSpec.of(name=name, url=url, events=[TYPE])
        )[0]

    def only(self, urls: Sequence[str]) -> list[Hook]:
        """Replace all webhooks by webhooks to these URLs."""
        for hook in Hook.objects.existing().filter(organization=self.acme, kind=Hook.Kind.WEBHOOK):
            rules.delete_hook(hook, None)
        self.listening = len(urls)
        with transaction.atomic():
            return [self.webhook(f"Hook {number}", url) for number, url in enumerate(urls)]

    # --- Processes -------------------------------------------------------------------------------------------
    @contextmanager
    def workers(self, **environment: str) -> Iterator[Command]:
        """Run `manage.py worker` with two workers that have begun to look for work."""
        command = Command("worker", **_environment(), **environment)
        guarded(command.process.pid)
        try:
            command.wait_for("Workers are running")
            seen = PumpHeartbeat.objects.count()
            deadline = time.monotonic() + 60
            while PumpHeartbeat.objects.count() == seen:  # the first pump shows that the cluster is up
                if time.monotonic() > deadline:
                    raise RuntimeError(f"the workers do not begin:\n{command.said}")
                _nudge()
                time.sleep(0.5)
            self.rest(300)
            yield command
        finally:
            command.destroy()
            # The holders have ended; without this the next workers would wait for their leases to run out.
            PumpHeartbeat.objects.all().delete()
            Lane.objects.update(token=None, leased_until=None)
            connection.close()

    @contextmanager
    def web(self) -> Iterator[Api]:
        """Run the web server; give a client of its API."""
        port = free_port()
        command = [sys.executable, "-m", "notifications_project.runtime.web", "--port", str(port)]
        with Process(command, os.environ | _environment()):
            deadline = time.monotonic() + 60
            api = Api(port, self)
            while not api.answers():
                if time.monotonic() > deadline:
                    raise RuntimeError("the web server does not answer")
                time.sleep(0.1)
            yield api

    # --- Events ----------------------------------------------------------------------------------------------
    def new_events(self, number: int) -> list[NewEvent]:
        return [NewEvent(type=TYPE, data=self.data()) for _ in range(number)]

    def publish(self, events: int) -> float:
        """Record events and route them in one transaction; return the monotonic time of its commit."""
        seen: list[float] = []
        with transaction.atomic():
            transaction.on_commit(lambda: seen.append(time.monotonic()))
            for start in range(0, events, 500):
                intake.record(self.acme, self.new_events(min(500, events - start)))
            while router.route():
                pass
        return seen[0]

    def record(self, events: int) -> tuple[float, list[UUID]]:
        """Record events for the workers to route; return the monotonic time of the commit and the ids."""
        seen: list[float] = []
        with transaction.atomic():
            transaction.on_commit(lambda: seen.append(time.monotonic()))
            recorded = intake.record(self.acme, self.new_events(events))
        return seen[0], [event.pk for event in recorded]

    def rest(self, seconds: float = 60) -> None:
        """Wait until no pump is active and every result is recorded."""
        deadline = time.monotonic() + seconds
        while wakeup.count_active_pumps() or Lane.objects.filter(leased_until__isnull=False).exists():
            if time.monotonic() > deadline:
                raise RuntimeError("the workers do not come to rest")
            time.sleep(0.1)

    def check(self, delivered: int) -> None:
        """Fail unless so many deliveries are delivered, each with a recorded attempt."""
        self.rest()
        found = Delivery.objects.filter(state=Delivery.State.DELIVERED).count()
        attempts = Attempt.objects.filter(verdict="delivered").values("delivery").distinct().count()
        if found != delivered or attempts != delivered:
            raise RuntimeError(f"{delivered} were to be delivered, {found} are, {attempts} have a recorded attempt")


@dataclass
class Api:
    """A client of the API that keeps its connection; each thread needs its own."""

    port: int
    arena: Arena
    connection: http.client.HTTPConnection = field(init=False)
    used_at: float = 0.0

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        self.path = f"/api/v1/organizations/{self.arena.acme.public_id}/events/"
        self.headers = {
            "Authorization": f"Bearer {self.arena.token}",
            "Content-Type": "application/json",
            "Host": "localhost:8000",
        }

    def another(self) -> Api:
        return Api(self.port, self.arena)

    def answers(self) -> bool:
        try:
            self.connection.request("GET", self.path, headers=self.headers)
            return self.connection.getresponse().read() is not None
        except OSError:
            self.connection.close()
            return False

    def post(self, body: bytes) -> None:
        if time.monotonic() - self.used_at > 3:  # the server closes a connection after 5 s without a request
            self.connection.close()
        self.used_at = time.monotonic()
        self.connection.request("POST", self.path, body, self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 202:
            raise RuntimeError(f"the API answered {answer.status}: {text[:500]!r}")

    def one(self) -> bytes:
        return json.dumps({"type": TYPE, "data": self.arena.data()}).encode()

    def several(self, number: int) -> bytes:
        return json.dumps([{"type": TYPE, "data": self.arena.data()}] * number).encode()


def _environment() -> dict[str, str]:
    """Return the environment for the console's other processes, with the settings of this one."""
    redis = os.environ.get("REDIS_URL")
    return dict(tests.environment.SETTINGS) | ({"REDIS_URL": redis} if redis else {})


def _nudge() -> None:
    transaction.on_commit(wakeup.wake)
