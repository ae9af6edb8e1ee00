"""Verdicts of an explanation on one hook, or on one member by one channel, and their words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from events.models import Event
from hooks.audience.choices import Breadth
from hooks.messages import RuleKind
from hooks.models import Channel, Delivery, Hook
from hooks.presentation import delivery_sentences, phrases
from hooks.presentation.conditions import Badge


class ToldState(StrEnum):
    DUE = "due"  # not decided yet, but this is what the rules say
    TOLD = "told"
    WAITING = "waiting"
    FAILED = "failed"
    CANCELLED = "cancelled"
    NOT_TOLD = "not_told"


_BADGES = {
    ToldState.DUE: Badge("To be told", "info"),
    ToldState.TOLD: Badge("Told", "good"),
    ToldState.WAITING: Badge("Waits", "warn"),
    ToldState.FAILED: Badge("Failed", "bad"),
    ToldState.CANCELLED: Badge("Cancelled"),
    ToldState.NOT_TOLD: Badge("Not told"),
}
OF_DELIVERY = {
    Delivery.State.DELIVERED: ToldState.TOLD,
    Delivery.State.PENDING: ToldState.WAITING,
    Delivery.State.FAILED: ToldState.FAILED,
    Delivery.State.CANCELLED: ToldState.CANCELLED,
}
_NAMES = {Channel.Kind.EMAIL: "e-mail", Channel.Kind.WEBHOOK: "the webhook"}
_IN_DIGEST = Q(state=Delivery.State.CANCELLED, digest__isnull=False)
TELLS = Q(state__in=[Delivery.State.DELIVERED, Delivery.State.PENDING]) | _IN_DIGEST  # deliveries that count as telling


@dataclass(frozen=True)
class Verdict:
    """Told or not, and why. `since`: what the rules would decide now, where that is something else."""

    state: ToldState
    why: str
    since: str = ""
    channel: str = ""
    delivery: Delivery | None = None

    @property
    def told(self) -> bool:
        return self.state in {ToldState.DUE, ToldState.TOLD, ToldState.WAITING}

    @property
    def badge(self) -> Badge:
        return _BADGES[self.state]

    @property
    def channel_name(self) -> str:
        return str(Channel.Kind(self.channel).label) if self.channel else ""


def get_state(delivery: Delivery) -> ToldState:
    """Return the state of a delivery; one that was told in a digest counts as told."""
    return ToldState.TOLD if delivery.is_told_in_digest else OF_DELIVERY[Delivery.State(delivery.state)]


def build_state_expression() -> Case:
    """The state of each delivery of a query; of what was told in a digest, that it was delivered."""
    return Case(When(_IN_DIGEST, then=Value(str(Delivery.State.DELIVERED))), default=F("state"))


def describe_kind(kind: str) -> str:
    """A channel within a sentence: "e-mail", "HipChat", "the webhook"."""
    return _NAMES.get(Channel.Kind(kind), str(Channel.Kind(kind).label))


def describe_scope(event: Event, breadth: str) -> str:
    """Return how far a choice reaches, as people call it: "shop", "Acme", "everything"."""
    if breadth == Breadth.RESOURCE:
        return event.resource.name if event.resource else "an application or add-on that is gone"
    return event.organization.name if breadth == Breadth.ORGANIZATION else str(breadth)


def explain_reasons(event: Event, reasons: Sequence[Mapping[str, Any]]) -> str:
    """Every rule that asked: "the hooks “Ops” and “Shop” ask for it, and members get such e-mails by default"."""
    hooks = [f"“{reason.get('name')}”" for reason in reasons if reason.get("rule") == RuleKind.HOOK]
    asking = f"the hooks {phrases.join_names(hooks)} ask for it" if len(hooks) > 1 else ""
    rest = [_rule(event, reason) for reason in reasons if not asking or reason.get("rule") != RuleKind.HOOK]
    return ", and ".join(filter(None, [asking, *rest])) or "no rule asks for it any more"


def _rule(event: Event, reason: Mapping[str, Any]) -> str:
    if reason.get("rule") == RuleKind.SETTING and reason.get("name"):
        return f"the member’s own setting for {describe_scope(event, reason['name'])} asks for it"
    return delivery_sentences.describe_reason(reason)


def has_same_rules(one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> bool:
    """Return True if the same rules asked; a hook that was renamed is the same."""
    keys = [{(reason.get("rule"), reason.get("id") or reason.get("name")) for reason in each} for each in (one, other)]
    return keys[0] == keys[1]


def describe_quiet(kind: str, until: datetime, snoozed: bool) -> str:
    """Return text such as "e-mail is snoozed until 14:05", in the reader's own time."""
    local = timezone.localtime(until)
    when = f"{local:%H:%M}" if local.date() == timezone.localdate() else f"{local.day} {local:%b, %H:%M}"
    return f"{describe_kind(kind)} {'is snoozed' if snoozed else 'has quiet hours'} until {when}"


def explain_restriction(hook: Hook) -> str:
    """Return why a restricted hook does not ask for an event, to follow its name. Load its resources."""
    names = sorted(resource.name for resource in hook.resources.all())
    if not names:
        return "matches nothing: it is restricted to applications and add-ons, and to none that is there"
    return f"is restricted to {phrases.join_names(names)}"


def make_sentence(text: str) -> str:
    """Return the text with a capital, and with a full stop if it has none."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!")) else f"{text}."
