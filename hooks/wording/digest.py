"""The facts of a digest: a line for each notification that it names, and the numbers of the others by type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import pgettext

from events.catalogue import Subject
from hooks.messages import Notification
from hooks.wording import facts, plain

MOST = 50  # lines
_OURS = ("total", "notifications", "more")


def read(data: facts.Data, notification: Notification, subject: Subject | None) -> facts.Told:
    """Return the values and facts of a digest, like `facts.read`; the lines stand after the organization."""
    told = facts.read({name: given for name, given in data.items() if name not in _OURS}, notification, subject)
    count = _count(data.get("total"))
    values = told.values | ({"count": str(count)} if count else {})
    place = 1 if "organization" in values else 0
    return facts.Told(values, (*told.facts[:place], *_number_lines(_list_lines(data)), *told.facts[place:]))


def _list_lines(data: facts.Data) -> Iterator[tuple[str, str]]:
    notifications = _list_objects(data.get("notifications"))
    for each in notifications[:MOST]:
        if title := plain.take_text(each.get("title")):
            yield (
                _format_timestamp(each.get("timestamp")) or pgettext("event", "When"),
                plain.cut(_place(title, each), plain.LONGEST),
            )
    rest: Counter[str] = Counter(
        name for each in notifications[MOST:] if (name := plain.make_name(each.get("event_type")))
    )
    for each in _list_objects(data.get("more")):
        if name := plain.make_name(each.get("label")) or plain.make_name(each.get("event_type")):
            rest[name] += _count(each.get("number"))
    colon = pgettext("event", ": ")
    counted = [f"{name}{colon}{count}" for name, count in rest.most_common() if count]
    if counted:
        yield pgettext("event", "More"), plain.cut(", ".join(counted), plain.LONGEST)


def _place(title: str, about: dict[str, Any]) -> str:
    """Return the title, with the organization and resource that it does not name in brackets."""
    names = (plain.make_name(about.get(part)) for part in ("organization", "resource"))
    where = ", ".join(name for name in names if name and name not in title)
    return pgettext("event", "%(sentence)s (%(details)s)") % {"sentence": title, "details": where} if where else title


def _number_lines(lines: Iterator[tuple[str, str]]) -> list[tuple[str, str]]:
    """Number repeated labels: some services would keep only one of two facts with equal labels."""
    seen: Counter[str] = Counter()
    numbered = []
    for label, value in lines:
        seen[label] += 1
        numbered.append((label if seen[label] == 1 else f"{label} ({seen[label]})", value))
    return numbered


def _format_timestamp(timestamp: Any) -> str:
    if isinstance(timestamp, bool) or not isinstance(timestamp, int | float):
        return ""
    try:
        return plain.format_time(datetime.fromtimestamp(timestamp, UTC), seconds=True)
    except (ValueError, OverflowError, OSError):
        return ""


def _count(given: Any) -> int:
    return given if isinstance(given, int) and not isinstance(given, bool) and 0 < given < 10**9 else 0


def _list_objects(given: Any) -> list[dict[str, Any]]:
    return [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
