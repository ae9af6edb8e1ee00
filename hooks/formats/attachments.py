"""Attachments: a coloured box with a title, a text and fields, as Slack began them and Mattermost, Rocket.Chat and
others took them over."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from events.catalogue import Outcome
from hooks.formats import parts
from hooks.messages import Notification
from hooks.wording import Story, plain

COLOURS = {Outcome.GOOD: "#2eb67d", Outcome.BAD: "#e01e5a", Outcome.NEUTRAL: "#7c8086"}
MOST = 9_000  # characters of a message as JSON, escapes counted: less than what any of them cuts or refuses
LONGEST_TITLE, LONGEST_TEXT, LONGEST_VALUE, LONGEST_FOOTER = 150, 3_000, 2_000, 300
_LONGEST_LABEL = 150
_SHORT = 40  # characters of a value that leaves room for another beside it

# What calls people or channels, and what gives a link a name of its own. Few services know an escape for these, so
# they are broken by a space of no width. An "@" within an address calls nobody, but for the names that call everybody.
_CALLS = re.compile(r"(?<![A-Za-z0-9])@|@(?=(?:channel|here|all|everyone)\b)|<(?=[!@#])|\](?=\()", re.IGNORECASE)
_BROKEN = "\\g<0>\u200b"

Write = Callable[[str], str]


def harmless(text: str) -> str:
    """The text as it is, but that it calls nobody and names no link."""
    return _CALLS.sub(_BROKEN, text)


def summary(story: Story) -> str:
    """What is shown where there is room for one line only, as in a notification on a phone."""
    return f"{'[Test] ' if story.is_test else ''}{story.title}"


def facts(notification: Notification, story: Story) -> list[tuple[str, str]]:
    """The facts without the organization where that stands first: these messages name it at their foot."""
    told = list(story.facts)
    return told[1:] if told and told[0][1] == plain.name(notification.organization) else told


def fields(told: Iterable[tuple[str, str]], room: int, label: Write, value: Write) -> list[dict[str, Any]]:
    """Fields for the first facts, as many as there is room for in `room` characters of JSON."""
    found: list[dict[str, Any]] = []
    for name, text in told:
        field = {
            "title": parts.fit(name, _LONGEST_LABEL, label),
            "value": parts.fit(text, LONGEST_VALUE, value),
            "short": len(text) <= _SHORT,
        }
        room -= length(field)
        if room < 0:
            break
        found.append(field)
    return found


def length(part: Any) -> int:
    """Characters of a part of a message as it goes over the wire."""
    return parts.utf16(json.dumps(part, ensure_ascii=False))
