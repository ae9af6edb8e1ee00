"""A system check ends the start if the catalogue contradicts itself."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, register

from events import catalogue
from events.catalogue import EventGroup, EventType
from events.representation import RESERVED


@register()
def check_catalogue(**kwargs: Any) -> list[CheckMessage]:
    found = find_problems(catalogue.TYPES, catalogue.ALL_GROUPS)
    return [Error(problem, id=f"events.E{number:03}") for number, problem in found]


def find_problems(types: Sequence[EventType], groups: Sequence[EventGroup]) -> list[tuple[int, str]]:
    """Return the problems of a catalogue, each with the number of its system check message."""
    found: list[tuple[int, str]] = []
    for name, times in Counter([*(each.name for each in types), *(each.name for each in groups)]).items():
        if times > 1:
            found.append((1, f"The catalogue has {name} {times} times."))
    for each in types:
        found += _check_type(each)
    known = {each.name for each in types}
    for group in groups:
        found += _check_group(group, known)
    return found


def _check_type(each: EventType) -> list[tuple[int, str]]:
    found = []
    if "." not in each.name or len(each.name) > 60:
        found.append((2, f"The event type {each.name} needs a dot and at most 60 characters."))
    if not each.label:
        found.append((3, f"The event type {each.name} has no label."))
    if not each.sample:
        found.append((4, f"The event type {each.name} has no sample of its data."))
    if reserved := sorted(RESERVED & each.sample.keys()):
        found.append((5, f"The sample of {each.name} uses reserved names: {', '.join(reserved)}."))
    try:
        json.dumps(each.sample, allow_nan=False)
    except (TypeError, ValueError) as error:
        found.append((6, f"The sample of {each.name} is not JSON: {error}."))
    return found


def _check_group(group: EventGroup, known: set[str]) -> list[tuple[int, str]]:
    found = []
    if "." in group.name:
        found.append((7, f"The group {group.name} must have no dot in its name."))
    if not group.types:
        found.append((8, f"The group {group.name} is empty."))
    dangling = [name for name in group.types if name not in known]
    found += [(9, f"The group {group.name} names {name}, which is no event type.") for name in dangling]
    if len(set(group.types)) != len(group.types):
        found.append((10, f"The group {group.name} names a type twice."))
    return found
