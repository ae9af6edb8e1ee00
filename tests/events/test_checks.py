"""The system check finds a catalogue that contradicts itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.core.checks import run_checks

from events import catalogue, checks
from events.catalogue import EventGroup

GOOD = catalogue.EVENT_TYPES["job.fail"]
TYPES, GROUPS = catalogue.TYPES, catalogue.ALL_GROUPS


def test_the_catalogue_of_the_console_is_sound() -> None:
    assert checks.find_problems(TYPES, GROUPS) == []


@pytest.mark.parametrize(
    ("types", "groups", "said"),
    [
        pytest.param((*TYPES, GOOD), GROUPS, "has job.fail 2 times", id="a type twice"),
        pytest.param(TYPES, (*GROUPS, GROUPS[0]), "has deployment-result 2 times", id="a group twice"),
        pytest.param(
            TYPES, (*GROUPS, replace(GROUPS[0], label="Odd")), "has deployment-result 2 times", id="a name twice"
        ),
        pytest.param(TYPES, (EventGroup("odd", "Odd", ("no.such",)),), "no event type", id="a dangling member"),
        pytest.param(TYPES, (EventGroup("odd", "Odd", ()),), "odd is empty", id="an empty group"),
        pytest.param(TYPES, (EventGroup("odd.one", "Odd", ("job.fail",)),), "no dot", id="a group with a dot"),
        pytest.param(
            TYPES, (EventGroup("odd", "Odd", ("job.fail", "job.fail")),), "a type twice", id="a member twice"
        ),
        pytest.param((replace(GOOD, sample={}),), (), "no sample", id="a missing sample"),
        pytest.param(
            (replace(GOOD, sample={"timestamp": 1, "event_id": 2}),), (), "reserved names: event_id, timestamp",
            id="reserved names",
        ),
        pytest.param((replace(GOOD, sample={"at": float("nan")}),), (), "is not JSON", id="a sample beyond JSON"),
        pytest.param((replace(GOOD, label=""),), (), "no label", id="a missing label"),
        pytest.param((replace(GOOD, name="jobfail"),), (), "needs a dot", id="a type without a dot"),
    ],
)  # fmt: skip
def test_a_contradiction_is_named(types: tuple, groups: tuple, said: str) -> None:
    found = checks.find_problems(types, groups)
    assert len(found) == 1, found
    assert said in found[0][1]


def test_the_check_runs_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "TYPES", (*TYPES, GOOD))
    assert [error.id for error in run_checks() if error.id and error.id.startswith("events.")] == ["events.E001"]
