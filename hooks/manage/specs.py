"""Specifications of new hooks: pages make them from a form, the API from JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar
from uuid import UUID

from hooks.manage.validation import RateLimit

_Part = TypeVar("_Part")


@dataclass(frozen=True)
class Destination:
    """The destination of a webhook. An empty URL is that of the format, if it has one."""

    url: str = ""
    format: str = "raw"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class HookFilter:
    """The events and resources of a hook. None is no restriction, an empty list nothing."""

    events: Sequence[str] | None = None
    resources: Sequence[UUID] | None = None


@dataclass(frozen=True)
class Pace:
    """The pace at which a webhook is sent to.

    `ordered`: a delivery is not begun before the one before it is settled, however long that takes.
    """

    ordered: bool = False
    rate_limit: RateLimit | None = None


@dataclass(frozen=True)
class Switches:
    paused: bool = False
    enabled: bool = True


@dataclass(frozen=True)
class WebhookSpec:
    """A webhook that is to be made."""

    name: str
    destination: Destination
    filter: HookFilter = HookFilter()
    pace: Pace = Pace()
    switches: Switches = Switches()

    @classmethod
    def of(cls, *, name: str, **fields: Any) -> Self:
        """Sort the fields by the names that the API gives them. Raises TypeError for one that no webhook has."""
        destination, filter = _take(Destination, fields), _take(HookFilter, fields)
        pace, switches = _take(Pace, fields), _take(Switches, fields)
        if fields:
            raise TypeError(f"a webhook has no {', '.join(fields)}")
        return cls(name, destination, filter, pace, switches)


def _take(part: type[_Part], fields: dict[str, Any]) -> _Part:
    """A part made of the fields that it has, which are taken out."""
    names = [each.name for each in dataclasses.fields(part)]  # type: ignore[arg-type]
    return part(**{name: fields.pop(name) for name in names if name in fields})
