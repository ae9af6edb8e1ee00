"""Explanations of hooks: every hook for one event, whether it was told and why; `people` has those of members."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from django.db.models import Count
from django.utils.translation import gettext

from hooks.explanations import verdicts, why_not
from hooks.explanations.facts import Facts
from hooks.explanations.verdicts import ToldState, Verdict
from hooks.models import Delivery, Hook
from hooks.presentation import delivery_lists, delivery_sentences
from notifications_project.words import number

# In this order the luckiest of a hook's e-mails speaks for all.
_ORDER = (Delivery.State.DELIVERED, Delivery.State.PENDING, Delivery.State.FAILED, Delivery.State.CANCELLED)


@dataclass(frozen=True)
class ExplainedHook:
    """`hook` is None if it was deleted: then its name is what it was called."""

    public_id: str
    name: str
    verdict: Verdict
    hook: Hook | None = None


def explain_hooks(facts: Facts, search: str = "") -> list[ExplainedHook]:
    """Explain every hook of the organization, and those that were told and are deleted: first who was told, by name."""
    counts, names = _count_by_hook(facts)
    webhooks = delivery_lists.load_back_off(facts.event.deliveries.filter(hook__kind=Hook.Kind.WEBHOOK))
    loaded = webhooks.select_related("endpoint").defer("endpoint__secrets")
    deliveries = {delivery.hook_id: delivery for delivery in loaded}
    existing = Hook.objects.existing().filter(organization=facts.organization)
    hooks = list(existing.select_related("endpoint").defer("endpoint__secrets").prefetch_related("resources"))
    rows = [
        ExplainedHook(
            hook.public_id, hook.name, _judge(facts, hook, deliveries.get(hook.pk), counts.get(hook.public_id)), hook
        )
        for hook in hooks
    ]
    deleted = counts.keys() - {hook.public_id for hook in hooks}
    rows += [ExplainedHook(public_id, names[public_id], _judge_deleted(counts[public_id])) for public_id in deleted]
    found = [row for row in rows if search.lower() in row.name.lower()]
    return sorted(found, key=lambda row: (not row.verdict.told, row.name.lower(), row.public_id))


def _count_by_hook(facts: Facts) -> tuple[dict[str, Counter[str]], dict[str, str]]:
    """Return the states of the deliveries that each hook asked for, and the hooks' names, by public id."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    names: dict[str, str] = {}
    # Most deliveries of an event have the same reasons: grouped, there are few.
    states = facts.event.deliveries.order_by().annotate(told=verdicts.make_state_expression())
    for reasons, state, count in states.values_list("reasons", "told").annotate(number=Count("pk")):
        for reason in reasons:
            if (public_id := str(reason.get("id", ""))).startswith("hook_"):
                counts[public_id][state] += count
                names[public_id] = str(reason.get("name"))
    return counts, names


def _judge(facts: Facts, hook: Hook, delivery: Delivery | None, counted: Counter[str] | None) -> Verdict:
    """Return the verdict on a hook: a webhook by its delivery, an e-mail hook by the states of its e-mails."""
    asks, is_test = hook.pk in facts.asking, facts.event.is_test
    if delivery is None and not counted:
        return _judge_untold(facts, hook, asks=asks)
    since = "" if asks or is_test else verdicts.would_not_be_told(why_not.explain_hook(facts, hook))
    if is_test:
        why = why_not.explain_test()
    else:
        why = gettext("It asks for this.") if asks else gettext("It asked for this.")
    if delivery is None:
        assert counted
        return Verdict(_find_state(counted), f"{why} {_describe_counts(counted)}", since)
    if delivery.state != Delivery.State.DELIVERED:
        described = delivery_sentences.describe_state(delivery, facts.now, facts.workers)
        why = f"{why} {verdicts.make_sentence(described)}"
    return Verdict(verdicts.find_state(delivery), why, since, delivery=delivery)


def _judge_deleted(counted: Counter[str]) -> Verdict:
    why = " ".join((gettext("It asked for this."), _describe_counts(counted)))
    return Verdict(_find_state(counted), why, gettext("Since then it was deleted."))


def _judge_untold(facts: Facts, hook: Hook, *, asks: bool) -> Verdict:
    if not asks:
        return Verdict(ToldState.NOT_TOLD, why_not.explain_hook(facts, hook))
    routed = facts.event.routed_at
    if routed is None:
        if hook.paused:
            return Verdict(ToldState.DUE, gettext("It asks for this. The delivery waits because the hook is paused."))
        if hook.endpoint and hook.endpoint.disabled_at:
            return Verdict(
                ToldState.DUE, gettext("It asks for this. The delivery waits because the endpoint is disabled.")
            )
        return Verdict(ToldState.DUE, gettext("It asks for this."))
    since = verdicts.would_be_told(gettext("It asks for this."))
    if hook.created_at > routed:
        return Verdict(ToldState.NOT_TOLD, gettext("It was added later."), since)
    if hook.kind == Hook.Kind.EMAIL:
        return Verdict(ToldState.NOT_TOLD, gettext("It asks for this, but it told nobody."))
    return Verdict(ToldState.NOT_TOLD, gettext("It did not ask for this when it was recorded."), since)


def _find_state(counted: Counter[str]) -> ToldState:
    return next(verdicts.OF_DELIVERY[state] for state in _ORDER if counted[state])


def _describe_counts(counted: Counter[str]) -> str:
    """Return how many deliveries are in each state: "Delivered: 12. Waiting: 2."."""
    words = ((delivery_sentences.make_delivery_badge(state).word, counted[state]) for state in _ORDER if counted[state])
    return " ".join(
        gettext("%(state)s: %(number)s.") % {"state": word, "number": number(count)} for word, count in words
    )
