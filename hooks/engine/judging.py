"""The verdict on one answer, and what the lease of its lane learns from it. Nothing here asks the database."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from hooks.engine.leases import Lease
from hooks.messages import Answer, Notification, Transport, Verdict
from hooks.queue import outcomes
from notifications_project import ids

_MOST_SEATS = 16
_TOLERATED_MS = 50
_OF_MANY = {Transport.SMTP, Transport.APNS}  # transports whose answers are about one address or device
_OF_THE_MESSAGE = {400, 413, 422}


@dataclass(frozen=True, slots=True)
class Result:
    """An attempt with its verdict, ready to be recorded."""

    lease: Lease
    notification: Notification
    answer: Answer
    outcome: outcomes.Outcome
    attempt: UUID  # the id that it is recorded under


def judge_answer(lease: Lease, notification: Notification, answer: Answer) -> Result:
    """Return the verdict on one answer. The lease learns from it at once, the database at the next `record.write`."""
    scheduled = notification.tries - notification.extra_tries + 1
    verdict = outcomes.judge(answer, scheduled, is_test=notification.is_test, is_extra=notification.extra)
    result = Result(lease, notification, answer, verdict, ids.uuid7())
    if not answer.transport_down:
        _teach_lease(result)
    if lease.ordered and verdict.verdict == Verdict.RETRY:
        lease.back_off(verdict.delay or 0)  # the next one may not go before this one is settled
    return result


def _teach_lease(result: Result) -> None:
    """Count an answer for or against the lane: its seats, its failures in a row, its circuit."""
    lease, verdict = result.lease, result.outcome
    if verdict.verdict == Verdict.DELIVERED:
        lease.failures, lease.circuit_open, lease.backs_off_until = 0, False, None
        _adjust_seats(lease, result.answer.duration_ms)
        return
    if (
        lease.transport in _OF_MANY
        or result.answer.meaning in {Verdict.FAILED, Verdict.UNSENT}
        or result.answer.status in _OF_THE_MESSAGE
    ):
        return  # the answer is about one address, device or message, not about the lane
    if verdict.hold:
        lease.back_off(verdict.hold)
    if result.notification.extra or result.notification.is_test:
        return  # what a person tries out moves no probe, and counts against nobody else's delivery
    lease.seats = max(1, lease.seats // 2)
    if lease.last_failed != result.notification.delivery:
        lease.failures += 1
        lease.last_failed = result.notification.delivery
    if lease.failures >= outcomes.CIRCUIT_OPENS_AFTER:
        lease.circuit_open, lease.seats = True, 1
        lease.back_off(outcomes.get_probe_delay(lease.failures))


def _adjust_seats(lease: Lease, took_ms: int) -> None:
    """Give a seat for a good answer, or take one if the answer was so slow that the receiver must be at its limit."""
    lease.quickest_ms = took_ms if lease.quickest_ms is None else min(lease.quickest_ms, took_ms)
    if lease.ordered:
        return
    if took_ms <= 2 * lease.quickest_ms + _TOLERATED_MS:
        lease.seats = min(lease.seats + 1, _MOST_SEATS)
    else:
        lease.seats = max(1, lease.seats - 1)
