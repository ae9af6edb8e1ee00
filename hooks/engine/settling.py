"""A delivery after an attempt: delivered, failed, cancelled, or when it is tried again.

Each function writes deliveries within the transaction of `record.write`. A delivery that was settled meanwhile
(cancelled) keeps its state, unless it has arrived.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Greatest

from hooks import clock
from hooks.engine.judging import Result
from hooks.messages import Transport, Verdict
from hooks.models import Delivery, Hook
from hooks.queue import outcomes
from hooks.queue.lanes import AT_ONCE
from hooks.queue.outcomes import shorten_answer
from hooks.remarks import Remark, RemarkCode

_UNRECORDED = 300.0  # seconds, at least, after which a delivery is tried again whose result could not be recorded


def settle_delivered(results: Sequence[Result], now: datetime) -> None:
    """Mark deliveries as delivered, with one statement for those that were answered alike."""
    by_text: dict[str, list[Result]] = {}
    for result in results:
        by_text.setdefault(shorten_answer(result.answer), []).append(result)
    for text, group in by_text.items():
        Delivery.objects.filter(pk__in=[result.notification.delivery for result in group]).update(
            state=Delivery.State.DELIVERED, outcome=text, settled_at=now, due_at=None, tries=F("tries") + 1
        )


def settle_other(result: Result, now: datetime) -> None:
    """Fail or cancel a delivery that has not arrived, or schedule its next try."""
    pending = Delivery.objects.pending().filter(pk=result.notification.delivery)
    verdict = result.outcome.verdict
    if result.answer.transport_down:
        pending.update(outcome=shorten_answer(result.answer))
    elif verdict == Verdict.GONE and result.lease.transport != Transport.APNS and not result.notification.is_test:
        # It waits for its endpoint, which is disabled, to be enabled again.
        pending.update(due_at=None, outcome=shorten_answer(result.answer), tries=F("tries") + 1)
    elif verdict == Verdict.UNSENT:
        pending.cancel(shorten_answer(result.answer), now)
    elif verdict in {Verdict.FAILED, Verdict.GONE}:
        _fail(pending, result, now)
    elif not _fail(pending.filter(Exists(_filter_hooks(enabled=False))), result, now):
        # A disabled hook has pending deliveries only if a person resent them: those are tried once, then they fail.
        goes_on = _resume_schedule(result, now) if result.notification.extra else _reschedule(result, now)
        pending.update(outcome=shorten_answer(result.answer), tries=F("tries") + 1, **goes_on)


def put_aside(result: Result) -> None:
    """Settle a delivery whose result cannot be recorded: it must not be sent again at once, nor without end."""
    now = clock.now()
    pending = Delivery.objects.pending().filter(pk=result.notification.delivery)
    text = Remark(RemarkCode.NOT_RECORDED)
    if result.outcome.verdict == Verdict.DELIVERED:
        pending.update(state=Delivery.State.DELIVERED, outcome=text, settled_at=now, due_at=None, tries=F("tries") + 1)
    elif _is_last_try(result) or result.outcome.verdict == Verdict.FAILED:
        pending.update(state=Delivery.State.FAILED, outcome=text, settled_at=now, due_at=None, tries=F("tries") + 1)
    else:
        later = now + timedelta(seconds=max(result.outcome.delay or 0, _UNRECORDED))
        pending.update(outcome=text, due_at=later, scheduled_at=None, tries=F("tries") + 1)


def _fail(pending: QuerySet[Delivery], result: Result, now: datetime) -> int:
    """Mark deliveries as failed; return how many there were."""
    settled = {"state": Delivery.State.FAILED, "settled_at": now, "due_at": None}
    return pending.update(outcome=shorten_answer(result.answer), tries=F("tries") + 1, **settled)


def _reschedule(result: Result, now: datetime) -> dict[str, Any]:
    """Return when a delivery is tried again, after a change to it while the attempt was under way."""
    again: Any = Value(now + timedelta(seconds=result.outcome.delay or 0))
    asked_for_meanwhile = [] if result.notification.asked_for else [When(due_at=AT_ONCE, then=F("due_at"))]
    if result.lease.ordered:
        # Its lane waits; its own place, before what came later, stays.
        again = F("scheduled_at")
        place = asked_for_meanwhile or [When(due_at=AT_ONCE, then=F("created_at"))]
        due_at = Case(*place, default=F("due_at"))
    else:
        due_at = Case(*asked_for_meanwhile, When(_match_held(), then=None), default=again)
    asked = [When(due_at=AT_ONCE, then=again)] if asked_for_meanwhile else []  # the extra try is still to come
    return {"due_at": due_at, "scheduled_at": Case(*asked, default=None) if asked else None}


def _resume_schedule(result: Result, now: datetime) -> dict[str, Any]:
    """Return when a delivery is tried again after an extra try: by its schedule, as if that try had not been made.

    A delivery that is due already waits a moment all the same.
    """
    goes_on: Any = F("scheduled_at")
    if not result.lease.ordered:  # in an ordered lane `due_at` is the place in the order
        goes_on = Greatest(goes_on, Value(now + timedelta(seconds=result.outcome.delay or 0)))
    due_at = Case(When(_match_held(), then=None), default=goes_on)
    return {"due_at": due_at, "scheduled_at": None, "extra_tries": F("extra_tries") + 1}


def _match_held() -> Q:
    """Match deliveries that stay held: those held meanwhile, and those that a person resent in spite of a pause."""
    stopped = _filter_hooks(Q(paused=True) | Q(endpoint__disabled_at__isnull=False))
    return Q(due_at__isnull=True) | Q(Exists(stopped))


def _filter_hooks(*conditions: Q, **more: bool) -> QuerySet[Hook]:
    """Filter the hooks of a delivery's endpoint, for use in a subquery."""
    return Hook.objects.filter(*conditions, endpoint=OuterRef("endpoint"), **more)


def _is_last_try(result: Result) -> bool:
    """Return True if the schedule has no try after this one."""
    notification = result.notification
    return not notification.extra and notification.tries - notification.extra_tries + 1 >= outcomes.MOST_TRIES
