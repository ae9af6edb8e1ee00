"""Explanations of hooks: every hook for one event, whether it was told and why; `people` has those of members."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from django.db.models import Count

from events import catalogue
from hooks.explanations import verdicts
from hooks.explanations.people import TEST, Explanation
from hooks.explanations.verdicts import ToldState, Verdict
from hooks.models import Delivery, Hook
from hooks.presentation import delivery_lists, delivery_sentences, phrases
from hooks.routing import subjects

_WORDS = {
    Delivery.State.DELIVERED: "delivered",
    Delivery.State.PENDING: "waiting",
    Delivery.State.FAILED: "failed",
    Delivery.State.CANCELLED: "cancelled",
}


@dataclass(frozen=True)
class ExplainedHook:
    """`hook` is None if it was deleted: then its name is what it was called."""

    public_id: str
    name: str
    verdict: Verdict
    hook: Hook | None = None


def explain_hooks(explanation: Explanation, search: str = "") -> list[ExplainedHook]:
    """Every hook of the organization, and those that were told and are deleted: first who was told, then by name."""
    return _Hooks(explanation).explained(search)


class _Hooks:
    def __init__(self, explanation: Explanation) -> None:
        self.explanation, self.event = explanation, explanation.event
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.names: dict[str, str] = {}
        self.by: dict[str, str] = {}  # who tested it
        # Most deliveries of an event have the same reasons: grouped, there are few.
        states = self.event.deliveries.order_by().annotate(told=verdicts.build_state_expression())
        grouped = states.values_list("reasons", "told").annotate(number=Count("pk"))
        for reasons, state, number in grouped:
            for reason in reasons:
                if (public_id := str(reason.get("id", ""))).startswith("hook_"):
                    self.counts[public_id][state] += number
                    self.names[public_id] = str(reason.get("name"))
        webhooks = delivery_lists.load_back_off(self.event.deliveries.filter(hook__kind=Hook.Kind.WEBHOOK))
        loaded = webhooks.select_related("endpoint").defer("endpoint__secrets")
        self.deliveries = {delivery.hook_id: delivery for delivery in loaded}

    def explained(self, search: str) -> list[ExplainedHook]:
        existing = Hook.objects.existing().filter(organization=self.explanation.organization)
        hooks = list(existing.select_related("endpoint").defer("endpoint__secrets").prefetch_related("resources"))
        rows = [ExplainedHook(hook.public_id, hook.name, self._verdict(hook), hook) for hook in hooks]
        there = {hook.public_id for hook in hooks}
        deleted = self.counts.keys() - there
        rows += [ExplainedHook(public_id, self.names[public_id], self._of_deleted(public_id)) for public_id in deleted]
        found = [row for row in rows if search.lower() in row.name.lower()]
        return sorted(found, key=lambda row: (not row.verdict.told, row.name.lower(), row.public_id))

    def _verdict(self, hook: Hook) -> Verdict:
        delivery, counted = self.deliveries.get(hook.pk), self.counts.get(hook.public_id)
        asks = hook.pk in self.explanation.asking
        if delivery is None and not counted:
            return self._untold(hook, asks)
        since = "" if asks or self.event.is_test else f"Since then: would not be told: {self._why_not(hook)}."
        why = TEST if self.event.is_test else "it asks for this" if asks else "it asked for this"
        if delivery is None:
            assert counted
            return Verdict(
                _state(counted), verdicts.make_sentence(f"{why}. {_counted(counted, 'e-mail', 'e-mails')}"), since
            )
        more = ""
        if delivery.state != Delivery.State.DELIVERED:
            more = delivery_sentences.describe_state(delivery, self.explanation.now, self.explanation.workers)
        told = " ".join(map(verdicts.make_sentence, filter(None, [why, more])))
        return Verdict(verdicts.get_state(delivery), told, since, delivery=delivery)

    def _of_deleted(self, public_id: str) -> Verdict:
        counted = self.counts[public_id]
        return Verdict(
            _state(counted),
            f"It asked for this. {_counted(counted, 'message', 'messages')}.",
            "Since then: it was deleted.",
        )

    def _untold(self, hook: Hook, asks: bool) -> Verdict:
        if not asks:
            return Verdict(ToldState.NOT_TOLD, verdicts.make_sentence(self._why_not(hook)))
        routed = self.event.routed_at
        if routed is None:
            held = hook.paused or (hook.endpoint and hook.endpoint.disabled_at)
            waits = f" Waits: it is {'paused' if hook.paused else 'stopped'}." if held else ""
            return Verdict(ToldState.DUE, f"It asks for this.{waits}")
        since = "Since then: would be told, as it asks for this now."
        if hook.created_at > routed:
            return Verdict(ToldState.NOT_TOLD, "It was added later.", since)
        if hook.kind == Hook.Kind.EMAIL:
            return Verdict(ToldState.NOT_TOLD, "It asks for this, but nobody that it names was told by it.")
        return Verdict(ToldState.NOT_TOLD, "It did not ask for this when it was recorded.", since)

    def _why_not(self, hook: Hook) -> str:
        """Return why the hook does not ask for the event now."""
        event = self.event
        if event.is_test:
            return TEST
        if not hook.enabled:
            return "it is disabled, and matches nothing until it is enabled"
        if event.type not in catalogue.EVENT_TYPES:
            return f"{event.type} is not in the catalogue, and nothing asks for an unknown type"
        if hook.events is not None and event.type not in catalogue.expand(hook.events):
            if not hook.events:
                return "it asks for no event at all"
            return (
                f"it asks for other events: {phrases.join_names([catalogue.get_label(name) for name in hook.events])}"
            )
        if not self.explanation.rules.is_covered(hook, event):
            about = event.resource.name if event.resource else "no application or add-on"
            return f"it {verdicts.explain_restriction(hook)}, and this is about {about}"
        if subjects.find_subject_hook(event) == hook.public_id:
            return "news about a hook never go to that hook"
        return "it does not ask for this"


def _state(counted: Counter[str]) -> ToldState:
    """The luckiest of its e-mails speaks."""
    return next(verdicts.OF_DELIVERY[state] for state in _WORDS if counted[state])


def _counted(counted: Counter[str], one: str, many: str) -> str:
    """Count messages and their states: "12 e-mails delivered", "14 e-mails: 12 delivered and 2 waiting"."""
    total = sum(counted.values())
    messages = f"{total:,} {one if total == 1 else many}"
    found = [(counted[state], word) for state, word in _WORDS.items() if counted[state]]
    if len(found) == 1:
        return f"{messages} {found[0][1]}"
    return f"{messages}: {phrases.join_names([f'{number:,} {word}' for number, word in found])}"
