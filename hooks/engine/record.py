"""Writing down what attempts brought: attempts, deliveries, endpoints, and what the lane learns from it."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Greatest

from hooks import clock
from hooks.endpoints import health
from hooks.engine import host_limits
from hooks.engine.leases import Lease
from hooks.formats import LIMITED_HOSTS
from hooks.locking import lock_circuit, lock_deliveries, lock_endpoints, lock_or_make_circuit
from hooks.messages import Answer, Notification, Transport, Verdict
from hooks.models import Attempt, Circuit, Delivery, Endpoint, Hook
from hooks.queue import outcomes
from hooks.queue.lanes import AT_ONCE
from hooks.remarks import Remark, RemarkCode, shorten
from notifications_project import bulk, ids
from notifications_project.isolation import isolated

logger = logging.getLogger(__name__)

_MOST_SEATS = 16
_TOLERATED_MS = 50
_OF_MANY = {Transport.SMTP, Transport.APNS}  # transports whose answers are about one address or device
_OF_OUR_OWN = {"error", "address"}  # codes of answers that no relay gave: they say nothing about it
_UNRECORDED = 300.0  # seconds, at least, after which a delivery is tried again whose result could not be recorded
_CALLED: dict[str, str] = {Transport.SMTP: "The mail server", Transport.APNS: "Apple's push service"}


@dataclass(frozen=True, slots=True)
class Result:
    lease: Lease
    notification: Notification
    answer: Answer
    outcome: outcomes.Outcome
    attempt: UUID  # the id that it is recorded under


def judge(lease: Lease, notification: Notification, answer: Answer) -> Result:
    """The verdict on one answer; the lease learns from it at once, the database at the next `write`."""
    scheduled = notification.tries - notification.extra_tries + 1
    verdict = outcomes.judge(answer, scheduled, notification.is_test, notification.extra)
    result = Result(lease, notification, answer, verdict, ids.uuid7())
    if not answer.transport_down:
        _learn(result)
    if lease.ordered and verdict.verdict == Verdict.RETRY:
        lease.rest(verdict.delay or 0)  # the next one may not go before this one is settled
    return result


def _learn(result: Result) -> None:
    lease, verdict = result.lease, result.outcome
    if verdict.verdict == Verdict.DELIVERED:
        lease.failures, lease.circuit_open, lease.backs_off_until = 0, False, None
        _seat(lease, result.answer.duration_ms)
        return
    if (
        lease.transport in _OF_MANY
        or result.answer.meaning in {Verdict.FAILED, Verdict.UNSENT}
        or result.answer.status in {400, 413, 422}
    ):
        return  # the answer is about one address, device or message, not about the lane
    if verdict.hold:
        lease.rest(verdict.hold)
    if result.notification.extra or result.notification.is_test:
        return  # what a person tries out moves no probe, and counts against nobody else's delivery
    lease.seats = max(1, lease.seats // 2)
    if lease.last_failed != result.notification.delivery:
        lease.failures += 1
        lease.last_failed = result.notification.delivery
    if lease.failures >= outcomes.CIRCUIT_OPENS_AFTER:
        lease.circuit_open, lease.seats = True, 1
        lease.rest(outcomes.probe_delay(lease.failures))


def _seat(lease: Lease, took_ms: int) -> None:
    """A good answer earns a seat, unless it took so much longer than the quickest that the receiver is at its limit."""
    lease.quickest_ms = took_ms if lease.quickest_ms is None else min(lease.quickest_ms, took_ms)
    if lease.ordered:
        return
    if took_ms <= 2 * lease.quickest_ms + _TOLERATED_MS:
        lease.seats = min(lease.seats + 1, _MOST_SEATS)
    else:
        lease.seats = max(1, lease.seats - 1)


def write(results: Sequence[Result], *, again: bool = False) -> None:
    """Record a batch in one transaction. A delivery settled meanwhile (cancelled) keeps its state unless it arrived.

    A result that cannot be written as it is (the database refuses to hold it, a row that it is about is rotten) is
    recorded without what was sent and answered, and if that fails as well its delivery is tried later.
    `again`: the database went away while these were written; what it has already is left out.
    """
    if again:
        stored = set(Attempt.objects.filter(pk__in=[each.attempt for each in results]).values_list("pk", flat=True))
        results = [result for result in results if result.attempt not in stored]
    if not results:
        return
    try:
        _write(results)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("a result cannot be stored as it is")
        for result in results:
            try:
                _write([result])
            except (OperationalError, InterfaceError):
                raise
            except Exception:
                what = f"the result of delivery {result.notification.webhook_id} cannot be stored; it is tried later"
                with isolated(what, partial(_put_aside, result)):
                    _write([_without_content(result)])


def _without_content(result: Result) -> Result:
    text = Remark(RemarkCode.NOT_STORED)
    bare = replace(result.answer, request={}, response={}, text=text, dialled="")
    return replace(result, answer=bare, outcome=replace(result.outcome, explanation=text))


def _put_aside(result: Result) -> None:
    """Settle a delivery whose result cannot be recorded: it must not be sent again at once, nor without end."""
    now = clock.now()
    pending = Delivery.objects.pending().filter(pk=result.notification.delivery)
    text = Remark(RemarkCode.NOT_RECORDED)
    if result.outcome.verdict == Verdict.DELIVERED:
        pending.update(state=Delivery.State.DELIVERED, outcome=text, settled_at=now, due_at=None, tries=F("tries") + 1)
    elif _was_last(result) or result.outcome.verdict == Verdict.FAILED:
        pending.update(state=Delivery.State.FAILED, outcome=text, settled_at=now, due_at=None, tries=F("tries") + 1)
    else:
        later = now + timedelta(seconds=max(result.outcome.delay or 0, _UNRECORDED))
        pending.update(outcome=text, due_at=later, scheduled_at=None, tries=F("tries") + 1)


def _was_last(result: Result) -> bool:
    notification = result.notification
    return not notification.extra and notification.tries - notification.extra_tries + 1 >= outcomes.MOST_TRIES


def _write(results: Sequence[Result]) -> None:
    with transaction.atomic():
        endpoints = _lock_endpoints(results)
        _lock_mails(results)
        moved = {
            result.attempt
            for endpoint in endpoints
            for result in endpoint.results
            if result.notification.address_key != endpoint.address_key
        } | _registered_since(results)
        now = clock.now()
        _insert_attempts(results, now)
        _settle_delivered([result for result in results if result.outcome.verdict == Verdict.DELIVERED], now)
        for result in results:
            if result.outcome.verdict != Verdict.DELIVERED:
                _settle_other(_elsewhere(result) if result.attempt in moved else result, now)
        _update_health(endpoints, moved, now)
        for transport in (Transport.SMTP, Transport.APNS):
            _relay(transport, [result for result in results if result.lease.transport == transport], now)
        for host in LIMITED_HOSTS:
            _limits(host, [result for result in results if result.lease.transport == host], now)


_ATTEMPT = (
    "id", "delivery", "number", "started_at", "duration_ms", "verdict", "code", "explanation", "request", "response",
    "timings", "dialled",
)  # fmt: skip


def _insert_attempts(results: Sequence[Result], now: datetime) -> None:
    shift = now - timedelta(seconds=time.monotonic())
    rows = [
        (
            result.attempt,
            result.notification.delivery,
            result.notification.tries + 1,
            shift + timedelta(seconds=result.answer.started),
            result.answer.duration_ms,
            result.outcome.verdict,
            result.answer.code[:30],
            shorten(result.outcome.explanation, 300),
            result.answer.request,
            result.answer.response,
            result.answer.timings,
            result.answer.dialled[:60],
        )
        for result in results
    ]
    bulk.insert(Attempt, _ATTEMPT, rows)


def _settle_delivered(results: Sequence[Result], now: datetime) -> None:
    by_text: dict[str, list[Result]] = {}
    for result in results:
        by_text.setdefault(short_words(result.answer), []).append(result)
    for text, group in by_text.items():
        Delivery.objects.filter(pk__in=[result.notification.delivery for result in group]).update(
            state=Delivery.State.DELIVERED, outcome=text, settled_at=now, due_at=None, tries=F("tries") + 1
        )


def _settle_other(result: Result, now: datetime) -> None:
    pending = Delivery.objects.pending().filter(pk=result.notification.delivery)
    verdict = result.outcome.verdict
    if result.answer.transport_down:
        pending.update(outcome=short_words(result.answer))
    elif verdict == Verdict.GONE and result.lease.transport != Transport.APNS and not result.notification.is_test:
        # It waits for its endpoint, which is disabled, to be enabled again.
        pending.update(due_at=None, outcome=short_words(result.answer), tries=F("tries") + 1)
    elif verdict == Verdict.UNSENT:
        pending.cancel(short_words(result.answer), now)
    elif verdict in {Verdict.FAILED, Verdict.GONE}:
        _fail(pending, result, now)
    elif not _fail(pending.filter(Exists(_of_endpoint(enabled=False))), result, now):
        # (The hook is switched off: a person had this one sent again, once.)
        goes_on = _after_extra(result, now) if result.notification.extra else _as_scheduled(result, now)
        pending.update(outcome=short_words(result.answer), tries=F("tries") + 1, **goes_on)


def _fail(pending: QuerySet[Delivery], result: Result, now: datetime) -> int:
    settled = {"state": Delivery.State.FAILED, "settled_at": now, "due_at": None}
    return pending.update(outcome=short_words(result.answer), tries=F("tries") + 1, **settled)


def _as_scheduled(result: Result, now: datetime) -> dict[str, Any]:
    """Return when a delivery is tried again, after a change to it while the attempt was under way."""
    again: Any = Value(now + timedelta(seconds=result.outcome.delay or 0))
    asked_for_meanwhile = [] if result.notification.asked_for else [When(due_at=AT_ONCE, then=F("due_at"))]
    if result.lease.ordered:
        # Its lane waits; its own place, before what came later, stays.
        again = F("scheduled_at")
        place = asked_for_meanwhile or [When(due_at=AT_ONCE, then=F("created_at"))]
        due_at = Case(*place, default=F("due_at"))
    else:
        due_at = Case(*asked_for_meanwhile, When(_held(), then=None), default=again)
    asked = [When(due_at=AT_ONCE, then=again)] if asked_for_meanwhile else []  # the extra try is still to come
    return {"due_at": due_at, "scheduled_at": Case(*asked, default=None) if asked else None}


def _after_extra(result: Result, now: datetime) -> dict[str, Any]:
    """The schedule goes on as if the extra try had not been; but what is due again already leaves a moment between."""
    goes_on: Any = F("scheduled_at")
    if not result.lease.ordered:  # of those `due_at` is their place
        goes_on = Greatest(goes_on, Value(now + timedelta(seconds=result.outcome.delay or 0)))
    due_at = Case(When(_held(), then=None), default=goes_on)
    return {"due_at": due_at, "scheduled_at": None, "extra_tries": F("extra_tries") + 1}


def _held() -> Q:
    """Match deliveries that stay held: those held meanwhile, and those that a person sent again in spite of a pause."""
    stopped = _of_endpoint(Q(paused=True) | Q(endpoint__disabled_at__isnull=False))
    return Q(due_at__isnull=True) | Q(Exists(stopped))


def _of_endpoint(*conditions: Q, **more: bool) -> QuerySet[Hook]:
    return Hook.objects.filter(*conditions, endpoint=OuterRef("endpoint"), **more)


@dataclass(slots=True)
class _Answers:
    """The answers of one endpoint, in order. Its row is locked."""

    endpoint: UUID
    address_key: str
    in_trouble: bool
    results: list[Result]

    @property
    def plain(self) -> bool:
        """Return True if the endpoint answers as it should and did so before: there is nothing to tell anybody."""
        return not self.in_trouble and all(
            result.outcome.verdict == Verdict.DELIVERED and result.notification.address_key == self.address_key
            for result in self.results
        )


def _lock_endpoints(results: Sequence[Result]) -> list[_Answers]:
    """The endpoints that gave an answer of their own, each with what it answered, in order."""
    answers: dict[UUID, list[Result]] = {}
    for result in sorted(results, key=lambda result: result.answer.started):
        if not result.answer.transport_down:
            answers.setdefault(result.notification.endpoint, []).append(result)
    columns = ("pk", "address_key", "disabled_at", "warned_at")
    rows = lock_endpoints(Endpoint.objects.filter(pk__in=answers).values_list(*columns))
    return [_Answers(pk, key, bool(disabled_at or warned_at), answers[pk]) for pk, key, disabled_at, warned_at in rows]


def _update_health(endpoints: Sequence[_Answers], moved: set[UUID], now: datetime) -> None:
    by_text: dict[str, list[UUID]] = {}
    for each in endpoints:
        if each.plain:
            by_text.setdefault(short_words(each.results[-1].answer), []).append(each.endpoint)
    for text, well in by_text.items():
        health.all_well(well, text, now)
    others = {each.endpoint: each.results for each in endpoints if not each.plain}
    for endpoint in Endpoint.objects.without_secrets().filter(pk__in=others).order_by("pk"):
        answered = [result for result in others[endpoint.pk] if result.outcome.verdict != Verdict.UNSENT]
        here = [result for result in answered if result.attempt not in moved]
        told = [health.Told(each.outcome, short_words(each.answer), each.notification.is_test) for each in here]
        health.update(endpoint, told, now)


def _lock_mails(results: Sequence[Result]) -> None:
    """Lock the deliveries of mail; those of a webhook are guarded by its endpoint."""
    mails = [result.notification.delivery for result in results if result.lease.transport == Transport.SMTP]
    if mails:
        lock_deliveries(Delivery.objects.filter(pk__in=mails).values_list("pk"))


def _registered_since(results: Sequence[Result]) -> set[UUID]:
    """The attempts that found a device gone which has said meanwhile that it is there."""
    gone = [
        result
        for result in results
        if result.lease.transport == Transport.APNS and result.outcome.verdict == Verdict.GONE
    ]
    if not gone:
        return set()
    endpoints = Endpoint.objects.filter(pk__in=[result.notification.endpoint for result in gone])
    known = dict(endpoints.values_list("pk", "options"))
    return {each.attempt for each in gone if known[each.notification.endpoint] != each.notification.options}


def _elsewhere(result: Result) -> Result:
    """Return the result as a retry at once: the address that refused it is no longer the endpoint's."""
    if result.notification.is_test:
        return result
    return replace(result, outcome=replace(result.outcome, verdict=Verdict.RETRY, delay=0))


def _relay(transport: str, results: Sequence[Result], now: datetime) -> None:
    if results:
        probed = any(result.lease.probe for result in results)
        note_transport(transport, results[-1].answer, now, probe=probed)


def _limits(transport: str, results: Sequence[Result], now: datetime) -> None:
    if results:
        probed = any(result.lease.probe for result in results)
        host_limits.note(transport, [result.answer for result in results], now, probe=probed)


def note_transport(transport: str, answer: Answer, now: datetime, *, probe: bool) -> None:
    """The circuit of the mail relay, or of APNs: opened by its being away, closed by any answer that it gives.

    Of many attempts that find it away at the same time the first counts; then only the probes do. Whichever worker
    turns it says so in its log: once when it goes, once when it is back.
    """
    if answer.code in _OF_OUR_OWN:
        return
    # Where there is none it is made, so that the first two workers ever wait for each other.
    circuit = lock_or_make_circuit(transport) if answer.transport_down else lock_circuit(transport)
    if circuit is None:
        return
    if answer.transport_down:
        if circuit.failures and not probe:
            return
        if not circuit.failures:
            _log("%s is away, and what is for it waits: %s", _CALLED[transport], answer.text)
        circuit.failures += 1
        circuit.not_before = now + timedelta(seconds=outcomes.relay_delay(circuit.failures))
        circuit.last_error = shorten(answer.text, 200)
        circuit.save()
    elif circuit.failures:
        _log("%s is back: what waited for it goes out", _CALLED[transport])
        Circuit.objects.filter(pk=transport).update(failures=0, not_before=None, last_error="")


def _log(text: str, *values: str) -> None:
    """Warn once it is committed: what is rolled back is written again, and would be said twice."""
    transaction.on_commit(partial(logger.warning, text, *values))


def short_words(answer: Answer) -> str:
    """Return an answer as short as lists show it."""
    return shorten(outcomes.words_of(answer), 200)
