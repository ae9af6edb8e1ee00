"""Sentences about hooks and deliveries for pages, API and mails. Pure: give a hook with its resources loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.utils import timezone

from events import catalogue
from hooks.audience.recipients import SkippedAddress, SkipReason
from hooks.endpoints.options import shown_url
from hooks.formats import FORMATS, LIMITED_HOSTS
from hooks.messages import RuleKind
from hooks.models import Delivery, Endpoint, Hook, HookProblem
from hooks.queue.lanes import AT_ONCE
from hooks.queue.outcomes import MOST_TRIES
from notifications_project.accounts.roles import Role
from notifications_project.masking import mask_to_host
from notifications_project.words import span

_NAMED = 4  # more names than this become "and 7 more"


class Condition(StrEnum):
    """The state of a hook or a channel; the API names it by this value."""

    DISABLED = "disabled"
    STOPPED = "stopped"
    PAUSED = "paused"
    SECRET_LOST = "secret lost"  # noqa: S105  (a state)
    MATCHES_NOTHING = "matches nothing"
    FAILING = "failing"
    ON = "on"
    NEEDS_NEW_URL = "needs a new url"
    NOT_USED = "not used yet"
    REFUSED = "refused"
    NOT_REACHED = "not reached yet"
    HEALTHY = "healthy"
    QUIET = "quiet"
    NOT_SET_UP = "not set up"
    NOT_AVAILABLE = "not available here"


@dataclass(frozen=True)
class Badge:
    """A state in one word, with the tone that colours it: good, bad, warn, info or nothing."""

    word: str
    tone: str = ""
    why: str = ""


@dataclass(frozen=True)
class ConditionBadge(Badge):
    """A badge that says which condition it stands for."""

    condition: Condition = Condition.ON


_CONDITIONS = {
    Condition.DISABLED: ("Disabled", ""),
    Condition.STOPPED: ("Stopped", "bad"),
    Condition.PAUSED: ("Paused", "info"),
    Condition.SECRET_LOST: ("Secret lost", "bad"),
    Condition.MATCHES_NOTHING: ("Matches nothing", "warn"),
    Condition.FAILING: ("Failing", "bad"),
    Condition.ON: ("On", "good"),
    Condition.NEEDS_NEW_URL: ("Needs a new URL", "bad"),
    Condition.NOT_USED: ("Not used yet", ""),
    Condition.REFUSED: ("Refused", "warn"),
    Condition.NOT_REACHED: ("Not reached yet", "warn"),
    Condition.HEALTHY: ("Healthy", "good"),
    Condition.QUIET: ("Quiet", "info"),
    Condition.NOT_SET_UP: ("Not set up", ""),
    Condition.NOT_AVAILABLE: ("Not available here", "warn"),
}
_PROBLEMS = {
    HookProblem.NO_TYPE: "Nothing: no event type is chosen",
    HookProblem.TYPES_GONE: "Nothing: the event types it asks for no longer exist",
    HookProblem.RESOURCES_GONE: "Nothing: it is restricted to applications and add-ons, and to none that is there",
    HookProblem.RECIPIENTS_GONE: "Nobody: who was chosen is gone",
}


def condition_badge(condition: Condition, why: str = "") -> ConditionBadge:
    word, tone = _CONDITIONS[condition]
    return ConditionBadge(word, tone, why, condition)


def secret_lost_badge() -> ConditionBadge:
    return condition_badge(Condition.SECRET_LOST, "No key in ENCRYPTION_KEYS reads its secret: make a new one.")


def listed(names: Sequence[str], most: int = _NAMED) -> str:
    """Names in a sentence: "a", "a and b", "a, b and c", and for long ones "a, b, c and 7 more"."""
    shown = list(names) if len(names) <= most else [*names[: most - 1], f"{len(names) - most + 1} more"]
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


# --- Hooks ---------------------------------------------------------------------------------------------------


def describe_hook(hook: Hook) -> str:
    """Return what the hook is told about: "Process is down and Job run failed, for shop and shop-db"."""
    if problem := hook.matching_problem:
        return _PROBLEMS[problem]
    events = "Every event" if hook.events is None else listed([catalogue.get_label(name) for name in hook.events])
    if not hook.restricted:
        return f"{events}, for every application and add-on"
    names = sorted(f"{each.name} (archived)" if each.archived_at else each.name for each in hook.resources.all())
    return f"{events}, for {listed(names)}"


def describe_pace(hook: Hook) -> str:
    """Return how its deliveries follow each other, if somebody chose it: "In strict order, at most 5 a second"."""
    lane = hook.endpoint.lane if hook.endpoint else None
    order = "in strict order" if lane and lane.ordered else ""
    rate = ""
    if lane and lane.rate:
        rate = f"at most {lane.rate:g} a second" if lane.rate >= 1 else f"at most one in {span(1 / lane.rate)}"
        rate += f", up to {lane.burst} at once after a pause" if lane.burst > 1 else ""
    words = ", ".join(filter(None, [order, rate]))
    return f"{words[:1].upper()}{words[1:]}"


def describe_recipients(hook: Hook) -> str:
    """Return the recipients of an e-mail hook: "Every member", "Admins and managers, Ada and ops@example.org"."""
    if hook.notify_members:
        return listed(["Every member", *hook.notify_addresses])
    roles = [who_has(role).lower() for role in Role if role.value in hook.notify_roles]
    people = sorted(str(user) for user in hook.notify_users.all())
    whom = listed([*roles, *people, *hook.notify_addresses], most=6)
    return f"{whom[:1].upper()}{whom[1:]}" if roles else whom or _PROBLEMS[HookProblem.RECIPIENTS_GONE]


def describe_silent(silent: Sequence[SkippedAddress]) -> str:
    """Count the recipients of a hook who are not told: "2 unsubscribed, 1 waits for confirmation"."""
    counts = Counter(each.why for each in silent)
    waiting, stopped, failing = counts[SkipReason.UNCONFIRMED], counts[SkipReason.STOPPED], counts[SkipReason.FAILING]
    words = [
        f"{counts[SkipReason.UNSUBSCRIBED]} unsubscribed" if counts[SkipReason.UNSUBSCRIBED] else "",
        f"{waiting} {'waits' if waiting == 1 else 'wait'} for confirmation" if waiting else "",
        f"{stopped} {'address is' if stopped == 1 else 'addresses are'} refused by the mail server" if stopped else "",
        f"all mail to {failing} {'address is' if failing == 1 else 'addresses is'} refused" if failing else "",
    ]
    return ", ".join(filter(None, words))


def who_has(role: Role) -> str:
    """People with a role: "Admins", "Accounting"."""
    return str(role.label) if role == Role.ACCOUNTING else f"{role.label}s"


def hook_state(hook: Hook) -> ConditionBadge:
    """The one state that matters most. A webhook comes with its endpoint loaded."""
    endpoint = hook.endpoint
    if not hook.enabled:
        return condition_badge(Condition.DISABLED, "It matches nothing until it is enabled.")
    if endpoint and endpoint.disabled_at:
        why = endpoint.disabled_reason or "Its address did not answer for too long."
        return condition_badge(Condition.STOPPED, why)
    if hook.paused:
        return condition_badge(Condition.PAUSED, "It still matches; its deliveries wait until it is resumed.")
    if endpoint and has_lost_secret(endpoint):
        return secret_lost_badge()
    if hook.problem:
        return condition_badge(Condition.MATCHES_NOTHING)
    if endpoint and endpoint.failing_since:
        return condition_badge(Condition.FAILING, endpoint.last_answer)
    return endpoint_state(endpoint) if endpoint else condition_badge(Condition.ON)


def has_lost_secret(endpoint: Endpoint) -> bool:
    """Return True if no key of ENCRYPTION_KEYS reads its secrets: nothing can be sent until there are new ones."""
    return endpoint.is_lost(endpoint.secrets)


def endpoint_state(endpoint: Endpoint) -> ConditionBadge:
    """The state of one that is neither stopped nor failing: by its URL, then by what it answered."""
    known = FORMATS.get(endpoint.format)
    if known and (problem := known.problem_with_url(endpoint.whole_address)):
        return condition_badge(Condition.NEEDS_NEW_URL, problem)
    if endpoint.last_attempt_at is None:
        return condition_badge(Condition.NOT_USED)
    if endpoint.failed:
        return condition_badge(Condition.REFUSED, f"It refused the last delivery: {endpoint.last_answer}")
    if endpoint.last_delivered_at is None:
        return condition_badge(Condition.NOT_REACHED, endpoint.last_answer)
    return condition_badge(Condition.HEALTHY)


def needs_attention(hook: Hook) -> bool:
    """Return True if the hook's endpoint is in trouble although it should be told."""
    endpoint = hook.endpoint
    if endpoint is None or not hook.enabled:
        return False
    return bool(endpoint.disabled_at or (not hook.paused and (endpoint.failing_since or has_lost_secret(endpoint))))


def trouble(hook: Hook, waiting: int, next_try: datetime | None, now: datetime) -> str:
    """Return the trouble of a hook, to follow its name: "has not answered well for 3 h …"."""
    endpoint = hook.endpoint
    assert endpoint is not None
    wait = f"{waiting:,} {'delivery waits' if waiting == 1 else 'deliveries wait'}" if waiting else "Nothing waits"
    if endpoint.disabled_at:
        why = f" {endpoint.disabled_reason.rstrip('.')}." if endpoint.disabled_reason else ""
        return f"was stopped.{why} {wait} for it to be enabled again."
    if has_lost_secret(endpoint):
        return f"has a secret that no key in ENCRYPTION_KEYS reads. {wait} for a new secret, or for the old key."
    since = endpoint.failing_since or now
    after = f"; the next try is {until(next_try, now)}" if waiting and next_try else ""
    return f"has not answered well for {span((now - since).total_seconds())}. {wait}{after}."


def describe_enabling(delivery: Delivery, hook: Hook) -> str:
    """Return what a test means for an endpoint that was disabled when it was sent; empty for any other test."""
    return describe_enabling_of(hook.name, hook.endpoint, delivery, paused=hook.paused)


def describe_enabling_of(name: str, endpoint: Endpoint | None, delivery: Delivery, *, paused: bool = False) -> str:
    """Return what a test means for a disabled endpoint of that name."""
    if endpoint is None or not any(reason.get("enables") for reason in delivery.reasons):
        return ""
    if delivery.state == Delivery.State.DELIVERED and endpoint.disabled_at is None:
        then = "what waits goes out when it is resumed" if paused else "what waited goes out now"
        return f"{name} has been put to work again: {then}."
    if endpoint.disabled_at is None:
        return f"{name} was put to work again meanwhile."
    if delivery.state == Delivery.State.PENDING:
        return f"{name} was stopped. If the test succeeds, it is put to work again."
    return f"{name} stays stopped: only a test that succeeds puts it to work again."


def describe_loss(hook: Hook, people: int) -> str:
    """Return what ends when the hook is deleted: "14 members stop getting e-mails about …"."""
    if hook.matching_problem:
        return "It matches nothing at the moment, so nothing stops."
    about = describe_hook(hook)
    if hook.kind == Hook.Kind.WEBHOOK:
        assert hook.endpoint is not None
        return f"{where(hook.endpoint)} is no longer told about: {about}."
    only_members = not hook.notify_addresses
    who = "member" if only_members else "person"
    many = "members" if only_members else "people"
    stop = f"1 {who} stops" if people == 1 else f"{people:,} {many} stop"
    return f"{stop} getting e-mails about: {about}."


def until(when: datetime, now: datetime) -> str:
    """Return a time in words: "now" or "in 4 min"."""
    return "now" if when <= now + timedelta(seconds=1) else f"in {span((when - now).total_seconds())}"


def where(endpoint: Endpoint, *, secret: bool = False) -> str:
    """An address as everybody may read it: of a URL its host. `secret`: as who manages hooks may, still masked."""
    if endpoint.kind == Endpoint.Kind.EMAIL:
        return endpoint.address
    return shown_url(endpoint) if secret else mask_to_host(endpoint.address)


# --- Deliveries ----------------------------------------------------------------------------------------------


def describe_reason(reason: Mapping[str, Any], *, own: bool = False) -> str:
    """Return one rule that asked for a delivery, to follow "Told because". `own`: said to its recipient."""
    name, rule = reason.get("name"), reason.get("rule")
    if rule == RuleKind.HOOK:
        return f"the hook “{name}” asks for it"
    if rule == RuleKind.SETTING:
        return "you turned it on" if own else "the member's own setting asks for it"
    if rule == RuleKind.DEFAULT:
        return "members get such e-mails by default"
    if rule == RuleKind.ROLE:
        return "admins and managers are told about trouble with hooks"
    if rule == RuleKind.DIGEST:
        return "it waited for the end of a quiet time, with others"
    if rule == RuleKind.TEST:
        return f"{reason.get('by') or 'somebody'} pressed Test"
    return f"{name or 'a rule'} asks for it"


def describe_reasons(reasons: Sequence[Mapping[str, Any]], *, own: bool = False) -> str:
    """A sentence, "Told because …", with every rule that asked. `own`: said to whom it goes."""
    if not reasons:
        return "No rule asks for it any more."
    return f"Told because {listed([describe_reason(reason, own=own) for reason in reasons])}."


_STATES = {
    Delivery.State.PENDING: Badge("Waiting", "warn"),
    Delivery.State.DELIVERED: Badge("Delivered", "good"),
    Delivery.State.FAILED: Badge("Failed", "bad"),
    Delivery.State.CANCELLED: Badge("Cancelled"),
}


def delivery_badge(state: str) -> Badge:
    return _STATES[Delivery.State(state)]


def describe_state(delivery: Delivery, now: datetime | None = None, workers: Callable[[], bool] = lambda: True) -> str:
    """Return the next step of a delivery: "Next try in 4 min, attempt 4 of 10".

    It uses its lane's back-off if that is loaded. `workers` says whether any is running, and is asked only if that
    decides.
    """
    now = now or timezone.now()
    if delivery.state == Delivery.State.DELIVERED:
        return "Delivered" if delivery.tries <= 1 else f"Delivered at attempt {delivery.tries}"
    if delivery.state == Delivery.State.FAILED:
        tries = f"after {delivery.tries} {'attempt' if delivery.tries == 1 else 'attempts'}"
        return f"Failed {tries}: {delivery.outcome}" if delivery.outcome else f"Failed {tries}"
    if delivery.is_told_in_digest:
        return delivery.outcome
    if delivery.state == Delivery.State.CANCELLED:
        return f"Cancelled: {delivery.outcome}" if delivery.outcome else "Cancelled"
    if delivery.due_at is None:
        return f"Waits: {'its hook is paused or ' if delivery.hook_id else ''}its address is stopped"
    if _is_secret_lost(delivery):
        return "Waits for a new secret: no key in ENCRYPTION_KEYS reads the one that it has"
    when = next_try(delivery, now)
    if when is None:
        push = delivery.endpoint.kind == Endpoint.Kind.DEVICE
        return "Waits for a push key (APNS_KEY)" if push else "Waits for a mail server (EMAIL_URL)"
    if _is_quiet(delivery) and when > now:
        return f"Waits for the end of a quiet time, {until(when, now)}"
    attempt = f"attempt {delivery.tries - delivery.extra_tries + 1} of {MOST_TRIES}"
    if delivery.due_at == AT_ONCE and delivery.scheduled_at:
        attempt = "an extra attempt"
    if when > now:
        held = f"{why}. " if (why := _why_held(delivery, when)) else ""
        return f"{held}Next try {until(when, now)}, {attempt}"
    return f"To be sent now, {attempt}" if workers() else "Waits for a worker"


def next_try(delivery: Delivery, now: datetime | None = None) -> datetime | None:
    """Return when the delivery may next be tried: due, and neither its lane nor its transport backing off.

    None: nobody knows, because it is held, there is no mail server or push key for it, or it is settled.
    The back-off is known of deliveries that come from `overview.with_back_off`.
    """
    if delivery.due_at is None or lacks_mail_server(delivery) or lacks_push_key(delivery):
        return None
    if _is_secret_lost(delivery):
        return None
    transport: datetime | None = getattr(delivery, "transport_held", None)
    if delivery.due_at == AT_ONCE:  # somebody asked for it: its lane does not hold it
        return max(filter(None, [now or timezone.now(), transport]))
    lane = delivery.lane.not_before if "lane" in delivery._state.fields_cache else None
    return max(filter(None, [delivery.quiet_until if _is_quiet(delivery) else delivery.due_at, lane, transport]))


def _why_held(delivery: Delivery, when: datetime) -> str:
    """Return why a service takes nothing of anybody until then, if the delivery waits for that."""
    held: datetime | None = getattr(delivery, "transport_held", None)
    if held != when or delivery.lane.transport not in LIMITED_HOSTS:
        return ""
    return str(getattr(delivery, "transport_trouble", "") or "")


def _is_quiet(delivery: Delivery) -> bool:
    """Return True if the delivery waits for a quiet time to end, and not for a retry."""
    return delivery.quiet_until is not None and not delivery.tries


def _is_secret_lost(delivery: Delivery) -> bool:
    stored = getattr(delivery, "secrets_stored", None)
    return stored is not None and delivery.endpoint.is_lost(stored)


def lacks_mail_server(delivery: Delivery) -> bool:
    return delivery.endpoint.kind == Endpoint.Kind.EMAIL and not settings.MAIL_CONFIGURED


def lacks_push_key(delivery: Delivery) -> bool:
    return delivery.endpoint.kind == Endpoint.Kind.DEVICE and not settings.PUSH_CONFIGURED


_ADVICE = {
    "400": "The receiver does not understand the body. Check that the format is the one it expects.",
    "413": "The body is larger than the receiver takes.",
    "422": "The receiver does not understand the body. Check that the format is the one it expects.",
    "429": "The receiver asks for fewer requests. Deliveries slow down and go on by themselves.",
    "connection": "Check that the receiver runs, that the port is right, and that a firewall lets it through.",
    "dns": "Check the Webhook URL for a typing error, and that the name exists outside your own network.",
    "time-out": "A receiver should answer with 2xx at once and do its work afterwards. Check that it can be reached.",
    "tls": "Check that the certificate is valid for this host name, not expired, and sent with its whole chain.",
    "refused": "Use an address on the public internet, or ask the operator to allow the network.",
    "protocol": "Check the port in the Webhook URL: something answers there, but it does not speak HTTP.",
}


def advice(code: str, kind: str = Endpoint.Kind.WEBHOOK) -> str:
    """Return what to check after an attempt that ended with `code`, where its explanation does not say so already.

    `kind`, of the endpoint: people who are mailed or pushed to cannot check the way there.
    """
    if kind != Endpoint.Kind.WEBHOOK:
        return ""
    if code in _ADVICE:
        return _ADVICE[code]
    if code.startswith("5") and code.isdecimal():
        return "The receiver has trouble of its own: its log will say more."
    return ""
