"""Hooks, deliveries and attempts as the JSON of the API. `secret` says whether the reader manages hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from hooks.audience.recipients import SkippedAddress, SkipReason
from hooks.deliveries import privacy
from hooks.manage.rules import RateLimit
from hooks.messages import Verdict
from hooks.models import Attempt, Delivery, Endpoint, Hook
from hooks.presentation import conditions, delivery_sentences, hook_sentences, phrases
from hooks.remarks import get_code
from notifications_project import ids


def serialize_hook(hook: Hook, silent: Iterable[SkippedAddress], *, secret: bool) -> dict[str, Any]:
    """Return the JSON of a hook. Load its endpoint, lane, resources and users.

    `silent`: the addresses that it names but does not reach. `secret`: whether the reader may see whole addresses.
    """
    return {
        "id": hook.public_id,
        "kind": hook.kind,
        "name": hook.name,
        **(
            _serialize_webhook(hook.endpoint, secret)
            if hook.endpoint
            else {"notify": _notify(hook)} | _serialize_silent(silent)
        ),
        "events": hook.events,
        "resources": sorted(each.public_id for each in hook.resources.all()) if hook.restricted else None,
        "paused": hook.paused,
        "enabled": hook.enabled,
        "state": conditions.find_hook_condition(hook).condition,
        "description": hook_sentences.describe_hook(hook),
        "health": serialize_health(hook.endpoint) if hook.endpoint else None,
        "created_at": hook.created_at,
    }


def _serialize_webhook(endpoint: Endpoint, secret: bool) -> dict[str, Any]:
    limit = RateLimit.of(endpoint.lane)
    return {
        "url": phrases.show_address(endpoint, secret=secret),
        "format": endpoint.format,
        "options": endpoint.options,
        "ordered": endpoint.lane.ordered,
        "rate_limit": limit and {"per_second": limit.per_second, "burst": limit.burst},
    }


def _notify(hook: Hook) -> dict[str, Any]:
    return {
        "members": hook.notify_members,
        "roles": hook.notify_roles,
        "users": sorted(user.public_id for user in hook.notify_users.all()),
        "addresses": hook.notify_addresses,
    }


def _serialize_silent(silent: Iterable[SkippedAddress]) -> dict[str, Any]:
    found = list(silent)
    return {
        "unsubscribed": [each.address for each in found if each.why == SkipReason.UNSUBSCRIBED],
        "unconfirmed": [each.address for each in found if each.why == SkipReason.UNCONFIRMED],
        "stopped": _serialize_refused(found, SkipReason.STOPPED),
        "failing": _serialize_refused(found, SkipReason.FAILING),
    }


def _serialize_refused(silent: Iterable[SkippedAddress], why: SkipReason) -> list[dict[str, Any]]:
    return [{"address": each.address, "since": each.since, "reason": each.words} for each in silent if each.why == why]


def serialize_health(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "disabled_at": endpoint.disabled_at,
        "disabled_reason": endpoint.disabled_reason,
        "disabled_code": get_code(endpoint.disabled_reason),
        "failing_since": endpoint.failing_since,
        "failed_in_a_row": endpoint.failed,
        "secret_lost": conditions.has_lost_secret(endpoint),
        "last_delivered_at": endpoint.last_delivered_at,
        "last_attempt_at": endpoint.last_attempt_at,
        "last_answer": endpoint.last_answer,
    }


def serialize_delivery(delivery: Delivery, *, workers: Callable[[], bool]) -> dict[str, Any]:
    """Return the JSON of a delivery; `workers` tells whether any worker runs. Load event, endpoint, lane and hook."""
    endpoint = delivery.endpoint
    return {
        "id": delivery.public_id,
        "event": {"id": delivery.event.public_id, "type": delivery.event.type, "test": delivery.event.is_test},
        "hook": delivery.hook and delivery.hook.public_id,
        "endpoint": {
            "kind": endpoint.kind,
            "address": phrases.show_address(endpoint),
            "format": endpoint.format,
        },
        "state": delivery.state,
        "explanation": delivery_sentences.describe_state(delivery, workers=workers),
        "reasons": _serialize_reasons(delivery),
        "tries": delivery.tries,
        "extra_tries": delivery.extra_tries,
        "outcome": delivery.outcome,
        "outcome_code": get_code(delivery.outcome),
        "created_at": delivery.created_at,
        "next_try_at": delivery_sentences.find_next_try(delivery),
        "settled_at": delivery.settled_at,
    }


def serialize_private_delivery(delivery: Delivery, whose: str) -> dict[str, Any]:
    """Return the JSON of a delivery to the own channel of `whose`: only that it exists and whether it arrived."""
    return {
        "id": delivery.public_id,
        "event": {"id": delivery.event.public_id, "type": delivery.event.type, "test": delivery.event.is_test},
        "hook": None,
        "endpoint": {"kind": "private", "address": whose, "format": None},
        "state": delivery.state,
        "explanation": privacy.describe_state(delivery),
        "reasons": _serialize_reasons(delivery),
        "tries": None,
        "extra_tries": None,
        "outcome": "",
        "outcome_code": "",
        "created_at": delivery.created_at,
        "next_try_at": None,
        "settled_at": delivery.settled_at,
    }


def _serialize_reasons(delivery: Delivery) -> list[dict[str, Any]]:
    return [{**reason, "explanation": delivery_sentences.describe_reason(reason)} for reason in delivery.reasons]


def serialize_attempt(attempt: Attempt, delivery: Delivery) -> dict[str, Any]:
    """Return the JSON of an attempt. `request.body` is the event's representation unless another body is stored."""
    request = {"body": delivery.event.representation, **attempt.request}
    return {
        "id": ids.encode("att", attempt.pk),
        "number": attempt.number,
        "started_at": attempt.started_at,
        "duration_ms": attempt.duration_ms,
        "verdict": attempt.verdict,
        "code": attempt.code,
        "explanation": attempt.explanation,
        "explanation_code": get_code(attempt.explanation),
        "advice": ""
        if attempt.verdict == Verdict.DELIVERED
        else delivery_sentences.give_advice(attempt.code, delivery.endpoint.kind),
        "request": request,
        "response": attempt.response or None,
        "timings": attempt.timings,
        "dialled": attempt.dialled,
    }
