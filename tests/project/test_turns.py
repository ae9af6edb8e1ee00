"""The web server's requests take turns, so that a burst of one client does not delay the others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from django.conf import LazySettings

from notifications_project.runtime.turns import Turn, Turns, end_turn, identify_client, work_on
from notifications_project.runtime.waiting import release_database


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def within_a_minute() -> None:
        await asyncio.wait_for(test(), 60)

    asyncio.run(within_a_minute())


class Requests:
    """Requests that keep their turn until a test ends it; `order` lists the clients as their requests began."""

    def __init__(self, at_once: int) -> None:
        self.turns, self.order, self.under_way = Turns(at_once), list[str](), list[Turn]()

    async def come(self, *clients: str) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(self._begin(client)) for client in clients]
        await settle()
        return tasks

    async def _begin(self, client: str) -> None:
        turn = await self.turns.take(client)
        self.order.append(client)
        self.under_way.append(turn)

    async def end_one(self) -> None:
        self.under_way.pop(0).end()
        await settle()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_another_clients_request_does_not_wait_behind_a_whole_burst() -> None:
    async def test() -> None:
        requests = Requests(at_once=2)
        await requests.come(*["burst"] * 50, "other", "third")
        assert requests.order == ["burst", "burst"]
        for _ in range(4):
            await requests.end_one()
        assert requests.order == ["burst", "burst", "burst", "other", "third", "burst"]

    run(test)


def test_turns_of_one_client_are_in_order_and_all_come() -> None:
    async def test() -> None:
        requests = Requests(at_once=1)
        tasks = await requests.come(*["only"] * 20)
        while requests.under_way:
            await requests.end_one()
        assert requests.order == ["only"] * 20
        assert all(task.done() for task in tasks)
        await requests.come("later")
        assert requests.order[-1] == "later", "the turn is free again"

    run(test)


def test_a_turn_ends_once_however_often_it_is_said() -> None:
    async def test() -> None:
        requests = Requests(at_once=1)
        await requests.come(*["one"] * 4)
        first = requests.under_way.pop()
        first.end()
        first.end()
        await settle()
        assert len(requests.order) == 2

    run(test)


def test_a_request_that_takes_long_gives_its_turn_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifications_project.runtime.turns.LONGEST", 0.01)

    async def test() -> None:
        turns = Turns(at_once=1)
        await turns.take("slow")
        await turns.take("next")  # the first never says that it has ended

    run(test)


def test_a_request_that_waits_for_a_network_gives_its_turn_to_the_next() -> None:
    async def test() -> None:
        turns = Turns(at_once=1)
        turn = await turns.take("waits")
        answered = threading.Event()

        def wait_for_a_network() -> None:
            with work_on(turn), release_database():
                answered.wait(60)

        waiting = asyncio.get_running_loop().run_in_executor(None, wait_for_a_network)
        await turns.take("next")
        assert not waiting.done()
        answered.set()
        await waiting

    run(test)


def test_outside_a_request_there_is_no_turn_to_end() -> None:
    end_turn()


def test_a_turn_ends_with_its_request_though_that_fails() -> None:
    async def test() -> None:
        turns = Turns(at_once=1)
        turn = await turns.take("fails")
        with pytest.raises(ZeroDivisionError), work_on(turn):
            raise ZeroDivisionError
        await turns.take("next")

    run(test)


def test_a_client_that_gives_up_leaves_its_place_to_the_next() -> None:
    async def test() -> None:
        requests = Requests(at_once=1)
        await requests.come("first")
        [waiting, called] = await requests.come("gone", "gone")
        waiting.cancel()
        await settle()
        requests.under_way.pop().end()
        await asyncio.sleep(0)  # its turn is passed on,
        called.cancel()  # and it is gone in that very moment
        await requests.come("next")
        assert requests.order[-1] == "next"

    run(test)


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        ([(b"authorization", b"Bearer a"), (b"cookie", b"console_session=s")], b"Bearer a"),
        ([(b"cookie", b"console_csrf=c; console_session=s")], b"console_session=s"),
        ([(b"cookie", b"console_csrf=c")], "192.0.2.1"),
        ([(b"x-forwarded-for", b"198.51.100.7")], "192.0.2.1"),
        ([], "192.0.2.1"),
    ],
)
def test_a_client_is_a_token_or_a_session_or_an_address(headers: list[Any], client: object) -> None:
    assert identify_client({"headers": headers, "client": ("192.0.2.1", 5000)}) == client


def test_behind_a_proxy_a_client_is_the_address_that_the_proxy_added(settings: LazySettings) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    scope = {"headers": [(b"x-forwarded-for", b"203.0.113.9, 198.51.100.7")], "client": ("127.0.0.1", 5000)}
    assert identify_client(scope) == b"198.51.100.7"


def test_a_client_on_a_unix_socket_has_no_address() -> None:
    assert identify_client({"headers": [], "client": None}) == ""
