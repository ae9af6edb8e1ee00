"""The health of an endpoint: failing, disabled, recovered; each told as an event of its own.

Of an e-mail address only this matters: that the mail server takes no mail for it at all.

These events go to administrators and managers (and to hooks that ask for them), never to the endpoint they
are about, and raise no further ones (DESIGN section 10). Trouble of a personal channel is told to its user only.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from events import intake
from hooks import devices, waiting
from hooks.engine.outcome import FAILING_DISABLED_AFTER, FAILING_WARNED_AFTER, Outcome
from hooks.models import Channel, Endpoint, Hook


def all_well(endpoints: Collection[UUID], answer: str, now: datetime) -> None:
    """They delivered, and nobody was told that they do not. They are locked by the caller's transaction."""
    Endpoint.objects.filter(pk__in=endpoints).update(
        last_attempt_at=now, last_answer=answer, last_delivered_at=now, failing_since=None
    )


def update(endpoint: Endpoint, outcomes: Sequence[tuple[Outcome, str]], now: datetime) -> None:
    """Apply what came back, in order. `endpoint` is locked by the caller's transaction."""
    if not outcomes:
        return
    for verdict, answer in outcomes:
        endpoint.last_attempt_at, endpoint.last_answer = now, answer
        if verdict.verdict == "delivered":
            _answered(endpoint, now)
        elif verdict.verdict != "failed" or endpoint.failing_since:
            endpoint.failing_since = endpoint.failing_since or now
    endpoint.save(update_fields=["last_attempt_at", "last_answer", "last_delivered_at", "failing_since", "warned_at"])
    gone = next((verdict for verdict, _ in outcomes if verdict.verdict == "gone"), None)
    if gone and endpoint.kind == Endpoint.Kind.DEVICE:
        devices.forget(endpoint, gone.explanation)
    if gone and endpoint.kind == Endpoint.Kind.EMAIL and not endpoint.disabled_at:
        stop_mail(endpoint, gone.explanation)
    if endpoint.kind != Endpoint.Kind.WEBHOOK or endpoint.disabled_at or endpoint.deleted_at:
        return
    if gone:
        _disable(endpoint, gone.explanation)
    elif endpoint.failing_since and now - endpoint.failing_since >= FAILING_DISABLED_AFTER:
        _disable(endpoint, f"It failed for {FAILING_DISABLED_AFTER.days} days without a success.")
    elif endpoint.failing_since and not endpoint.warned_at and now - endpoint.failing_since >= FAILING_WARNED_AFTER:
        endpoint.warned_at = now
        endpoint.save(update_fields=["warned_at"])
        _tell("hook.failing", endpoint, reason=endpoint.last_answer)


def _answered(endpoint: Endpoint, now: datetime) -> None:
    # (A mail that was under way when its address was stopped says nothing: the bounce may still be to come.)
    was_disabled = endpoint.disabled_at is not None and endpoint.kind != Endpoint.Kind.EMAIL
    if was_disabled:  # only a test, or what a person sends again, gets there: it works, so the rest may go
        waiting.reactivate(endpoint)
    if endpoint.warned_at or was_disabled:
        _tell("hook.recovered", endpoint, reason="It answers again.")
    endpoint.last_delivered_at = now
    endpoint.failing_since = endpoint.warned_at = None


def stop_mail(endpoint: Endpoint, why: str) -> None:
    """Try an e-mail address no more, and tell the administrators; what waits for it is kept."""
    waiting.disable(endpoint, why)
    data = {"state": "address_refused", "refused": endpoint.address, "reason": why}
    intake.record(endpoint.organization, [intake.NewEvent(type="hook.disabled", data=data)])


def _disable(endpoint: Endpoint, why: str) -> None:
    waiting.disable(endpoint, why)
    _tell("hook.disabled", endpoint, reason=why)


def _tell(event_type: str, endpoint: Endpoint, reason: str) -> None:
    """Tell whom it concerns: of a hook, its organization; of a channel, its user alone, in the personal space."""
    data: dict[str, Any] = {"reason": reason}
    if endpoint.failing_since:
        data["failing_since"] = endpoint.failing_since.isoformat()
    if hook := Hook.objects.existing().filter(endpoint=endpoint).first():
        data["hook"] = {"id": hook.public_id, "name": hook.name}
    elif channel := Channel.objects.filter(endpoint=endpoint).first():
        data["channel"] = {"id": channel.public_id, "kind": channel.kind, "name": channel.get_kind_display()}
        data["state"] = f"channel_{event_type.removeprefix('hook.')}"
    else:
        return
    intake.record(endpoint.organization, [intake.NewEvent(type=event_type, data=data)])
