"""Ids that sort by time are in order, unique, and not ahead of the clock."""

from __future__ import annotations

import os
import threading
import time
from uuid import UUID

import pytest
import uuid6

from notifications_project import ids


def milliseconds(value: UUID) -> int:
    return value.int >> 80


def test_ids_made_at_once_are_in_order_and_not_ahead_of_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "_last", 0)  # a test before this may have set the clock ahead,
    monkeypatch.setattr(uuid6, "_last_v7_timestamp", None)  # and the library goes on from there
    many = [ids.uuid7() for _ in range(20_000)]
    assert many == sorted(set(many))
    assert {each.version for each in many} == {7}
    assert {each.variant for each in many} == {"specified in RFC 4122"}
    assert milliseconds(many[-1]) <= time.time_ns() // 1_000_000


def test_threads_never_make_the_same_id() -> None:
    made: list[UUID] = []
    threads = [threading.Thread(target=lambda: made.extend(ids.uuid7() for _ in range(2000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 8000


def test_a_forked_process_does_not_count_on_from_where_its_parent_does(monkeypatch: pytest.MonkeyPatch) -> None:
    an_hour_ahead = time.time_ns() // 1_000_000 + 3_600_000  # so that both would, however long the fork takes
    monkeypatch.setattr(ids, "_last", an_hour_ahead << 80)
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writing, b"".join(ids.uuid7().bytes for _ in range(100)))
        os._exit(0)
    own = {ids.uuid7() for _ in range(100)}
    os.waitpid(child, 0)
    theirs = os.read(reading, 1600)
    os.close(reading)
    os.close(writing)
    assert own.isdisjoint({UUID(bytes=theirs[start : start + 16]) for start in range(0, 1600, 16)})
