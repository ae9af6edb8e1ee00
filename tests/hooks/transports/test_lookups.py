"""Slow look-ups of names: no attempt exceeds its deadline, and other organizations' names do not wait."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from django.conf import LazySettings

from hooks.messages import Message
from hooks.transports import http, outbound
from notifications_project.network import lookups
from tests.hooks.transports import test_hostile_receivers as receivers
from tests.hooks.transports.test_hostile_receivers import OK, Server, Talk, notification
from tests.project.processes import until

serve = receivers.serve
Serve = Callable[[Talk], Server]


class NameServer:
    """A resolver: every name is this machine, and those in slow.example wait for the event `told`."""

    def __init__(self) -> None:
        self.told = threading.Event()
        self.asked: Counter[str] = Counter()
        self.real = socket.getaddrinfo

    def getaddrinfo(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("flags") == socket.AI_NUMERICHOST or not host.endswith(".example"):
            return self.real(host, port, *args, **kwargs)
        self.asked[host] += 1
        if host.endswith("slow.example"):
            self.told.wait(20)
        if host.startswith("no."):
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> Iterator[NameServer]:
    settings.OUTBOUND_ALLOWED_NETWORKS = [ipaddress.ip_network("127.0.0.0/8")]
    monkeypatch.setattr(http, "_local", threading.local())
    server = NameServer()
    monkeypatch.setattr(socket, "getaddrinfo", server.getaddrinfo)
    yield server
    server.told.set()
    until(lambda: not lookups._under_way, 10, "the end of all look-ups")


def answers(connection: socket.socket) -> None:
    while connection.recv(65536):
        connection.sendall(OK)


def url(server: Server, name: str) -> str:
    return server.url.replace("127.0.0.1", name)


def test_an_attempt_does_not_wait_for_a_name_longer_than_it_may(names: NameServer, serve: Serve) -> None:
    server = serve(answers)
    begun = time.monotonic()
    answer = http.post(notification(url(server, "slow.example")))
    assert time.monotonic() - begun < 3
    assert (answer.code, answer.text) == ("time-out", "The host name was not looked up in time")
    assert server.connections == 0


def test_nor_does_the_question_whether_a_token_is_valid(names: NameServer, serve: Serve) -> None:
    begun = time.monotonic()
    answer = http.ask(Message(b"{}", "application/json", url=url(serve(answers), "slow.example")), {})
    assert time.monotonic() - begun < 3
    assert answer.text == "The host name was not looked up in time"


def test_nor_does_a_form_and_it_takes_the_url(names: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "_LOOK_UP_SECONDS", 0.2)
    begun = time.monotonic()
    outbound.check_url("https://slow.example/")
    assert time.monotonic() - begun < 2


def test_a_name_that_nobody_knows_is_an_answer(names: NameServer, serve: Serve) -> None:
    answer = http.post(notification(url(serve(answers), "no.example")))
    assert (answer.code, answer.text) == ("dns", "The host name was not found")


def test_an_owner_whose_names_are_slow_delays_no_other(names: NameServer, serve: Serve) -> None:
    """Sixteen sending threads wait for different slow names of one organization."""
    server = serve(answers)

    def send(organization: str, name: str) -> str:
        return http.post(replace(notification(url(server, name)), organization_id=organization)).code

    with ThreadPoolExecutor(17) as threads:
        slow = [threads.submit(send, "orga_slow", f"{number}.slow.example") for number in range(16)]
        until(lambda: sum(names.asked.values()) == lookups.SHARE, 5, "the first look-ups")
        begun = time.monotonic()
        assert threads.submit(send, "orga_other", "quick.example").result() == "200"
        assert time.monotonic() - begun < 0.9
        assert [each.result() for each in slow] == ["time-out"] * 16
    assert sum(names.asked.values()) == lookups.SHARE + 1, "what is given up is not looked up later"


def test_those_who_wait_for_one_name_wait_for_one_look_up(names: NameServer, serve: Serve) -> None:
    server = serve(answers)
    with ThreadPoolExecutor(8) as threads:
        told = [threads.submit(http.post, notification(url(server, "slow.example"))) for _ in range(8)]
        until(lambda: names.asked["slow.example"], 5, "the look-up")
        names.told.set()
        assert [each.result().code for each in told] == ["200"] * 8
    assert names.asked["slow.example"] <= 2  # one more, if a thread came when it was over


def test_an_address_is_dialled_without_a_look_up(names: NameServer, serve: Serve) -> None:
    assert http.post(notification(serve(answers).url)).status == 200
    assert not names.asked


def test_a_slow_name_leaves_the_share_when_its_look_up_ends(names: NameServer) -> None:
    for number in range(lookups.SHARE):
        with pytest.raises(lookups.TooSlow):
            lookups.look_up(outbound.resolve, f"{number}.slow.example", 80, 0.01, "orga_slow")
    with pytest.raises(lookups.TooSlow):
        lookups.look_up(outbound.resolve, "quick.example", 80, 0.05, "orga_slow")
    names.told.set()
    assert lookups.look_up(outbound.resolve, "quick.example", 80, 5, "orga_slow")
