"""`apns` writes the event as an alert for an iPhone or iPad (Apple Push Notification service)."""

from __future__ import annotations

import json
from typing import Any

from django.utils.translation import gettext_noop as _

from events.catalogue import Outcome
from hooks.formats import parts
from hooks.formats.base import Format
from hooks.messages import Message, Notification, Transport
from hooks.wording import plain, tell

MOST = 4096  # bytes of a payload
_COLLAPSE_ID = 64  # bytes
_URL = 1000  # bytes; a longer URL is left out, as a cut one leads nowhere
# Bad news breaks through Focus. Neutral news neither lights the screen nor wakes a device that saves its battery.
_LEVELS = {Outcome.GOOD: "active", Outcome.BAD: "time-sensitive", Outcome.NEUTRAL: "passive"}
_PRIORITIES = {Outcome.GOOD: "10", Outcome.BAD: "10", Outcome.NEUTRAL: "5"}


class Apns(Format):
    name = "apns"
    label = "iOS push"
    help = _("An alert on the iPhones and iPads of a person.")
    transport = Transport.APNS
    signed = False

    def write(self, notification: Notification) -> Message:
        story = tell(notification)
        alert = {"title": story.title, "subtitle": plain.make_name(notification.organization), "body": ""}
        aps: dict[str, Any] = {
            "alert": alert,
            "thread-id": story.thread,
            "interruption-level": _LEVELS[story.outcome],
        }
        if story.outcome != Outcome.NEUTRAL:
            aps["sound"] = "default"
        payload = {"aps": aps, "event_type": plain.make_name(notification.event_type)}
        if parts.count_bytes(story.url) <= _URL:
            payload["url"] = story.url
        text = "\n".join(filter(None, [story.note, story.line]))
        alert["body"] = parts.fit(text, MOST - len(parts.encode_json(payload)), size=_count_in_json)
        return parts.build_json_message(
            payload,
            headers={
                "apns-push-type": "alert",
                "apns-priority": _PRIORITIES[story.outcome],
                # An application's newest alert replaces the one before: otherwise outdated ones would pile up.
                "apns-collapse-id": parts.fit(story.thread, _COLLAPSE_ID, size=parts.count_bytes),
            },
        )


def _count_in_json(text: str) -> int:
    """Count the bytes of a text as a JSON string, without its quotation marks."""
    return len(json.dumps(text, ensure_ascii=False).encode("utf-8", "replace")) - 2
