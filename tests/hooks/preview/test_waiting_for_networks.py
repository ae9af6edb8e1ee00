"""Requests that wait for the network hold no database connection, and their number is limited."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from hooks.endpoints.validation import read_url
from hooks.preview import verifying
from hooks.transports import http, outbound
from notifications_project.accounts.models import Organization, User
from notifications_project.runtime.waiting import Busy, Seats, release_database
from tests.conftest import Api
from tests.pages import read


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Start a server that accepts connections and never answers; return its URL."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def channel(api: Api, url: str) -> None:
    leads = {"url": url, "options": {"token": "t" * 20, "room": "Ops"}}
    assert api.put("/api/v1/me/channels/hipchat/", leads).status_code == 201


def test_no_more_than_three_verifications_of_one_user_run_at_once(
    db: None, alice: User, api: Callable[..., Api], silent_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = api(alice)
    channel(caller, silent_server)
    with verifying._seats.take(alice.pk), verifying._seats.take(alice.pk), verifying._seats.take(alice.pk):
        answer = caller.post("/api/v1/me/channels/hipchat/verify/", {})
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "5"
    assert "You have 3 checks running" in answer.json()["errors"][0]["message"]


def test_the_page_says_so_too(
    db: None, alice: User, api: Callable[..., Api], client_of: Callable[[User], Client], silent_server: str
) -> None:
    channel(api(alice), silent_server)
    with verifying._seats.take(alice.pk), verifying._seats.take(alice.pk), verifying._seats.take(alice.pk):
        answer = client_of(alice).post(reverse("hooks:channel-verify", args=["hipchat"]))
    assert answer.status_code == 429
    assert "You have 3 checks running" in read(answer)


def test_seats_are_bounded_in_all_and_given_back() -> None:
    seats = Seats(each=1, total=2)
    with seats.take("a"), seats.take("b"), pytest.raises(Busy) as refused, seats.take("c"):
        pass
    assert refused.value.status == 503
    with pytest.raises(ZeroDivisionError), seats.take("a"):
        _ = 1 / 0
    with seats.take("a"), seats.take("c"):
        pass


def test_names_are_looked_up_by_few_requests_and_accepted_unseen_by_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    let_go = threading.Event()

    def hanging(*arguments: object, **more: object) -> list[object]:
        if more.get("flags"):
            raise socket.gaierror
        let_go.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    monkeypatch.setattr(outbound, "_requests_waiting", threading.BoundedSemaphore(2))
    with ThreadPoolExecutor(8) as threads:
        waiting_ones = [threads.submit(read_url, f"https://name{number}.example/") for number in range(2)]
        others = [threads.submit(read_url, f"https://other{number}.example/") for number in range(6)]
        assert [each.result(timeout=2.5)[1] for each in others] == [{}] * 6
        let_go.set()
        assert [each.result(timeout=10)[1] for each in waiting_ones] == [{}] * 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql_only
def test_the_connection_is_given_back_while_the_network_is_waited_for() -> None:
    User.objects.exists()
    assert connection.connection is not None
    with release_database():
        assert connection.connection is None
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql_only
def test_a_verification_holds_no_connection(alice: User, acme: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def ask(*arguments: object) -> object:
        seen.append(connection.connection)
        raise OSError("stop here")

    monkeypatch.setattr(http, "ask", ask)
    User.objects.exists()
    with pytest.raises(OSError, match="stop here"):
        verifying.verify("hipchat", "http://127.0.0.1:9", {"token": "t" * 20, "room": "Ops"})
    assert seen == [None]
