"""What kind of news an event is, for services that show messages in a colour each."""

from __future__ import annotations

from enum import StrEnum

from events import catalogue
from events.catalogue import Category, Outcome

_BEGINNINGS = frozenset({"stack.deploy.started", "application.redeploy"})  # the outcome is told later


class Kind(StrEnum):
    GOOD = "good"
    BAD = "bad"
    BEGUN = "begun"
    ACCESS = "access"  # who may do what
    OTHER = "other"


def kind_of(event_type: str, outcome: Outcome) -> Kind:
    """The outcome, and for what is neither good nor bad what it is about."""
    if outcome != Outcome.NEUTRAL:
        return Kind.GOOD if outcome == Outcome.GOOD else Kind.BAD
    if event_type in _BEGINNINGS:
        return Kind.BEGUN
    known = catalogue.EVENT_TYPES.get(event_type)
    return Kind.ACCESS if known and known.category == Category.ACCESS else Kind.OTHER
