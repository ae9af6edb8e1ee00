"""Many verifications and password resets that hang at once: other requests are answered meanwhile."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from django.test import Client
from django.urls import reverse

from notifications_project.accounts.models import User
from tests.conftest import Api, person
from tests.environment import SETTINGS
from tests.faults.console import Web
from tests.faults.sizes import FULL
from tests.project.processes import until, within

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(600), pytest.mark.postgresql_only]

HANGING = 200 if FULL else 30  # of each sort
PAGES = 60 if FULL else 15
A_PAGE_WITHIN = 1.0
FORM = {"Content_Type": "application/x-www-form-urlencoded", "Cookie": f"console_csrf={'c' * 32}"}


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Run a server that accepts connections and never sends a byte, in place of a service and the mail server."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as server:
        yield server.getsockname()[1]


def ask(port: int, method: str, path: str, body: str = "", **headers: str) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as connection:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        answer.read()
        return answer.status


def begin(port: int, path: str, body: str, **headers: str) -> socket.socket:
    """Send a request and wait for nothing: the client must cost the machine as little as it can."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
    return connection


def answer_so_far(connection: socket.socket) -> int | None:
    """Return the status that has been answered; None if there was no answer yet."""
    connection.setblocking(False)
    try:
        return int(connection.recv(100).split()[1])
    except BlockingIOError:
        return None


def json_with(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Content_Type": "application/json"}


def test_nobody_waits_for_those_who_wait(
    alice: User, api: Callable[..., Api], client_of: Callable[[User], Client], database_url: str, silent_port: int
) -> None:
    askers = [api(alice), *(api(person(f"Asker{number}")) for number in range(HANGING // 10))]
    for asker in askers:
        leads = {"url": f"http://127.0.0.1:{silent_port}", "options": {"token": "t" * 20, "room": "Ops"}}
        assert asker.put("/api/v1/me/channels/hipchat/", leads).status_code == 201
    cookies = client_of(alice).cookies["console_session"].value
    environment = SETTINGS | {"DATABASE_URL": database_url, "EMAIL_URL": f"smtp://127.0.0.1:{silent_port}"}
    servers = [Web(**environment) for _ in range(2)]
    ports = [web.socket.getsockname()[1] for web in servers]
    hanging: list[socket.socket] = []
    try:
        until(
            lambda: all(ask(port, "GET", "/accounts/login/") == 200 for port in ports), 60, "the start of the servers"
        )

        for number in range(HANGING):
            token = askers[number % len(askers)].token
            hanging.append(begin(ports[number % 2], "/api/v1/me/channels/hipchat/verify/", "{}", **json_with(token)))
            fields = f"email=asker{number}%40people.example&csrfmiddlewaretoken={'c' * 32}"
            hanging.append(begin(ports[number % 2], "/accounts/password/reset/", fields, **FORM))
        took, pages = [], []
        for number in range(PAGES):
            begun = time.monotonic()
            pages.append(ask(ports[number % 2], "GET", reverse("hooks:channels"), Cookie=f"console_session={cookies}"))
            took.append(time.monotonic() - begun)
        statuses = [status for each in hanging if (status := answer_so_far(each))]
        told = f"{HANGING} verifications, {HANGING} resets: {PAGES} pages, median {sorted(took)[PAGES // 2]:.2f} s"
        print(f"{told}, longest {max(took):.2f} s; answered meanwhile: {sorted(set(statuses))}")  # noqa: T201
        assert set(pages) == {200}
        assert max(took) < within(A_PAGE_WITHIN), told
        assert not [status for status in statuses if status == 500]
    finally:
        for each in hanging:
            each.close()
        for web in servers:
            web.kill()
