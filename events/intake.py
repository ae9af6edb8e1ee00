"""Intake of events: API, pages, inbound adapters and the console's own events all call `record`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from events import limits, references, representation, signals
from events.catalogue import EVENT_TYPES, is_offered
from events.limits import MAX_EVENTS, Unfit
from events.models import Event, Resource
from events.references import Reference
from events.representation import Source
from notifications_project import bulk, ids
from notifications_project.accounts.models import Organization, User
from notifications_project.accounts.roles import Permission, name_roles_with

_REPORTED = 100  # errors that the answer to one list names
_STORED = [field for field in Event._meta.concrete_fields if field.name != "recorded_at"]  # set by the database
_TRIES = 4  # a race over a key is lost only to a request that stored an event with it, so a few suffice


@dataclass(frozen=True)
class NewEvent:
    """An event as it was sent; `record` checks every field.

    `resource` is a public id, `{"id"?, "kind", "name"}`, a Resource or None; `occurred_at` is a text in ISO 8601
    with an offset, an aware datetime, or None for now. `id` is given for an event of the console's own that may be
    recorded a second time, for instance after a database was restored; None makes a new id.
    """

    type: Any
    data: Any = field(default_factory=dict)
    resource: Any = None
    occurred_at: Any = None
    idempotency_key: Any = None
    is_test: bool = False
    id: UUID | None = None


@dataclass(frozen=True)
class Problem:
    index: int
    field: str
    message: str
    forbidden: bool = False  # the event is valid, but its sender may not record it


class InvalidEvents(Exception):
    """Raised when nothing was stored; `errors` names every event and field that is wrong."""

    def __init__(self, errors: list[Problem]) -> None:
        super().__init__("; ".join(f"[{each.index}] {each.field} {each.message}" for each in errors))
        self.errors = errors

    @property
    def forbidden(self) -> bool:
        """Tell whether every error is a missing permission of the sender."""
        return all(each.forbidden for each in self.errors)


class Conflict(Exception):
    """Raised when nothing was stored because an idempotency key was used before, with other content."""

    def __init__(self, index: int, key: str) -> None:
        super().__init__(f"[{index}] the idempotency key {key!r} was used with another event")
        self.index, self.key = index, key


@dataclass(frozen=True)
class _Checked:
    index: int
    sent: NewEvent
    occurred_at: datetime
    reference: Reference | None
    fingerprint: str
    key_as_sent: str | None  # older events are stored under the key as it was spelled by the sender


def record(
    organization: Organization,
    new_events: Sequence[NewEvent],
    actor: User | None = None,
    *,
    source: Source = Source.API,
    permissions: Collection[Permission] = (Permission.RECORD_EVENTS,),
) -> list[Event]:
    """Store events, all or none; return them in the order of `new_events`.

    `source` CONSOLE may record every type. Types that are not offered are not routed: their caller makes the
    deliveries. Other sources may record only the types that the catalogue allows with the sender's `permissions`.

    An event whose key was used before with the same content is not stored again; the event stored then is returned.
    Raises InvalidEvents or Conflict. After the commit `signals.events_recorded` is sent, if there is anything to route.
    """
    checked = _check_all(new_events, source, permissions)
    with transaction.atomic():
        events, fresh = _store(organization, checked, actor, source)
        if any(event.routed_at is None for event in fresh):
            _tell_after_commit(organization)
    return events


def _tell_after_commit(organization: Organization) -> None:
    def tell() -> None:
        signals.events_recorded.send(Event, organization_id=organization.pk)

    # Robust: the events are stored, and an error of a signal handler must not make the request fail.
    transaction.on_commit(tell, robust=True)


def _check_all(new_events: Sequence[NewEvent], source: Source, permissions: Collection[Permission]) -> list[_Checked]:
    if not 1 <= len(new_events) <= MAX_EVENTS:
        raise InvalidEvents([Problem(0, "events", f"Must be 1 to {MAX_EVENTS} events at once.")])
    now = timezone.now()
    checked, errors = [], []
    for index, sent in enumerate(new_events):
        try:
            checked.append(_check(index, sent, now))
            if source != Source.CONSOLE and (problem := _find_missing_permission(index, sent.type, permissions)):
                errors.append(problem)
        except Unfit as unfit:
            errors.append(Problem(index, unfit.field, unfit.message))
    if errors:
        raise InvalidEvents(errors[:_REPORTED])
    return checked


def _find_missing_permission(index: int, event_type: str, permissions: Collection[Permission]) -> Problem | None:
    """Return the problem with recording a type from outside the console, None if there is none."""
    needed = EVENT_TYPES[event_type].permission
    if needed is None:
        return Problem(index, "type", "Is recorded by the console alone: nobody else can know of it.")
    if needed not in permissions:
        return Problem(index, "type", f"Is recorded by {name_roles_with(needed)} only.", forbidden=True)
    return None


def _check(index: int, sent: NewEvent, now: datetime) -> _Checked:
    if not isinstance(sent.type, str) or sent.type not in EVENT_TYPES:
        raise Unfit("type", "Is not in the catalogue of event types." if sent.type else "Is missing.")
    reference = references.parse(sent.resource)
    occurred_at = limits.clean_time(sent.occurred_at, now)
    key_as_sent = sent.idempotency_key
    if key_as_sent is not None:
        sent = replace(sent, idempotency_key=limits.clean_key(key_as_sent))
    limits.check_data(sent.data)
    return _Checked(index, sent, occurred_at, reference, _compute_fingerprint(sent), key_as_sent)


def _compute_fingerprint(sent: NewEvent) -> str:
    """Return a hash of the sent event, independent of how its JSON was written; empty without a key."""
    if sent.idempotency_key is None:
        return ""
    resource = sent.resource.public_id if isinstance(sent.resource, Resource) else sent.resource
    content = [sent.type, sent.data, resource, sent.occurred_at and str(sent.occurred_at), sent.is_test]
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _store(
    organization: Organization, checked: list[_Checked], actor: User | None, source: Source
) -> tuple[list[Event], list[Event]]:
    """Store the events; return all of them in order, and the new ones."""
    if all(each.sent.idempotency_key is None for each in checked):
        fresh = _insert(organization, checked, actor, source)  # no keys, so no race over one can be lost
        return list(fresh.values()), list(fresh.values())
    for tries_left in reversed(range(_TRIES)):
        # Look the keys up first: a repeated request must not find or create its resource again.
        known = _find_stored(organization, checked)
        _refuse_conflicts(checked, {key: event.fingerprint for key, event in known.items()})
        try:
            with transaction.atomic():
                fresh = _insert(organization, _select_new(checked, known), actor, source)
        except IntegrityError:
            if not tries_left:
                raise
            continue
        by_key = known | {event.idempotency_key: event for event in fresh.values() if event.idempotency_key}
        events = [fresh.get(each.index) or by_key[each.sent.idempotency_key] for each in checked]
        return events, list(fresh.values())
    raise AssertionError("unreachable")


def _find_stored(organization: Organization, checked: list[_Checked]) -> dict[str, Event]:
    spellings = [(each.sent.idempotency_key, each.key_as_sent) for each in checked]
    keys = {key for both in spellings for key in both if key is not None}
    if not keys:
        return {}
    stored = Event.objects.filter(organization=organization, idempotency_key__in=keys)
    return {limits.clean_key(event.idempotency_key): event for event in stored}


def _refuse_conflicts(checked: list[_Checked], fingerprints: dict[str, str]) -> None:
    for each in checked:
        key = each.sent.idempotency_key
        if key is not None and fingerprints.setdefault(key, each.fingerprint) != each.fingerprint:
            raise Conflict(each.index, key)


def _select_new(checked: list[_Checked], known: dict[str, Event]) -> list[_Checked]:
    """Return the events to store: all without a key, and the first of each key that is not known yet."""
    seen = set(known)
    wanted = []
    for each in checked:
        key = each.sent.idempotency_key
        if key is None or key not in seen:
            wanted.append(each)
        if key is not None:
            seen.add(key)
    return wanted


def _insert(organization: Organization, wanted: list[_Checked], actor: User | None, source: Source) -> dict[int, Event]:
    """Insert the events; return them by index. Raises IntegrityError when another request stored a key first."""
    if not wanted:
        return {}
    resources = references.resolve(organization, (each.reference for each in wanted if each.reference), actor)
    missing = [each for each in wanted if each.reference and each.reference not in resources]
    if missing:
        refusals = [(each.index, references.make_unknown_error(each.sent.resource)) for each in missing[:_REPORTED]]
        raise InvalidEvents([Problem(index, unfit.field, unfit.message) for index, unfit in refusals])
    rows = {each.index: _build_row(organization, each, resources, source) for each in wanted}
    # Without the order by key two lists with the same keys could wait for each other for ever. The ids already have
    # the order of the list.
    ordered = sorted(rows.values(), key=lambda row: row.idempotency_key or "")
    values = [[getattr(row, field.attname) for field in _STORED] for row in ordered]
    bulk.insert(Event, [field.name for field in _STORED], values)
    for row in ordered:
        row._state.adding, row._state.db = False, connection.alias
        del row.recorded_at  # not set here: an access then reads the database's value instead of None
    return rows


def _build_row(
    organization: Organization, each: _Checked, resources: dict[Reference, Resource], source: Source
) -> Event:
    resource = resources[each.reference] if each.reference else None
    event = Event(
        id=each.sent.id or ids.uuid7(),
        organization=organization,
        resource=resource,
        type=each.sent.type,
        occurred_at=each.occurred_at,
        idempotency_key=each.sent.idempotency_key,
        fingerprint=each.fingerprint,
        is_test=each.sent.is_test,
        # A test is never routed (docs/who-is-told.md), nor is a type that no hook or setting may choose.
        routed_at=None if not each.sent.is_test and is_offered(each.sent.type) else timezone.now(),
    )
    event.representation = representation.build(
        event_id=event.public_id,
        event_type=event.type,
        occurred_at=event.occurred_at,
        organization=organization,
        resource=resource,
        is_test=event.is_test,
        source=source,
        data=each.sent.data,
    )
    return event
