"""Subjects of `hook.*` events: the hook, channel or address that is not told of its own trouble."""

from __future__ import annotations

import json
from typing import Any

from django.db.models import Case, F, QuerySet, TextField, Value, When

from events.models import Event

_OWN = "hook."  # begins the types of the events that are about hooks


def annotate_subject(events: QuerySet[Event]) -> QuerySet[Event]:
    """Load events as the rules need them. The data is read only of events where it matters: it may be long."""
    about = Case(When(type__startswith=_OWN, then=F("representation")), default=Value(""), output_field=TextField())
    return events.defer("representation").annotate(about=about)


def find_subject_hook(event: Event) -> str | None:
    """The hook that a `hook.*` event is about: it is not told of its own trouble."""
    return _extract_text(_extract_about(event).get("hook"), "id")


def find_subject_channel(event: Event) -> str | None:
    """The kind of the channel that a `hook.*` event of a personal space is about: it is not told of its own trouble."""
    return _extract_text(_extract_about(event).get("channel"), "kind")


def find_subject_address(event: Event) -> str | None:
    """The address that a `hook.*` event is about, in lower case: it is not e-mailed that it cannot be e-mailed."""
    about = _extract_about(event).get("refused")
    return about.lower() if isinstance(about, str) else None


def _extract_text(about: Any, name: str) -> str | None:
    """Return the data of an event, which may be anything: programs could send such events once."""
    found = about.get(name) if isinstance(about, dict) else None
    return found if isinstance(found, str) else None


def _extract_about(event: Event) -> dict[str, Any]:
    return json.loads(event.about) if event.type.startswith(_OWN) else {}  # type: ignore[attr-defined]  # annotated
