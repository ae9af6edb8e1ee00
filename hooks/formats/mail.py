"""`mail`: the event as an e-mail for a person."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string

from events import catalogue
from hooks.formats.base import Format
from hooks.messages import Message, Notification

_OURS = {"event_type", "timestamp", "event_id", "organization", "resource", "test"}
_LONGEST = 200


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
            "facts": [(key, _short(value)) for key, value in data.items() if key not in _OURS and value is not None],
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


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
