"""Sentences about hooks, for pages, API and mails. Pure: give a hook with its resources loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from events import catalogue
from hooks.audience.recipients import SkippedAddress, SkipReason
from hooks.models import Delivery, Endpoint, Hook, HookProblem
from hooks.presentation.conditions import has_lost_secret
from hooks.presentation.phrases import (
    capitalize,
    count_waiting,
    count_waiting_for_enabling,
    fill_waiting,
    join_names,
    show_address,
    write_until,
)
from notifications_project.accounts.roles import Role
from notifications_project.words import format_span, number

_PROBLEMS = {
    HookProblem.NO_TYPE: _("Nothing: no event type is chosen"),
    HookProblem.TYPES_GONE: _("Nothing: the event types that were chosen no longer exist"),
    HookProblem.RESOURCES_GONE: _("Nothing: it is restricted to applications and add-ons, and none of them is left"),
    HookProblem.RECIPIENTS_GONE: _("Nobody: the chosen recipients are gone"),
}
_HOLDERS = {
    Role.ADMIN: _("Administrators"),
    Role.MANAGER: _("Managers"),
    Role.DEVELOPER: _("Developers"),
    Role.ACCOUNTING: _("Accounting"),
}


def describe_hook(hook: Hook) -> str:
    """Return what the hook is told about: "Process is down and Job run failed, for shop and shop-db"."""
    if problem := hook.matching_problem:
        return str(_PROBLEMS[problem])
    labels = None if hook.events is None else [catalogue.get_label(name) for name in hook.events]
    events = gettext("Every event") if labels is None else join_names(labels)
    if not hook.restricted:
        return gettext("%(events)s, for every application and add-on") % {"events": events}
    archived = gettext("%(name)s (archived)")
    names = sorted(archived % {"name": each.name} if each.archived_at else each.name for each in hook.resources.all())
    return gettext("%(events)s, for %(names)s") % {"events": events, "names": join_names(names)}


def describe_pace(hook: Hook) -> str:
    """Return how its deliveries follow each other, if somebody chose it: "In strict order, at most 5 a second"."""
    lane = hook.endpoint.lane if hook.endpoint else None
    words = [gettext("in strict order")] if lane and lane.ordered else []
    if lane and lane.rate:
        if lane.rate >= 1:
            words.append(gettext("at most %(number)s a second") % {"number": number_format(f"{lane.rate:g}")})
        else:
            words.append(gettext("at most one in %(span)s") % {"span": format_span(1 / lane.rate)})
        if lane.burst > 1:
            words.append(gettext("up to %(number)s at once after a pause") % {"number": lane.burst})
    return capitalize(", ".join(words))


def describe_recipients(hook: Hook) -> str:
    """Return the recipients of an e-mail hook: "Every member", "Managers and ops@example.org"."""
    if hook.notify_members:
        return join_names([gettext("Every member"), *hook.notify_addresses])
    roles = [write_holders(role).lower() for role in Role if role.value in hook.notify_roles]
    people = sorted(str(user) for user in hook.notify_users.all())
    whom = join_names([*roles, *people, *hook.notify_addresses], most=6)
    return capitalize(whom) if roles else whom or str(_PROBLEMS[HookProblem.RECIPIENTS_GONE])


def describe_silent(silent: Sequence[SkippedAddress]) -> str:
    """Count the recipients of a hook who are not told: "2 unsubscribed, 1 waits for confirmation"."""
    counts = Counter(each.why for each in silent)
    words = []
    if count := counts[SkipReason.UNSUBSCRIBED]:
        words.append(ngettext("%(number)s unsubscribed", "%(number)s unsubscribed", count) % {"number": number(count)})
    if count := counts[SkipReason.UNCONFIRMED]:
        waiting = ngettext("%(number)s waits for confirmation", "%(number)s wait for confirmation", count)
        words.append(waiting % {"number": number(count)})
    if count := counts[SkipReason.STOPPED]:
        refused = ngettext(
            "%(number)s address is refused by the mail server",
            "%(number)s addresses are refused by the mail server",
            count,
        )
        words.append(refused % {"number": number(count)})
    if count := counts[SkipReason.FAILING]:
        failing = ngettext(
            "all mail to %(number)s address is refused", "all mail to %(number)s addresses is refused", count
        )
        words.append(failing % {"number": number(count)})
    return ", ".join(words)


def write_holders(role: Role) -> str:
    """Return the people with a role: "Administrators", "Accounting"."""
    return str(_HOLDERS[role])


def describe_trouble(hook: Hook, waiting: int, next_try: datetime | None, now: datetime) -> str:
    """Return the trouble of a hook after its name: "Ops room has not answered well for 3 h. 2 deliveries wait …"."""
    endpoint = hook.endpoint
    assert endpoint is not None
    name = {"name": hook.name}
    if endpoint.disabled_at:
        said = gettext("%(name)s was disabled.") % name
        why = f"{endpoint.disabled_reason.rstrip('.')}." if endpoint.disabled_reason else ""
        return " ".join(filter(None, [said, why, count_waiting_for_enabling(waiting)]))
    if has_lost_secret(endpoint):
        said = gettext("No key in ENCRYPTION_KEYS reads the secret of %(name)s.") % name
        then = ngettext(
            "%(number)s delivery waits until there is a new secret, or the old key is back.",
            "%(number)s deliveries wait until there is a new secret, or the old key is back.",
            waiting,
        )
        return f"{said} {fill_waiting(then, waiting)}"
    since = endpoint.failing_since or now
    said = gettext("%(name)s has not answered well for %(span)s.") % {
        **name,
        "span": format_span((now - since).total_seconds()),
    }
    retried = gettext("Next try: %(time)s.") % {"time": write_until(next_try, now)} if waiting and next_try else ""
    return " ".join(filter(None, [said, count_waiting(waiting), retried]))


def describe_enabling(delivery: Delivery, hook: Hook) -> str:
    """Return what a test means for an endpoint that was disabled when it was sent; empty for any other test."""
    return describe_enabling_of(hook.name, hook.endpoint, delivery, paused=hook.paused)


def describe_enabling_of(name: str, endpoint: Endpoint | None, delivery: Delivery, *, paused: bool = False) -> str:
    """Return what a test means for a disabled endpoint of that name."""
    if endpoint is None or not any(reason.get("enables") for reason in delivery.reasons):
        return ""
    if delivery.state == Delivery.State.DELIVERED and endpoint.disabled_at is None:
        text = (
            gettext("%(name)s is enabled again. What waits is sent when it is resumed.")
            if paused
            else gettext("%(name)s is enabled again. What waited is sent now.")
        )
    elif endpoint.disabled_at is None:
        text = gettext("%(name)s was enabled again meanwhile.")
    elif delivery.state == Delivery.State.PENDING:
        text = gettext("%(name)s is disabled. If the test succeeds, it is enabled again.")
    else:
        text = gettext("%(name)s stays disabled. Only a successful test enables it again.")
    return text % {"name": name}


def describe_loss(hook: Hook, people: int) -> str:
    """Return what ends when the hook is deleted: "14 members no longer get e-mails about …"."""
    if hook.matching_problem:
        return gettext("It matches nothing at the moment, so nothing ends.")
    about = {"events": describe_hook(hook), "number": number(people)}
    if hook.kind == Hook.Kind.WEBHOOK:
        assert hook.endpoint is not None
        about["address"] = show_address(hook.endpoint)
        return gettext("%(address)s is no longer told about: %(events)s.") % about
    if hook.notify_addresses:
        text = ngettext(
            "%(number)s person no longer gets e-mails about: %(events)s.",
            "%(number)s people no longer get e-mails about: %(events)s.",
            people,
        )
    else:
        text = ngettext(
            "%(number)s member no longer gets e-mails about: %(events)s.",
            "%(number)s members no longer get e-mails about: %(events)s.",
            people,
        )
    return text % about
