"""The console under test: its processes, the events that it acknowledged, and their deliveries."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from events import intake
from hooks.manage import rules
from hooks.models import Attempt, Delivery
from notifications_project.accounts import organizations
from notifications_project.accounts.models import ApiToken
from tests.environment import SETTINGS
from tests.faults import leases
from tests.faults.receiver import Receiver
from tests.faults.sizes import DELIVERY_TIMEOUT, FULL
from tests.project.processes import BASE, Command, clean_environment, until

EVENT_TYPE = "git.push"


class Worker(Command):
    """A process of `manage.py worker`. A thread reads its output, so that it never blocks on a full pipe."""

    def __init__(self, **environment: str) -> None:
        super().__init__("worker", **environment)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout
        with contextlib.suppress(ValueError):  # the pipe closes when the process is killed
            for line in self.process.stdout:
                self.said += line

    def workers(self) -> list[int]:
        """Return the worker processes, which the sentinel forks before its others; the leader forked the sentinel."""
        family = {pid for pid, line in self.family().items() if "qcluster" in line}
        parents = {pid: parent(pid) for pid in family}
        sentinels = {pid for pid in family if parents[pid] in family and pid in parents.values()}
        return sorted(pid for pid in family if parents[pid] in sentinels)[:2]

    def busiest(self) -> int:
        """Return the worker with the most threads: it is the one that sends."""
        return max(self.workers(), key=threads)

    def destroy(self) -> None:
        """Kill the whole process group, supervisor included, with SIGKILL."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        super().destroy()


class Web:
    """The web server as in production, on a socket that is open before it starts."""

    def __init__(self, **environment: str) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        command = [sys.executable, "-m", "notifications_project.runtime.web"]
        self.process = subprocess.Popen(
            [*command, "--fd", str(self.socket.fileno())],
            cwd=BASE,
            env=clean_environment() | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[self.socket.fileno()],
            start_new_session=True,
        )

    def post(self, path: str, content: object, token: str, seconds: float = 60) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.socket.getsockname()[1], timeout=seconds)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        try:
            connection.request("POST", path, json.dumps(content), headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.socket.close()


class Console:
    """An organization with hooks to a receiver; `owed` has every (hook, event) that was acknowledged."""

    def __init__(self, database_url: str, receiver: Receiver) -> None:
        self.receiver = receiver
        self.environment = SETTINGS | {"DATABASE_URL": database_url, "DELIVERY_TIMEOUT": str(DELIVERY_TIMEOUT)}
        self.admin = organizations.create_user(email="ada@people.example", password="correct horse", name="Ada")
        self.organization = organizations.create_organization(name="Acme", admin=self.admin)
        self.hooks: list[str] = []
        self.owed: set[tuple[str, str]] = set()
        self.programs: list[Worker | Web] = []
        self.frozen: int | None = None  # a worker that stood still for longer than its leases

    # --- Its processes ---------------------------------------------------------------------------------------
    def worker(self, **environment: str) -> Worker:
        worker = Worker(**self.environment | environment)
        self.programs.append(worker)
        return worker

    def web(self, **environment: str) -> Web:
        web = Web(**self.environment | environment)
        self.programs.append(web)
        return web

    def end(self) -> None:
        for program in self.programs:
            if isinstance(program, Web):
                program.kill()
            else:
                program.destroy()

    # --- Events ----------------------------------------------------------------------------------------------
    def add_hooks(self, *names: str, ordered: bool = False) -> None:
        for name in names:
            rules.create_webhook(
                organization=self.organization,
                actor=None,
                spec=rules.WebhookSpec.of(name=name, url=self.receiver.url(name), events=[EVENT_TYPE], ordered=ordered),
            )
            self.hooks.append(name)

    def record(self, events: int) -> None:
        """Store so many events in this process."""
        while events > 0:
            some = [intake.NewEvent(type=EVENT_TYPE) for _ in range(min(events, 100))]
            self.acknowledged(event.public_id for event in intake.record(self.organization, some))
            events -= len(some)

    def post(self, web: Web, events: int) -> None:
        """Send so many events to the API, one at a time."""
        token = self.token()
        for _ in range(events):
            status, answer = web.post(self.events_path, {"type": EVENT_TYPE}, token)
            assert status == 202, answer
            self.acknowledged([json.loads(answer)["id"]])

    def token(self) -> str:
        _, token = ApiToken.objects.create(self.admin, name="test", organization=self.organization)
        return str(token)

    @property
    def events_path(self) -> str:
        return f"/api/v1/organizations/{self.organization.public_id}/events/"

    def acknowledged(self, events: Iterable[str]) -> None:
        self.owed |= {(hook, event) for event in events for hook in self.hooks}

    # --- Deliveries ------------------------------------------------------------------------------------------
    def arrived(self) -> set[tuple[str, str]]:
        return {(arrival.hook, arrival.event) for arrival in self.receiver.taken}

    def lost(self) -> int:
        return len(self.owed - self.arrived())

    def repeated(self) -> int:
        return len(self.receiver.taken) - len(self.arrived())

    def busy(self, more: int) -> None:
        """Wait until the work is under way: for so many more arrivals."""
        so_far = len(self.receiver.taken)
        until(lambda: len(self.receiver.taken) >= so_far + more, 60, f"the arrival of {more} more")

    def all_arrive(self, within: float = 90) -> None:
        """Wait until every delivery has arrived and is recorded as delivered; then check the leases and the counts."""
        within = within * 5 if FULL else within
        try:
            until(lambda: not self.lost(), within, "the arrival of everything")
            until(lambda: not Delivery.objects.exclude(state="delivered").exists(), 60, "the record of everything")
        except AssertionError:
            self.show()
            raise
        assert Delivery.objects.filter(state="delivered").count() == len(self.owed)
        leases.check()
        self.one_message_a_delivery()
        conflicts = [*self.receiver.conflicts, *leases.strangers(self.receiver)]
        assert [each for each in conflicts if self.frozen not in each.processes] == []
        # A worker that was frozen may at worst finish its request in each lane, as these lanes send one at a time.
        assert self.frozen is None or max(self.late(self.frozen).values(), default=0) <= 1

    def late(self, process: int) -> Counter[str]:
        """Count, by hook, the requests of this process during the lease of another."""
        return Counter(each.hook for each in leases.strangers(self.receiver) if process in each.processes)

    def one_message_a_delivery(self) -> None:
        messages = {(arrival.hook, arrival.event, arrival.webhook_id, arrival.body) for arrival in self.receiver.taken}
        assert len(messages) == len(self.arrived()), "a repetition had another id or body"

    def nothing_was_repeated_in_vain(self) -> None:
        """Assert that no request came twice, except after a failed attempt: answers can be late on a busy machine."""
        failed = Attempt.objects.exclude(verdict="delivered").count()
        assert self.repeated() <= failed, f"{self.repeated()} came again, although only {failed} attempts failed"

    def show(self) -> None:
        """Print details for finding out why a delivery did not arrive."""
        states = Counter(Delivery.objects.values_list("state", "outcome"))
        said = [line for program in self.programs if isinstance(program, Worker) for line in program.said.splitlines()]
        print(f"states {dict(states)}", *said[-80:], sep="\n")  # noqa: T201


def parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except FileNotFoundError:
        return 0


def threads(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except FileNotFoundError:
        return 0
