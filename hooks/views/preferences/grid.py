"""The grid of *My notifications* as its templates show it, with the request that each of its buttons makes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from events import catalogue
from events.catalogue import EventType
from hooks.audience.quiet_times import can_be_urgent
from hooks.channels.cards import SYMBOLS
from hooks.models import Channel
from hooks.preferences.effective import EffectiveSettings, SettingCell, State
from hooks.preferences.notification_settings import EVERYTHING, Choice, Scope
from hooks.presentation.phrases import join_names

Kind = Channel.Kind
ALL = "*"
STATES = {"on": True, "off": False, "default": None}
_PRESSED = {State.ON: "true", State.OFF: "false", State.PARTLY: "mixed"}


@dataclass(frozen=True, slots=True)
class GridButton:
    """A button of the grid.

    `action` is what a click sends; `reset_action` what the small button beside it sends, empty if there is none.
    """

    id: str
    name: str
    kind: str
    channel: str
    symbol: str
    look: str
    pressed: str
    words: str
    action: str
    reset_action: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    type: EventType
    spots: list[GridButton]
    can_be_urgent: bool
    urgent: bool
    changed: bool


@dataclass(frozen=True, slots=True)
class Column:
    kind: str
    label: str
    missing: str


def list_columns(standing: EffectiveSettings) -> list[Column]:
    missing = standing.missing
    return [Column(kind.value, str(kind.label), missing[kind].short if kind in missing else "") for kind in Kind]


def list_categories(standing: EffectiveSettings, scope: Scope, urgent: Iterable[str]) -> list[tuple[str, list[Row]]]:
    """Return every row under its heading."""
    passing = set(urgent)
    return [
        (str(category.label), [build_row(standing, scope, each, each.name in passing) for each in types])
        for category, types in catalogue.group_by_category().items()
        if types
    ]


def build_row(standing: EffectiveSettings, scope: Scope, event_type: EventType, urgent: bool) -> Row:
    cells = [standing.build_cell(event_type.name, kind, scope) for kind in Kind]
    return Row(
        event_type,
        [_build_button(event_type, cell) for cell in cells],
        can_be_urgent(event_type.name),
        urgent,
        any(cell.own for cell in cells),
    )


def _choose_look(cell: SettingCell) -> str:
    """Return the style classes of a cell's button."""
    if not cell.usable:
        return "unset"
    looks = ["own" if cell.own else "default"]
    if cell.state == State.PARTLY:
        looks.append("partly")
    if cell.differs:
        looks.append("differs")
    return " ".join(looks)


def _build_button(event_type: EventType, cell: SettingCell) -> GridButton:
    kind = Kind(cell.channel)
    where = f"{cell.event_type} {cell.channel}"
    return GridButton(
        id=f"{cell.event_type}-{cell.channel}",
        name=gettext("%(event)s: %(channel)s") % {"event": event_type.label, "channel": kind.label},
        kind=kind.value,
        channel=str(kind.label),
        symbol=SYMBOLS[kind],
        look=_choose_look(cell),
        pressed=_PRESSED[cell.state],
        words="; ".join(filter(None, [cell.why, cell.differs])),
        action=f"{where} {'off' if cell.state == State.ON else 'on'}",
        reset_action=f"{where} default" if cell.own else "",
    )


def read(wish: str, standing: EffectiveSettings) -> list[Choice]:
    """Read the request of a button, `<event type or *> <channel or *> <on, off or default>`; empty if it is none.

    Of a whole row, only the channels that work are turned on or off.
    """
    words = wish.split()
    if len(words) != 3 or words[2] not in STATES:
        return []
    event_type, channel, state = words
    types = list(_list_all_types()) if event_type == ALL else [event_type]
    wanted = Kind.values if channel == ALL else [channel]
    if channel == ALL and STATES[state] is not None:
        wanted = [kind for kind in wanted if kind not in standing.missing]
    return [Choice(name, kind, STATES[state]) for name in types for kind in wanted]


def _list_all_types() -> Iterator[str]:
    return (each.name for types in catalogue.group_by_category().values() for each in types)


class _Subject(NamedTuple):
    """The part of the grid that a button changes."""

    one_type: bool
    one_channel: bool


_CELL, _ROW, _COLUMN, _GRID = _Subject(True, True), _Subject(True, False), _Subject(False, True), _Subject(False, False)
_DONE: dict[tuple[_Subject, str], Promise] = {
    (_CELL, "on"): _("%(event)s: %(channel)s is on"),
    (_CELL, "off"): _("%(event)s: %(channel)s is off"),
    (_CELL, "default"): _("%(event)s: %(channel)s is at its default again"),
    (_CELL, "general"): _("%(event)s: %(channel)s is as the general setting again"),
    (_ROW, "on"): _("%(event)s: all channels are on"),
    (_ROW, "off"): _("%(event)s: all channels are off"),
    (_ROW, "default"): _("%(event)s: all channels are at their defaults again"),
    (_ROW, "general"): _("%(event)s: all channels are as the general setting again"),
    (_COLUMN, "on"): _("%(channel)s for every event is on"),
    (_COLUMN, "off"): _("%(channel)s for every event is off"),
    (_COLUMN, "default"): _("%(channel)s for every event is at its default again"),
    (_COLUMN, "general"): _("%(channel)s for every event is as the general setting again"),
    (_GRID, "on"): _("Everything is on"),
    (_GRID, "off"): _("Everything is off"),
    (_GRID, "default"): _("Everything is at its default again"),
    (_GRID, "general"): _("Everything is as the general setting again"),
}


def describe(wish: str, scope: Scope, standing: EffectiveSettings) -> str:
    """Return what was done, in words: "Process is down: HipChat is on"."""
    event_type, channel, state = wish.split()
    subject = _Subject(event_type != ALL, channel != ALL)
    is_wide = scope == EVERYTHING
    done = str(_DONE[subject, "general" if state == "default" and not is_wide else state]) % {
        "event": catalogue.get_label(event_type),
        "channel": Kind(channel).label if subject.one_channel else "",
    }
    missing = [str(kind.label) for kind in Kind if kind in standing.missing]
    if state == "on" and not subject.one_channel and missing:
        words = ngettext(
            "%(done)s; not %(channels)s, which does not work yet",
            "%(done)s; not %(channels)s, which do not work yet",
            len(missing),
        )
        done = words % {"done": done, "channels": join_names(missing)}
    return done if is_wide else gettext("%(done)s, for %(scope)s") % {"done": done, "scope": str(scope)}
