"""Record every lease with a database trigger, so that two at one time cannot go unnoticed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection

from hooks.models import Endpoint
from tests.faults.receiver import Conflict, Receiver
from tests.faults.sizes import LEASE

_ROUNDING = 0.01  # SQLite's own clock is read in milliseconds
_SQLITE = [
    """CREATE TABLE fault_leases (id integer PRIMARY KEY, lane integer, was text, was_until text,
       becomes text, becomes_until text, at text)""",
    """CREATE TRIGGER fault_leases AFTER UPDATE ON hooks_lane
       WHEN OLD.token IS NOT NEW.token OR OLD.leased_until IS NOT NEW.leased_until
       BEGIN INSERT INTO fault_leases (lane, was, was_until, becomes, becomes_until, at)
       VALUES (OLD.id, OLD.token, OLD.leased_until, NEW.token, NEW.leased_until, strftime('%Y-%m-%d %H:%M:%f', 'now'));
       END""",
]
_POSTGRESQL = [
    """CREATE TABLE fault_leases (id bigserial PRIMARY KEY, lane bigint, was uuid, was_until timestamptz,
       becomes uuid, becomes_until timestamptz, at timestamptz)""",
    """CREATE FUNCTION fault_leases() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       INSERT INTO fault_leases (lane, was, was_until, becomes, becomes_until, at)
       VALUES (OLD.id, OLD.token, OLD.leased_until, NEW.token, NEW.leased_until, clock_timestamp());
       RETURN NULL; END $$""",
    """CREATE TRIGGER fault_leases AFTER UPDATE ON hooks_lane FOR EACH ROW
       WHEN (OLD.token IS DISTINCT FROM NEW.token OR OLD.leased_until IS DISTINCT FROM NEW.leased_until)
       EXECUTE FUNCTION fault_leases()""",
]
_GONE = {
    "sqlite": ["DROP TRIGGER IF EXISTS fault_leases", "DROP TABLE IF EXISTS fault_leases"],
    "postgresql": [
        "DROP TRIGGER IF EXISTS fault_leases ON hooks_lane",
        "DROP FUNCTION IF EXISTS fault_leases",
        "DROP TABLE IF EXISTS fault_leases",
    ],
}


@dataclass(slots=True)
class Change:
    """A change of a lane's lease, with the time in seconds of the database's clock."""

    lane: int
    was: str | None
    was_until: float | None
    becomes: str | None
    becomes_until: float | None
    at: float

    @property
    def same_holder(self) -> bool:
        """Tell whether the holder is the same; the last bit of a token only marks a reset."""
        return self.was is not None and self.becomes is not None and int(self.was, 16) | 1 == int(self.becomes, 16) | 1

    @property
    def takeover(self) -> bool:
        return self.was is not None and self.becomes is not None and not self.same_holder


def install() -> None:
    remove()
    with connection.cursor() as cursor:
        for statement in _SQLITE if connection.vendor == "sqlite" else _POSTGRESQL:
            cursor.execute(statement)


def remove() -> None:
    with connection.cursor() as cursor:
        for statement in _GONE[connection.vendor]:
            cursor.execute(statement)


def changes() -> list[Change]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT lane, was, was_until, becomes, becomes_until, at FROM fault_leases ORDER BY id")
        rows = cursor.fetchall()
    return [
        Change(lane, _text(was), _epoch(was_until), _text(becomes), _epoch(becomes_until), _epoch(at) or 0.0)
        for lane, was, was_until, becomes, becomes_until, at in rows
    ]


def check() -> int:
    """Assert that no lease overlapped or cut another short; return how many ran out and were taken over."""
    seen = changes()
    assert seen, "no lane was ever leased"
    for change in seen:
        if change.takeover:
            assert (change.was_until or 0) <= change.at + _ROUNDING, f"a valid lease was taken: {change}"
        if change.same_holder and (change.becomes_until or 0) < (change.was_until or 0):
            assert (change.becomes_until or 0) >= change.at + LEASE - 1, f"a lease was cut short: {change}"
        if change.becomes and change.was is None:
            assert (change.becomes_until or 0) <= change.at + LEASE + _ROUNDING, f"a lease is too long: {change}"
    return sum(change.takeover for change in seen)


def strangers(receiver: Receiver) -> list[Conflict]:
    """Return the requests that came during a lease from another process than the first that sent in it."""
    lanes = {endpoint.address: endpoint.lane_id for endpoint in Endpoint.objects.filter(kind=Endpoint.Kind.WEBHOOK)}
    arrivals = defaultdict(list)
    for arrival in receiver.arrivals:
        if arrival.process is not None and (lane := lanes.get(receiver.url(arrival.hook))):
            arrivals[lane].append(arrival)
    found = []
    for lane, begun, ended in _leases():
        within = sorted((each for each in arrivals[lane] if begun <= each.at < ended), key=lambda each: each.at)
        found += [
            Conflict(each.hook, "two processes sent in one lease", frozenset({each.process, within[0].process}))
            for each in within
            if each.process != within[0].process
        ]
    return found


def _leases() -> Iterator[tuple[int, float, float]]:
    """Yield the lane, beginning and end of each lease."""
    begun: dict[int, float] = {}
    for change in changes():
        if change.same_holder:
            continue
        if change.was and change.lane in begun:
            yield change.lane, begun.pop(change.lane), min(change.at, change.was_until or change.at)
        if change.becomes:
            begun[change.lane] = change.at


def _epoch(value: datetime | str | None) -> float | None:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if value is None:
        return None
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()


def _text(value: object) -> str | None:
    return None if value is None else str(value).replace("-", "")
