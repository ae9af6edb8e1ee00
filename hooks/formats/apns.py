"""`apns`: the event as an alert on an iPhone or iPad, by the Apple Push Notification service."""

from __future__ import annotations

import json
from typing import Any

from events.catalogue import Outcome
from hooks.formats import parts
from hooks.formats.base import Format
from hooks.messages import Message, Notification
from hooks.wording import plain, tell

MOST = 4096  # bytes of a payload
_COLLAPSE_ID = 64  # bytes
_URL = 1000  # bytes; a longer one is left out, for it cannot be cut
# What has gone wrong breaks through Focus, what is neither good nor bad lights no screen and may wait for the battery.
_LEVELS = {Outcome.GOOD: "active", Outcome.BAD: "time-sensitive", Outcome.NEUTRAL: "passive"}
_PRIORITIES = {Outcome.GOOD: "10", Outcome.BAD: "10", Outcome.NEUTRAL: "5"}


class Apns(Format):
    name = "apns"
    label = "iOS push"
    help = "An alert on the iPhones and iPads of a person."
    transport = "apns"
    signed = False

    def write(self, notification: Notification) -> Message:
        story = tell(notification)
        alert = {"title": story.title, "subtitle": plain.name(notification.organization), "body": ""}
        aps: dict[str, Any] = {
            "alert": alert,
            "thread-id": story.thread,
            "interruption-level": _LEVELS[story.outcome],
        }
        if story.outcome != Outcome.NEUTRAL:
            aps["sound"] = "default"
        payload = {"aps": aps, "event_type": plain.name(notification.event_type)}
        if parts.utf8(story.url) <= _URL:
            payload["url"] = story.url
        text = "\n".join(filter(None, [story.note, story.line]))
        alert["body"] = parts.fit(text, MOST - len(parts.encoded(payload)), size=_in_json)
        return parts.json_message(
            payload,
            headers={
                "apns-push-type": "alert",
                "apns-priority": _PRIORITIES[story.outcome],
                # The newest news of an application takes the place of the one before; older ones help nobody.
                "apns-collapse-id": parts.fit(story.thread, _COLLAPSE_ID, size=parts.utf8),
            },
        )


def _in_json(text: str) -> int:
    """Bytes of a text between the quotation marks of JSON."""
    return len(json.dumps(text, ensure_ascii=False).encode("utf-8", "replace")) - 2
