"""The grid of *My notifications* as its templates show it: what a click on each of its buttons asks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from events import catalogue
from events.catalogue import EventType
from hooks.audience.quiet_times import can_be_urgent
from hooks.models import Channel
from hooks.preferences.effective import EffectiveSettings, SettingCell, State
from hooks.preferences.notification_settings import EVERYTHING, Choice, Scope

Kind = Channel.Kind
ALL = "*"
STATES = {"on": True, "off": False, "default": None}
SYMBOLS = {Kind.EMAIL: "mail", Kind.IOS: "phone", Kind.HIPCHAT: "chat", Kind.WEBHOOK: "hook"}
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


def columns(standing: EffectiveSettings) -> list[Column]:
    missing = standing.missing
    return [Column(kind.value, str(kind.label), missing[kind].short if kind in missing else "") for kind in Kind]


def categories(standing: EffectiveSettings, scope: Scope, urgent: Iterable[str]) -> list[tuple[str, list[Row]]]:
    """Every row under its heading."""
    passing = set(urgent)
    return [
        (str(category.label), [row(standing, scope, each, each.name in passing) for each in types])
        for category, types in catalogue.by_category().items()
        if types
    ]


def row(standing: EffectiveSettings, scope: Scope, event_type: EventType, urgent: bool) -> Row:
    cells = [standing.cell(event_type.name, kind, scope) for kind in Kind]
    return Row(
        event_type,
        [_spot(event_type, cell) for cell in cells],
        can_be_urgent(event_type.name),
        urgent,
        any(cell.own for cell in cells),
    )


def _spot(event_type: EventType, cell: SettingCell) -> GridButton:
    kind = Kind(cell.channel)
    where = f"{cell.event_type} {cell.channel}"
    looks = ["own" if cell.own else "default", "partly" * (cell.state == State.PARTLY), "differs" * bool(cell.differs)]
    return GridButton(
        id=f"{cell.event_type}-{cell.channel}",
        name=f"{event_type.label}: {kind.label}",
        kind=kind.value,
        channel=str(kind.label),
        symbol=SYMBOLS[kind],
        look=" ".join(filter(None, looks)) if cell.usable else "unset",
        pressed=_PRESSED[cell.state],
        words="; ".join(filter(None, [cell.why, cell.differs])),
        action=f"{where} {'off' if cell.state == State.ON else 'on'}",
        reset_action=f"{where} default" if cell.own else "",
    )


def read(wish: str, standing: EffectiveSettings) -> list[Choice]:
    """The request of one button: `<event type or *> <channel or *> <on, off or default>`; empty if it is none.

    Of a whole row, only the channels that work are turned on or off.
    """
    words = wish.split()
    if len(words) != 3 or words[2] not in STATES:
        return []
    event_type, channel, state = words
    types = list(_all_types()) if event_type == ALL else [event_type]
    wanted = Kind.values if channel == ALL else [channel]
    if channel == ALL and STATES[state] is not None:
        wanted = [kind for kind in wanted if kind not in standing.missing]
    return [Choice(name, kind, STATES[state]) for name in types for kind in wanted]


def _all_types() -> Iterator[str]:
    return (each.name for types in catalogue.by_category().values() for each in types)


def describe(wish: str, scope: Scope, standing: EffectiveSettings) -> str:
    """Return what was done, in words: "Process is down: HipChat is on"."""
    event_type, channel, state = wish.split()
    label = "" if event_type == ALL else catalogue.get_label(event_type)
    kind = "" if channel == ALL else Kind(channel).label
    wide = scope == EVERYTHING
    if label and kind:
        subject, many = f"{label}: {kind}", False
    elif label:
        subject, many = f"{label}: all channels", True
    elif kind:
        subject, many = f"{kind} for every event", False
    else:
        subject, many = "Everything", False
    back = "at its default again" if wide else "as the general setting again"
    back = back.replace("its default", "their defaults") if many else back
    said = f"{subject} {'are' if many else 'is'} {back if state == 'default' else state}"
    if state == "on" and channel == ALL and standing.missing:
        left = [str(Kind(each).label) for each in Kind.values if each in standing.missing]
        said += f"; not {' and '.join(left)}, which {'does' if len(left) == 1 else 'do'} not work yet"
    return said if wide else f"{said}, for {scope}"
