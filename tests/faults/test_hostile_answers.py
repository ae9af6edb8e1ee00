"""Hostile answers in any mixture: each request is recorded with the answer that it got."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from django.conf import LazySettings

from events import intake
from hooks.manage import rules
from hooks.messages import Answer, Notification
from hooks.models import Attempt, Delivery
from hooks.transports import adapter, http
from notifications_project.accounts import organizations
from tests.environment import SETTINGS
from tests.faults.console import EVENT_TYPE, Worker
from tests.faults.hostile import Exchange, Hostile, digest_of
from tests.faults.sizes import FULL
from tests.faults.table import note_answers
from tests.faults.tricks import SCRIPTS
from tests.hooks.transports.test_hostile_receivers import notification
from tests.project.processes import until

TIMEOUT = 1  # seconds
THREADS = 8
REQUESTS = 6000 if FULL else 480
HOOKS = 12
SEED = int(os.environ.get("SEED", "20261130"))


@pytest.fixture
def hostile(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hostile]:
    settings.DELIVERY_TIMEOUT = TIMEOUT
    monkeypatch.setattr(http, "_local", threading.local())  # the test's thread may have an adapter already
    receiver = Hostile(SCRIPTS, SEED)
    yield receiver
    receiver.close()


def asking(receiver: Hostile, path: str, event: str, padding: int = 0) -> Notification:
    body = json.dumps({"event_id": event, "padding": "x" * padding})
    return replace(notification(receiver.url(path)), representation=body, organization_id=path.split("/")[0])


def wrong(exchanges: list[Exchange], answer: Answer, number: str) -> str:
    """Return the error in the record of a request; empty if it is right."""
    body = answer.response.get("body", "")
    if len(exchanges) != 1:
        arrived = len(exchanges)
        return "" if arrived == 0 and answer.code == "connection" else f"{answer.code}, but it arrived {arrived} times"
    late = answer.code == "time-out" and answer.duration_ms >= TIMEOUT * 1000  # happens on a busy machine
    if answer.code not in exchanges[0].codes and not late:
        return f"{answer.code} {answer.text}, but it was answered {exchanges[0].codes}"
    return "" if "for " not in body or f"for {digest_of(number)}." in body else f"the body is another's: {body}"


@pytest.mark.timeout(1800 if FULL else 120)
def test_what_is_recorded_is_what_that_request_was_answered(
    hostile: Hostile, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Threads of two organizations send to one host and port, which chooses tricks at random."""
    # Distrust of receivers that sent bytes without a request would soon end all kept connections.
    monkeypatch.setattr(adapter, "_DISTRUST_SECONDS", 0)
    mistakes: list[str] = []

    def send(thread: int) -> int:
        previous = ""

        def may_start() -> bool:
            if previous:  # all of its rubbish has arrived: later bytes would look like an answer
                hostile.settle(previous)
            return True

        for count in range(REQUESTS // THREADS):
            path = f"orga_{count % 2}/{(thread + count) % HOOKS}"
            number = f"{path} {thread}.{count}"
            for answer in http.send([asking(hostile, path, f"{thread}.{count}")], may_start):
                problem = wrong(hostile.answered(number), answer, number)
                mistakes.extend([f"{number}: {problem}"] if problem else [])
            previous = number
        return REQUESTS // THREADS

    with ThreadPoolExecutor(THREADS) as threads:
        requests = sum(threads.map(send, range(THREADS)))
    note_answers(request.node, "senders on threads", requests, len(mistakes))
    assert mistakes == [], f"{len(mistakes)} of {requests}, with SEED={SEED}"
    assert not FULL or set(hostile.used) == set(SCRIPTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_after_each_trick_the_next_request_gets_its_own_answer(name: str, hostile: Hostile) -> None:
    """A single thread reuses one connection as long as it is kept; the next hook always answers 500."""
    hostile.fixed = {"orga_1/trick": name, "orga_1/next": "refused"}
    for repetition in range(2):
        for path in ("orga_1/trick", "orga_1/next"):
            number = f"{path} {repetition}"
            answer = http.post(asking(hostile, path, str(repetition)))
            assert wrong(hostile.answered(number), answer, number) == ""
            hostile.settle(number)


@pytest.mark.parametrize(
    ("name", "connections"),
    [("taken", 1), ("taken_without_a_word", 1), ("in_chunks_with_trailers", 1), ("interim_then_taken", 1),
     ("many_headers", 1), ("refused", 3), ("rubbish_behind", 3), ("old_http", 3), ("two_ways", 3)],
)  # fmt: skip
def test_a_connection_is_kept_only_after_one_whole_answer(name: str, connections: int, hostile: Hostile) -> None:
    hostile.fixed = {"orga_1/trick": name}
    for repetition in range(3):
        http.post(asking(hostile, "orga_1/trick", str(repetition)))
        hostile.settle(f"orga_1/trick {repetition}")
    assert hostile.connections == connections


def test_no_connection_is_shared_by_two_organizations(hostile: Hostile) -> None:
    hostile.fixed = dict.fromkeys(("orga_1/a", "orga_1/b", "orga_2/a"), "taken")
    for path in ("orga_1/a", "orga_1/b", "orga_2/a", "orga_1/a"):
        assert http.post(asking(hostile, path, "1")).arrived
    assert hostile.connections == 2


def test_no_connection_is_kept_to_a_receiver_that_once_spoke_unasked(hostile: Hostile) -> None:
    """Bytes that come after the check of a kept connection would look like the answer to the next request."""
    hostile.fixed = {"orga_1/hook": "an_answer_to_no_request"}
    http.post(asking(hostile, "orga_1/hook", "0"))
    hostile.settle("orga_1/hook 0")
    hostile.fixed = {"orga_1/hook": "taken"}
    for number in range(1, 4):
        assert http.post(asking(hostile, "orga_1/hook", str(number))).arrived
    assert hostile.connections == 4


def test_a_large_request_that_is_refused_unread_is_recorded_as_that(hostile: Hostile) -> None:
    """The receiver answers after the head and stops reading, yet neither side waits for the other."""

    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve() -> None:
        with listener.accept()[0] as sock:
            sock.recv(1000)
            sock.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
            done.wait(10)

    threading.Thread(target=serve, daemon=True).start()
    big = asking(hostile, "orga_1/hook", "1", padding=20_000_000)
    answer = http.post(replace(big, address=f"http://127.0.0.1:{listener.getsockname()[1]}/"))
    done.set()
    listener.close()
    assert answer.code == "413"


def test_interim_answers_do_not_outlast_the_deadline(hostile: Hostile) -> None:
    hostile.fixed = {"orga_1/hook": "interim_and_no_final_answer"}
    begun = time.monotonic()
    assert http.post(asking(hostile, "orga_1/hook", "1")).code == "time-out"
    assert time.monotonic() - begun < 3


# --- The whole way: events, workers, the database ------------------------------------------------------------
EVENTS = 60 if FULL else 6
KINDS = {
    "taken": ("taken", "interim_then_taken", "rubbish_behind", "many_headers", "taken_and_closed_unsaid"),
    "refused": ("interim_then_refused", "refused", "half_a_head", "no_http", "another_protocol", "interim_without_end"),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(1800 if FULL else 120)
def test_workers_record_what_each_request_was_answered(
    database_url: str, hostile: Hostile, request: pytest.FixtureRequest
) -> None:
    """Hooks of two organizations share one host and port: no record has an answer to another request."""
    both = []
    for name in ("Acme", "Other"):
        admin = organizations.create_user(email=f"{name}@people.example", password=None, name=name)
        organization = organizations.create_organization(name=name, admin=admin)
        both.append(organization)
        for script in (each for scripts in KINDS.values() for each in scripts):
            path = f"{name}/{script}"
            hostile.fixed[path] = script
            rules.create_webhook(
                organization=organization,
                actor=None,
                spec=rules.WebhookSpec.of(name=script, url=hostile.url(path), events=[EVENT_TYPE]),
            )
    worker = Worker(**SETTINGS | {"DATABASE_URL": database_url, "DELIVERY_TIMEOUT": "2"})
    try:
        for _ in range(EVENTS):
            for organization in both:
                intake.record(organization, [intake.NewEvent(type=EVENT_TYPE)])
        tried = Delivery.objects.filter(tries__gt=0, hook__name__in=KINDS["taken"])
        owed = 2 * EVENTS * len(KINDS["taken"])
        until(lambda: tried.count() == owed, 60 + EVENTS, "a try at each")
        until(lambda: not _hooks_without_attempt(), 30, "a try at each hook that refuses")
    finally:
        worker.destroy()
    attempts = Attempt.objects.select_related("delivery__hook", "delivery__event", "delivery__organization")
    mistakes = [problem for attempt in attempts if (problem := _wrong(hostile, attempt))]
    note_answers(request.node, "workers and the database", len(attempts), len(mistakes))
    assert mistakes == []
    assert len(attempts) >= owed


def _hooks_without_attempt() -> bool:
    tried = Delivery.objects.filter(tries__gt=0).values_list("hook_id").distinct().count()
    return tried < 2 * sum(map(len, KINDS.values()))


def _wrong(hostile: Hostile, attempt: Attempt) -> str:
    delivery = attempt.delivery
    assert delivery.hook
    number = f"{delivery.organization.name}/{delivery.hook.name} {delivery.event.public_id}"
    exchanges = hostile.answered(number)
    if not exchanges and attempt.code == "connection":
        return ""  # a kept connection, which the receiver closed at the moment of sending: no request reached it
    allowed = {code for exchange in exchanges for code in exchange.codes}
    body = attempt.response.get("body", "")
    late = attempt.code == "time-out" and attempt.duration_ms >= 2000
    if attempt.code not in allowed and not late:
        return f"{number}: {attempt.code}, but it was answered {allowed}"
    return (
        "" if "for " not in body or f"for {digest_of(number)}." in body else f"{number}: the body is another's: {body}"
    )
