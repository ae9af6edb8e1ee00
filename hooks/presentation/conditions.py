"""The state of a hook or a channel that matters most, as a badge. Pure: give a hook with its endpoint loaded."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import TextChoices
from django.utils.translation import gettext, pgettext_lazy

from hooks.formats import FORMATS
from hooks.models import Endpoint, Hook


class Condition(TextChoices):
    """The state of a hook or a channel; the API names it by this value, pages by its label."""

    DISABLED = "disabled", pgettext_lazy("state", "Disabled")
    ENDPOINT_DISABLED = "endpoint_disabled", pgettext_lazy("state", "Disabled")
    PAUSED = "paused", pgettext_lazy("state", "Paused")
    SECRET_LOST = "secret_lost", pgettext_lazy("state", "Secret lost")
    MATCHES_NOTHING = "matches_nothing", pgettext_lazy("state", "Matches nothing")
    FAILING = "failing", pgettext_lazy("state", "Failing")
    ON = "on", pgettext_lazy("state", "On")
    NEEDS_NEW_URL = "needs_new_url", pgettext_lazy("state", "Needs a new URL")
    NOT_USED = "unused", pgettext_lazy("state", "Not used yet")
    REFUSED = "refused", pgettext_lazy("state", "Refused")
    NOT_REACHED = "not_reached", pgettext_lazy("state", "Not reached yet")
    HEALTHY = "healthy", pgettext_lazy("state", "Healthy")
    QUIET = "quiet", pgettext_lazy("state", "Quiet")
    NOT_SET_UP = "not_set_up", pgettext_lazy("state", "Not set up")
    NOT_AVAILABLE = "unavailable", pgettext_lazy("state", "Not available here")


_TONES = {
    Condition.ENDPOINT_DISABLED: "bad",
    Condition.PAUSED: "info",
    Condition.SECRET_LOST: "bad",
    Condition.MATCHES_NOTHING: "warn",
    Condition.FAILING: "bad",
    Condition.ON: "good",
    Condition.NEEDS_NEW_URL: "bad",
    Condition.REFUSED: "warn",
    Condition.NOT_REACHED: "warn",
    Condition.HEALTHY: "good",
    Condition.QUIET: "info",
    Condition.NOT_AVAILABLE: "warn",
}


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


def make_badge(condition: Condition, why: str = "") -> ConditionBadge:
    return ConditionBadge(str(condition.label), _TONES.get(condition, ""), why, condition)


def make_secret_lost_badge() -> ConditionBadge:
    why = gettext("No key in ENCRYPTION_KEYS reads its secret. Make a new secret.")
    return make_badge(Condition.SECRET_LOST, why)


def find_hook_condition(hook: Hook) -> ConditionBadge:
    """Return the one state that matters most. A webhook comes with its endpoint loaded."""
    endpoint = hook.endpoint
    if not hook.enabled:
        return make_badge(Condition.DISABLED, gettext("It matches nothing until it is enabled."))
    if endpoint and endpoint.disabled_at:
        why = endpoint.disabled_reason or gettext("Its receiver did not answer for too long.")
        return make_badge(Condition.ENDPOINT_DISABLED, why)
    if hook.paused:
        return make_badge(Condition.PAUSED, gettext("It still matches. Its deliveries wait until it is resumed."))
    if endpoint and has_lost_secret(endpoint):
        return make_secret_lost_badge()
    if hook.problem:
        return make_badge(Condition.MATCHES_NOTHING)
    if endpoint and endpoint.failing_since:
        return make_badge(Condition.FAILING, endpoint.last_answer)
    return find_endpoint_condition(endpoint) if endpoint else make_badge(Condition.ON)


def has_lost_secret(endpoint: Endpoint) -> bool:
    """Return True if no key of ENCRYPTION_KEYS reads its secrets: nothing can be sent until there are new ones."""
    return endpoint.is_lost(endpoint.secrets)


def find_endpoint_condition(endpoint: Endpoint) -> ConditionBadge:
    """Return the state of an endpoint that is neither disabled nor failing: by its URL, then by its last answer."""
    known = FORMATS.get(endpoint.format)
    if known and (problem := known.find_url_problem(endpoint.whole_address)):
        return make_badge(Condition.NEEDS_NEW_URL, problem)
    if endpoint.last_attempt_at is None:
        return make_badge(Condition.NOT_USED)
    if endpoint.failed:
        refused = gettext("It refused the last delivery: %(answer)s") % {"answer": endpoint.last_answer}
        return make_badge(Condition.REFUSED, refused)
    if endpoint.last_delivered_at is None:
        return make_badge(Condition.NOT_REACHED, endpoint.last_answer)
    return make_badge(Condition.HEALTHY)


def needs_attention(hook: Hook) -> bool:
    """Return True if the hook's endpoint is in trouble although it should be told."""
    endpoint = hook.endpoint
    if endpoint is None or not hook.enabled:
        return False
    return bool(endpoint.disabled_at or (not hook.paused and (endpoint.failing_since or has_lost_secret(endpoint))))
