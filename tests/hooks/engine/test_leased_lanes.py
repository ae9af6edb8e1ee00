"""Limits on the threads and the interpreter time that one lane may use."""

from __future__ import annotations

import time
from collections import deque
from datetime import UTC, datetime
from uuid import uuid4

from hooks.engine.leased_lanes import LeasedLane
from hooks.engine.leases import Lease
from tests.hooks.notifications import notification


def held(latency: float | None, seats: int = 4, failures: int = 0, waiting: int = 100) -> LeasedLane:
    now = time.monotonic()
    lease = Lease(
        lane=1, organization=uuid4(), transport="http", token=uuid4(), begun=now, ends=now + 40,
        claimed_at=datetime.now(UTC), seats=seats, failures=failures, circuit_open=False,
    )  # fmt: skip
    return LeasedLane(lease, waiting=deque([notification("git.push")] * waiting), latency=latency)


def test_what_answers_at_once_is_sent_in_runs_and_what_is_slow_in_short_ones_or_one_by_one() -> None:
    assert held(0.0005).choose_run_length() == 40
    assert held(0.05).choose_run_length() == 3
    assert held(0.2).choose_run_length() == 1


def test_a_few_deliveries_are_spread_over_the_free_seats() -> None:
    assert held(0.05, seats=4, waiting=4).choose_run_length() == 1
    assert held(0.05, seats=4, waiting=5).choose_run_length() == 2


def test_what_has_not_answered_yet_or_failed_last_is_sent_one_by_one() -> None:
    assert held(None).choose_run_length() == 1
    assert held(0.0005, failures=1).choose_run_length() == 1


def test_what_answers_at_once_wants_the_interpreter_for_itself_and_what_is_slow_hardly_at_all() -> None:
    assert held(0.0001).interpreter_share == 1
    assert held(0.05).interpreter_share < 0.01
    assert held(None).interpreter_share == 0, "the first answers of many lanes are waited for at the same time"


def test_a_slow_answer_of_an_instant_receiver_is_not_taken_for_its_pace() -> None:
    lane = held(None)
    lane.learn_latency(0.0004)
    lane.learn_latency(0.02)  # this answer waited for the GIL
    assert lane.latency is not None
    assert lane.latency < 0.005
    for _ in range(200):
        lane.learn_latency(0.02)
    assert lane.latency > 0.015, "but if it stays so, it is"


def test_little_is_taken_of_a_lane_that_has_yet_to_show_that_it_answers() -> None:
    assert held(None, seats=1).most_to_take < held(0.0005).most_to_take
