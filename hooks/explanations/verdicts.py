"""Verdicts of an explanation on one hook, or on one member by one channel, and their words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, F, Q, TextChoices, Value, When
from django.utils.translation import gettext, pgettext_lazy

from events.models import Event
from hooks.audience.choices import Breadth
from hooks.messages import RuleKind
from hooks.models import Channel, Delivery, Hook
from hooks.presentation import delivery_sentences
from hooks.presentation.conditions import Badge
from hooks.presentation.phrases import capitalize, join_names
from notifications_project.words import format_hour_and_day


class ToldState(TextChoices):
    """Told or not; the API names it by its value, pages by its label."""

    DUE = "due", pgettext_lazy("explanation", "To be told")  # not decided yet, but this is what the rules say
    TOLD = "told", pgettext_lazy("explanation", "Told")
    WAITING = "waiting", pgettext_lazy("explanation", "Waiting")
    FAILED = "failed", pgettext_lazy("explanation", "Failed")
    CANCELLED = "cancelled", pgettext_lazy("explanation", "Cancelled")
    NOT_TOLD = "not_told", pgettext_lazy("explanation", "Not told")


_TONES = {
    ToldState.DUE: "info",
    ToldState.TOLD: "good",
    ToldState.WAITING: "warn",
    ToldState.FAILED: "bad",
}
OF_DELIVERY = {
    Delivery.State.DELIVERED: ToldState.TOLD,
    Delivery.State.PENDING: ToldState.WAITING,
    Delivery.State.FAILED: ToldState.FAILED,
    Delivery.State.CANCELLED: ToldState.CANCELLED,
}
_IN_DIGEST = Q(state=Delivery.State.CANCELLED, digest__isnull=False)
TELLS = Q(state__in=[Delivery.State.DELIVERED, Delivery.State.PENDING]) | _IN_DIGEST  # deliveries that count as telling


@dataclass(frozen=True)
class Verdict:
    """Told or not, and why, in sentences. `since`: what the rules would decide now, where that is something else."""

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
        return Badge(str(self.state.label), _TONES.get(self.state, ""))

    @property
    def channel_name(self) -> str:
        return name_channel(self.channel) if self.channel else ""


def find_state(delivery: Delivery) -> ToldState:
    """Return the state of a delivery; one that was told in a digest counts as told."""
    return ToldState.TOLD if delivery.is_told_in_digest else OF_DELIVERY[Delivery.State(delivery.state)]


def make_state_expression() -> Case:
    """Return a query's expression of each delivery's state; of what was told in a digest, that it was delivered."""
    return Case(When(_IN_DIGEST, then=Value(str(Delivery.State.DELIVERED))), default=F("state"))


def name_channel(kind: str) -> str:
    return str(Channel.Kind(kind).label)


def name_scope(event: Event, breadth: str) -> str:
    """Return how far a choice reaches, as people call it: "shop", "Acme", "everything"."""
    if breadth == Breadth.RESOURCE:
        return event.resource.name if event.resource else gettext("an application or add-on that is gone")
    return event.organization.name if breadth == Breadth.ORGANIZATION else gettext("everything")


def explain_reasons(event: Event, reasons: Sequence[Mapping[str, Any]]) -> str:
    """Return a sentence for each rule that asked; several hooks share one."""
    hooks = [
        gettext("“%(name)s”") % {"name": each.get("name")} for each in reasons if each.get("rule") == RuleKind.HOOK
    ]
    sentences = []
    if len(hooks) > 1:
        sentences.append(gettext("The hooks %(names)s ask for it.") % {"names": join_names(hooks)})
        reasons = [each for each in reasons if each.get("rule") != RuleKind.HOOK]
    sentences += [_explain_reason(event, each) for each in reasons]
    return " ".join(sentences) or gettext("No rule asks for it any more.")


def _explain_reason(event: Event, reason: Mapping[str, Any]) -> str:
    if reason.get("rule") == RuleKind.SETTING and reason.get("name"):
        scope = {"scope": name_scope(event, reason["name"])}
        return gettext("The member’s own setting for %(scope)s asks for it.") % scope
    return make_sentence(delivery_sentences.describe_reason(reason))


def have_same_rules(one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> bool:
    """Return True if the same rules asked; a hook that was renamed is the same."""
    keys = [{(reason.get("rule"), reason.get("id") or reason.get("name")) for reason in each} for each in (one, other)]
    return keys[0] == keys[1]


def describe_quiet(kind: str, until: datetime, snoozed: bool) -> str:
    """Return a sentence such as "E-mail is snoozed until 14:05.", in the reader's own time."""
    about = {"channel": name_channel(kind), "time": format_hour_and_day(until)}
    if snoozed:
        return gettext("%(channel)s is snoozed until %(time)s.") % about
    return gettext("%(channel)s has quiet hours until %(time)s.") % about


def would_be_told(why: str) -> str:
    """Return what the rules say now, where that is something else than what happened. `why`: sentences."""
    return " ".join(filter(None, [gettext("With today’s settings: told."), why]))


def would_not_be_told(why: str) -> str:
    return " ".join(filter(None, [gettext("With today’s settings: not told."), why]))


def name_resources(hook: Hook) -> str:
    """Return the names of the resources that a hook is restricted to; empty if none is left. Load them."""
    return join_names(sorted(resource.name for resource in hook.resources.all()))


def make_sentence(text: str) -> str:
    """Return a clause as a sentence: with a capital, and with a full stop if it has none."""
    text = capitalize(text)
    return text if text.endswith((".", "?", "!")) else f"{text}."
