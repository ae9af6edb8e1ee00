"""The health of an endpoint: failing, disabled, recovered; each told as an event of its own.

An e-mail address is stopped only if the mail server takes no mail for it at all; that it refuses one mail after the
other, which may be about the mails or the relay, is told.

These events go to administrators and managers (and to hooks that ask for them), never to the endpoint they
are about, and raise no further ones (docs/webhooks.md). Trouble of a personal channel is told to its user only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from events import intake
from events.representation import Source
from hooks import clock
from hooks.endpoints import devices
from hooks.messages import Verdict
from hooks.models import Channel, Endpoint, Hook
from hooks.models.endpoint import SEVERAL_FAILED
from hooks.queue import pending
from hooks.queue.outcomes import FAILING_DISABLED_AFTER, FAILING_WARNED_AFTER, LEAST_NOTICE, Outcome
from hooks.remarks import Remark, RemarkCode

_TOLD_OF_ADDRESSES_EVERY = timedelta(days=1)
_LEARNT = [
    "last_attempt_at", "last_answer", "last_delivered_at", "failing_since", "warned_at", "failed", "failed_since",
]  # fmt: skip


def mark_all_well(endpoints: Collection[UUID], answer: str, now: datetime) -> None:
    """Mark endpoints as delivering again, if nobody was told of their failing.

    The caller's transaction has locked them.
    """
    Endpoint.objects.filter(pk__in=endpoints).update(
        last_attempt_at=now, last_answer=answer, last_delivered_at=now,
        failing_since=None, failed=0, failed_since=None,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """The result of one attempt at an endpoint: the outcome, and the answer in short."""

    outcome: Outcome
    answer: str
    is_test: bool


def update(endpoint: Endpoint, told: Sequence[Told], now: datetime) -> None:
    """Apply what came back, in order. `endpoint` is locked by the caller's transaction."""
    if not told:
        return
    _apply_answers(endpoint, told, now)
    gone = next((each.outcome for each in told if each.outcome.verdict == Verdict.GONE), None)
    match endpoint.kind:
        case Endpoint.Kind.DEVICE:
            if gone:
                devices.forget(endpoint, gone.explanation)
        case Endpoint.Kind.EMAIL:
            _settle_address(endpoint, gone, now)
        case Endpoint.Kind.WEBHOOK:
            _settle_webhook(endpoint, gone, now)


def _apply_answers(endpoint: Endpoint, told: Sequence[Told], now: datetime) -> None:
    for each in told:
        endpoint.last_attempt_at, endpoint.last_answer = now, each.answer
        if each.outcome.verdict == Verdict.DELIVERED:
            _apply_success(endpoint, now)
        else:
            _apply_failure(endpoint, each, now)
    endpoint.save(update_fields=_LEARNT)


def _settle_address(endpoint: Endpoint, gone: Outcome | None, now: datetime) -> None:
    """Stop an e-mail address that the mail server refuses, or warn of one whose mails fail."""
    if endpoint.disabled_at:
        return
    if gone:
        stop_mail(endpoint, gone.explanation)
    elif not endpoint.deleted_at and endpoint.failed >= SEVERAL_FAILED:
        _warn(endpoint, now, _tell_of_address)


def _settle_webhook(endpoint: Endpoint, gone: Outcome | None, now: datetime) -> None:
    """Disable a webhook that is gone or has failed for too long, or warn of one that fails."""
    if endpoint.disabled_at or endpoint.deleted_at:
        return
    if gone:
        _disable(endpoint, gone.explanation)
    elif _is_hopeless(endpoint, now):
        _disable(endpoint, Remark(RemarkCode.FAILED_TOO_LONG, days=FAILING_DISABLED_AFTER.days))
    else:
        _warn(endpoint, now, _tell_of_failing)


def _apply_failure(endpoint: Endpoint, told: Told, now: datetime) -> None:
    """A try that failed is a failure at once; what was refused for good, which may be the message's fault, if it is
    so of several in a row."""
    if told.outcome.verdict == Verdict.FAILED:
        if told.is_test:
            return
        endpoint.failed += 1
        endpoint.failed_since = endpoint.failed_since or now
        if told.outcome.refused and endpoint.failed < SEVERAL_FAILED:
            return
    since = endpoint.failed_since or now
    endpoint.failing_since = min(endpoint.failing_since or since, since)


def _is_hopeless(endpoint: Endpoint, now: datetime) -> bool:
    """Return True if the endpoint has failed for too long.

    A rare delivery may show that only now; then it is told first.
    """
    if not endpoint.failing_since or now - endpoint.failing_since < FAILING_DISABLED_AFTER:
        return False
    return not endpoint.failed or bool(endpoint.warned_at and now - endpoint.warned_at >= LEAST_NOTICE)


def _warn(endpoint: Endpoint, now: datetime, tell: Callable[[Endpoint], None]) -> None:
    """Say once that it has been failing for an hour."""
    if endpoint.failing_since and not endpoint.warned_at and now - endpoint.failing_since >= FAILING_WARNED_AFTER:
        tell(endpoint)
        endpoint.warned_at = now
        endpoint.save(update_fields=["warned_at"])


def _tell_of_failing(endpoint: Endpoint) -> None:
    _tell("hook.failing", endpoint, reason=endpoint.last_answer)


def _tell_of_address(endpoint: Endpoint) -> None:
    """Tell of an address whose mails are all refused; of one a day: if all are, it is one trouble."""
    others = Endpoint.objects.filter(organization=endpoint.organization_id, kind=Endpoint.Kind.EMAIL)
    if others.filter(warned_at__gt=clock.now() - _TOLD_OF_ADDRESSES_EVERY).exists():
        return
    data = {"state": "address_failing", "refused": endpoint.address, "reason": endpoint.last_answer}
    if endpoint.failing_since:
        data["failing_since"] = endpoint.failing_since.isoformat()
    _record(endpoint, "hook.failing", data)


def _apply_success(endpoint: Endpoint, now: datetime) -> None:
    # (A mail that was under way when its address was stopped says nothing: the bounce may still be to come.)
    was_disabled = endpoint.disabled_at is not None and endpoint.kind != Endpoint.Kind.EMAIL
    if was_disabled:  # only a test, or what a person sends again, gets there: it works, so the rest may go
        pending.reactivate(endpoint)
    if endpoint.warned_at or was_disabled:
        _tell("hook.recovered", endpoint, reason="It answers again.")
    endpoint.last_delivered_at = now
    endpoint.failing_since = endpoint.warned_at = endpoint.failed_since = None
    endpoint.failed = 0


def stop_mail(endpoint: Endpoint, why: str) -> None:
    """Try an e-mail address no more, and tell the administrators; what waits for it is kept."""
    pending.disable(endpoint, why)
    data = {"state": "address_refused", "refused": endpoint.address, "reason": why}
    _record(endpoint, "hook.disabled", data)


def _disable(endpoint: Endpoint, why: str) -> None:
    pending.disable(endpoint, why)
    _tell("hook.disabled", endpoint, reason=why)


def _tell(event_type: str, endpoint: Endpoint, reason: str) -> None:
    """Tell whom it concerns: of a hook, its organization; of a channel, its user alone, in the personal space."""
    data: dict[str, Any] = {"reason": reason}
    if endpoint.failing_since:
        data["failing_since"] = endpoint.failing_since.isoformat()
    if hook := Hook.objects.existing().filter(endpoint=endpoint).first():
        data["hook"] = {"id": hook.public_id, "name": hook.name}
    elif channel := Channel.objects.filter(endpoint=endpoint).first():
        data["channel"] = {"id": channel.public_id, "kind": channel.kind, "name": channel.english_name}
        data["state"] = f"channel_{event_type.removeprefix('hook.')}"
    else:
        return
    _record(endpoint, event_type, data)


def _record(endpoint: Endpoint, event_type: str, data: dict[str, Any]) -> None:
    intake.record(endpoint.organization, [intake.NewEvent(type=event_type, data=data)], source=Source.CONSOLE)
