"""`mail`: the event as an e-mail for a person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string

from events import catalogue
from hooks.formats.base import Format
from hooks.messages import Message, Notification

_OURS = {"event_type", "timestamp", "event_id", "organization", "resource", "test"}
_LONGEST = 200
_MOST_FACTS = 20


class Mail(Format):
    name = "mail"
    label = "E-mail"
    help = "A short text and HTML mail."
    transport = "smtp"
    signed = False

    def write(self, notification: Notification) -> Message:
        event_type = catalogue.EVENT_TYPES.get(notification.event_type)
        about = notification.resource or notification.organization
        data = json.loads(notification.representation)
        label = event_type.label if event_type else notification.event_type
        context = {
            "label": label,
            "outcome": event_type.outcome.value if event_type else "neutral",
            "about": about,
            "facts": _facts({key: value for key, value in data.items() if key not in _OURS}),
            "notification": notification,
            "hooks": [reason["name"] for reason in notification.reasons if reason["rule"] == "hook"],
            "link": f"{settings.PUBLIC_URL}/organizations/{notification.organization_id}/events/{data['event_id']}/",
            "panel": f"{settings.PUBLIC_URL}/organizations/{notification.organization_id}/notifications/emails/",
        }
        subject = f"{'[Test] ' if notification.is_test else ''}[{about}] {label}"
        return Message(
            body=render_to_string("mail/event.txt", context).encode(),
            content_type="text/plain",
            headers={
                # Constant over retries, so that a client shows a repeated mail once (facts/channels.md, 7).
                "Message-ID": f"<{notification.webhook_id}@{_domain()}>",
                "Auto-Submitted": "auto-generated",
                "X-Auto-Response-Suppress": "All",
            },
            subject=" ".join(subject.split())[:_LONGEST],
            html=render_to_string("mail/event.html", context),
        )


def _domain() -> str:
    return settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip("> ")


def _facts(data: dict[str, Any]) -> list[tuple[str, str]]:
    """The data as names and values to read, `server.name: Meerkat`; at most so many, and then how many more."""
    facts = [(_short(name), _short(_words(value))) for name, value in _flat(data, levels=2)]
    more = len(facts) - _MOST_FACTS
    return facts if more <= 0 else [*facts[:_MOST_FACTS], ("more", f"{more} in the console")]


def _flat(data: dict[str, Any], levels: int, before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in data.items():
        if isinstance(value, dict) and value and levels:
            yield from _flat(value, levels - 1, f"{before}{name}.")
        elif value not in (None, "", {}, []):
            yield f"{before}{name}", value


def _words(value: Any) -> str:
    """A value without the signs of JSON; what is nested deeper still is counted."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return f"({len(value)} {'value' if len(value) == 1 else 'values'})"
    if isinstance(value, list):
        if any(isinstance(each, dict | list) for each in value):
            return f"({len(value)} {'entry' if len(value) == 1 else 'entries'})"
        return ", ".join(map(_words, value))
    return "none" if value is None else str(value)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
