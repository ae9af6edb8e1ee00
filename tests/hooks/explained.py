"""Helpers for tests of explanations: routed events, and the questions about them."""

from __future__ import annotations

from typing import Any

from events.models import Event
from hooks.explanations.facts import Facts
from hooks.explanations.hooks import explain_hooks
from hooks.explanations.people import explain_members
from hooks.models import Delivery
from hooks.routing import router, subjects
from notifications_project.accounts.models import Membership, User
from tests.hooks.pages import Record

DEFAULT = "Default deployment result e-mails"


def read_facts(event: Event, *users: User, viewer: User | None = None) -> Facts:
    """Return what explains a stored event to these members."""
    loaded = subjects.annotate_subject(Event.objects.select_related("organization", "resource")).get(pk=event.pk)
    memberships = Membership.objects.filter(organization=loaded.organization, user__in=users).select_related("user")
    return Facts.read(loaded, list(memberships), viewer=viewer.pk if viewer else None)


def said(event: Event, user: User, channel: str = "email", viewer: User | None = None) -> tuple[str, str, str]:
    """Return a member's state, sentence and later change on a channel."""
    [row] = explain_members(read_facts(event, user, viewer=viewer))
    [found] = [each for each in row.verdicts if each.channel == channel]
    return str(found.state), found.why, found.since


def of_hook(event: Event, name: str) -> tuple[str, str, str]:
    [found] = [row.verdict for row in explain_hooks(read_facts(event)) if row.name == name]
    return str(found.state), found.why, found.since


def routed(record: Record, *args: Any, **data: Any) -> Event:
    event: Event = record(*args, **data)
    router.route()
    return event


def deliver(event: Event, **fields: Any) -> None:
    """Mark a delivery as delivered."""
    Delivery.objects.filter(event=event).update(state="delivered", tries=1, due_at=None, **fields)
