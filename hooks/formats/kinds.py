"""Kinds of news: they choose the colour of a message in services that have colours."""

from __future__ import annotations

from enum import StrEnum

from events import catalogue
from events.catalogue import Category, Outcome

_BEGINNINGS = frozenset({"stack.deploy.started", "application.redeploy"})  # a later event reports the outcome


class Kind(StrEnum):
    GOOD = "good"
    BAD = "bad"
    BEGUN = "begun"
    ACCESS = "access"  # who may do what
    OTHER = "other"


def classify(event_type: str, outcome: Outcome) -> Kind:
    """Return the kind of an event: its outcome if good or bad, else its subject."""
    if outcome != Outcome.NEUTRAL:
        return Kind.GOOD if outcome == Outcome.GOOD else Kind.BAD
    if event_type in _BEGINNINGS:
        return Kind.BEGUN
    known = catalogue.EVENT_TYPES.get(event_type)
    return Kind.ACCESS if known and known.category == Category.ACCESS else Kind.OTHER
