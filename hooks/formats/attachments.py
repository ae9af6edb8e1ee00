"""Attachments: coloured boxes with a title, a text and fields. Slack introduced them; Mattermost, Rocket.Chat and
others understand them too."""

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
MOST = 9_000  # characters of a message as JSON, escapes counted: below the limit of every such service
LONGEST_TITLE, LONGEST_TEXT, LONGEST_VALUE, LONGEST_FOOTER = 150, 3_000, 2_000, 300
_LONGEST_LABEL = 150
_SHORT = 40  # characters; a longer value gets a row of its own

# Mentions of people or channels, and links with a text of their own. Few services have an escape for these, so a
# zero-width space breaks them. An "@" within an e-mail address mentions nobody, unless @channel or the like follows.
_CALLS = re.compile(r"(?<![A-Za-z0-9])@|@(?=(?:channel|here|all|everyone)\b)|<(?=[!@#])|\](?=\()", re.IGNORECASE)
_BROKEN = "\\g<0>\u200b"

Write = Callable[[str], str]


def defuse(text: str) -> str:
    """Break all mentions and named links in a text, without a visible change."""
    return _CALLS.sub(_BROKEN, text)


def summarize(story: Story) -> str:
    """Return the one line that a notification on a phone shows."""
    return story.marked_title


def list_facts(notification: Notification, story: Story) -> list[tuple[str, str]]:
    """Return the facts without a leading organization: the footer of these messages names it already."""
    told = list(story.facts)
    return told[1:] if told and told[0][1] == plain.make_name(notification.organization) else told


def make_fields(told: Iterable[tuple[str, str]], room: int, label: Write, value: Write) -> list[dict[str, Any]]:
    """Return fields for the first facts, as many as fit into `room` characters of JSON."""
    found: list[dict[str, Any]] = []
    for name, text in told:
        field = {
            "title": parts.fit(name, _LONGEST_LABEL, label),
            "value": parts.fit(text, LONGEST_VALUE, value),
            "short": len(text) <= _SHORT,
        }
        room -= measure(field)
        if room < 0:
            break
        found.append(field)
    return found


def measure(part: Any) -> int:
    """Count the characters of a message's part as JSON."""
    return parts.count_utf16(json.dumps(part, ensure_ascii=False))
