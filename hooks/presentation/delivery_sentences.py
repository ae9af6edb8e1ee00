"""Sentences about deliveries and attempts, for pages and API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext, ngettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from hooks.formats import LIMITED_HOSTS
from hooks.messages import RuleKind
from hooks.models import Delivery, Endpoint
from hooks.presentation.conditions import Badge
from hooks.presentation.phrases import join_names, write_until
from hooks.queue.lanes import AT_ONCE
from hooks.queue.outcomes import MOST_TRIES
from notifications_project.words import number


def describe_reason(reason: Mapping[str, Any], *, own: bool = False) -> str:
    """Return one rule that asked for a delivery, to follow "Told because". `own`: said to its recipient."""
    name = reason.get("name")
    match reason.get("rule"):
        case RuleKind.HOOK:
            return gettext("the hook “%(name)s” asks for it") % {"name": name}
        case RuleKind.SETTING:
            return gettext("you turned it on") if own else gettext("the member’s own setting asks for it")
        case RuleKind.DEFAULT:
            return gettext("members get such e-mails by default")
        case RuleKind.ROLE:
            return gettext("administrators and managers are told about trouble with hooks")
        case RuleKind.DIGEST:
            return gettext("it waited for the end of a quiet time, with others")
        case RuleKind.TEST:
            return gettext("%(name)s pressed Test") % {"name": reason.get("by") or gettext("somebody")}
    return gettext("%(name)s asks for it") % {"name": name or gettext("a rule")}


def describe_reasons(reasons: Sequence[Mapping[str, Any]], *, own: bool = False) -> str:
    """Return a sentence, "Told because …", with every rule that asked. `own`: said to whom it goes."""
    if not reasons:
        return gettext("No rule asks for it any more.")
    told = join_names([describe_reason(reason, own=own) for reason in reasons])
    return gettext("Told because %(reasons)s.") % {"reasons": told}


STATES = {
    Delivery.State.PENDING: (pgettext_lazy("delivery", "Waiting"), "warn"),
    Delivery.State.DELIVERED: (pgettext_lazy("delivery", "Delivered"), "good"),
    Delivery.State.FAILED: (pgettext_lazy("delivery", "Failed"), "bad"),
    Delivery.State.CANCELLED: (pgettext_lazy("delivery", "Cancelled"), ""),
}


def make_delivery_badge(state: str) -> Badge:
    word, tone = STATES[Delivery.State(state)]
    return Badge(str(word), tone)


def describe_state(delivery: Delivery, now: datetime | None = None, workers: Callable[[], bool] = lambda: True) -> str:
    """Return the next step of a delivery: "Next try in 4 min, attempt 4 of 10".

    It uses its lane's back-off if that is loaded. `workers` says whether any is running, and is asked only if that
    decides.
    """
    if delivery.state != Delivery.State.PENDING:
        return _describe_result(delivery)
    now = now or timezone.now()
    if delivery.due_at is None:
        if delivery.hook_id:
            return gettext("Waits: its hook is paused, or its address is disabled")
        return gettext("Waits: its address is disabled")
    if _is_secret_lost(delivery):
        return gettext("Waits for a new secret: no key in ENCRYPTION_KEYS reads the present one")
    when = find_next_try(delivery, now)
    if when is None:
        push = delivery.endpoint.kind == Endpoint.Kind.DEVICE
        return gettext("Waits for a push key (APNS_KEY)") if push else gettext("Waits for a mail server (EMAIL_URL)")
    if when > now:
        return _describe_wait(delivery, when, now)
    if not workers():
        return gettext("Waits for a worker")
    return gettext("To be sent now, %(attempt)s") % {"attempt": _count_attempt(delivery)}


def _describe_result(delivery: Delivery) -> str:
    """Return what became of a delivery that is settled."""
    tries = {"number": number(delivery.tries)}
    match delivery.state:
        case Delivery.State.DELIVERED:
            if delivery.tries <= 1:
                return pgettext("delivery", "Delivered")
            return gettext("Delivered at attempt %(number)s") % tries
        case Delivery.State.FAILED:
            failed = (
                ngettext("Failed after %(number)s attempt", "Failed after %(number)s attempts", delivery.tries) % tries
            )
            return _join_why(failed, delivery.outcome)
    if delivery.is_told_in_digest:
        return delivery.outcome
    return _join_why(pgettext("delivery", "Cancelled"), delivery.outcome)


def _join_why(said: str, why: str) -> str:
    return gettext("%(what)s: %(why)s") % {"what": said, "why": why} if why else said


def _describe_wait(delivery: Delivery, when: datetime, now: datetime) -> str:
    """Return what a delivery waits for that is tried at `when`, later than now."""
    time = write_until(when, now)
    if _is_quiet(delivery):
        return gettext("Waits for the end of a quiet time, %(time)s") % {"time": time}
    said = gettext("Next try %(time)s, %(attempt)s") % {"time": time, "attempt": _count_attempt(delivery)}
    why = _explain_held(delivery, when)
    return f"{why}. {said}" if why else said


def _count_attempt(delivery: Delivery) -> str:
    """Return which attempt is the next: "attempt 4 of 10"."""
    if delivery.due_at == AT_ONCE and delivery.scheduled_at:
        return gettext("an extra attempt")
    counted = {"number": delivery.tries - delivery.extra_tries + 1, "most": MOST_TRIES}
    return gettext("attempt %(number)s of %(most)s") % counted


def find_next_try(delivery: Delivery, now: datetime | None = None) -> datetime | None:
    """Return when the delivery may next be tried: due, and neither its lane nor its transport backing off.

    None: nobody knows, because it is held, there is no mail server or push key for it, or it is settled.
    The back-off is known of deliveries that come from `delivery_lists.load_back_off`.
    """
    if delivery.due_at is None or is_without_mail_server(delivery) or is_without_push_key(delivery):
        return None
    if _is_secret_lost(delivery):
        return None
    transport: datetime | None = getattr(delivery, "transport_held", None)
    if delivery.due_at == AT_ONCE:  # somebody asked for it: its lane does not hold it
        return max(filter(None, [now or timezone.now(), transport]))
    lane = delivery.lane.not_before if "lane" in delivery._state.fields_cache else None
    return max(filter(None, [delivery.quiet_until if _is_quiet(delivery) else delivery.due_at, lane, transport]))


def _explain_held(delivery: Delivery, when: datetime) -> str:
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


def is_without_mail_server(delivery: Delivery) -> bool:
    return delivery.endpoint.kind == Endpoint.Kind.EMAIL and not settings.MAIL_CONFIGURED


def is_without_push_key(delivery: Delivery) -> bool:
    return delivery.endpoint.kind == Endpoint.Kind.DEVICE and not settings.PUSH_CONFIGURED


_ADVICE = {
    "400": _("The receiver does not understand the body. Check that the format is the one it expects."),
    "413": _("The body is larger than the receiver takes."),
    "422": _("The receiver does not understand the body. Check that the format is the one it expects."),
    "429": _("The receiver asks for fewer requests. Deliveries slow down and go on by themselves."),
    "connection": _("Check that the receiver runs, that the port is right, and that a firewall lets it through."),
    "dns": _("Check the Webhook URL for a typing error, and that the name exists outside your own network."),
    "time-out": _(
        "A receiver should answer with 2xx at once and do its work afterwards. Check that it can be reached."
    ),
    "tls": _("Check that the certificate is valid for this host name, not expired, and sent with its whole chain."),
    "refused": _("Use an address on the public internet, or ask the operator to allow the network."),
    "protocol": _("Check the port in the Webhook URL: something answers there, but it does not speak HTTP."),
}


def give_advice(code: str, kind: str = Endpoint.Kind.WEBHOOK) -> str:
    """Return what to check after an attempt that ended with `code`, where its explanation does not say so already.

    `kind`, of the endpoint: people who are mailed or pushed to cannot check the way there.
    """
    if kind != Endpoint.Kind.WEBHOOK:
        return ""
    if code in _ADVICE:
        return str(_ADVICE[code])
    if code.startswith("5") and code.isdecimal():
        return gettext("The receiver has trouble of its own: its log will say more.")
    return ""
