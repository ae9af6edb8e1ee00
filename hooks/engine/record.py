"""Writes down what attempts brought: attempts, deliveries, the health of endpoints, and the circuits of transports."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction

from hooks import clock
from hooks.endpoints import health
from hooks.engine import host_limits, settling, transport_circuits
from hooks.engine.judging import Result
from hooks.engine.settling import put_aside
from hooks.formats import LIMITED_HOSTS
from hooks.locking import lock_deliveries, lock_endpoints
from hooks.messages import Transport, Verdict
from hooks.models import Attempt, Delivery, Endpoint
from hooks.queue.outcomes import shorten_answer
from hooks.remarks import Remark, RemarkCode, shorten
from notifications_project import bulk
from notifications_project.isolation import isolate

logger = logging.getLogger(__name__)

_ATTEMPT_FIELDS = (
    "id", "delivery", "number", "started_at", "duration_ms", "verdict", "code", "explanation", "request", "response",
    "timings", "dialled",
)  # fmt: skip


def write(results: Sequence[Result], *, is_repeat: bool = False) -> None:
    """Record a batch in one transaction. A delivery settled meanwhile (cancelled) keeps its state unless it arrived.

    A result that cannot be written as it is (the database refuses to hold it, a row that it is about is rotten) is
    recorded without what was sent and answered, and if that fails as well its delivery is tried later.
    `is_repeat`: the database went away while these were written; what it has already is left out. Raises
    OperationalError or InterfaceError if it is away now; then some of the results may be written, and others not.
    """
    if is_repeat:
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
                with isolate(what, partial(put_aside, result)):
                    _write([_strip_content(result)])


def _strip_content(result: Result) -> Result:
    """Return the result without what was sent and answered: something in it the database refuses to hold."""
    text = Remark(RemarkCode.NOT_STORED)
    bare = replace(result.answer, request={}, response={}, text=text, dialled="")
    return replace(result, answer=bare, outcome=replace(result.outcome, explanation=text))


def _write(results: Sequence[Result]) -> None:
    """Write results in one transaction, all or none. Locks are taken in the order of `hooks.locking`."""
    with transaction.atomic():
        endpoints = _lock_endpoints(results)
        _lock_mails(results)
        moved = {
            result.attempt
            for endpoint in endpoints
            for result in endpoint.results
            if result.notification.address_key != endpoint.address_key
        } | _find_registered_since(results)
        now = clock.now()
        _insert_attempts(results, now)
        settling.settle_delivered([result for result in results if result.outcome.verdict == Verdict.DELIVERED], now)
        for result in results:
            if result.outcome.verdict != Verdict.DELIVERED:
                settling.settle_other(_retry_at_new_address(result) if result.attempt in moved else result, now)
        _update_health(endpoints, moved, now)
        _note_circuits(results, now)


def _insert_attempts(results: Sequence[Result], now: datetime) -> None:
    """Insert the attempts, with their monotonic times turned into the database's."""
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
    bulk.insert(Attempt, _ATTEMPT_FIELDS, rows)


@dataclass(slots=True)
class _EndpointResults:
    """The results of one endpoint, in order. Its row is locked."""

    endpoint: UUID
    address_key: str
    in_trouble: bool
    results: list[Result]

    @property
    def is_plain(self) -> bool:
        """Return True if the endpoint answers as it should and did so before: there is nothing to tell anybody."""
        return not self.in_trouble and all(
            result.outcome.verdict == Verdict.DELIVERED and result.notification.address_key == self.address_key
            for result in self.results
        )


def _lock_endpoints(results: Sequence[Result]) -> list[_EndpointResults]:
    """Lock the endpoints that gave an answer of their own; return each with its results, in order."""
    answers: dict[UUID, list[Result]] = {}
    for result in sorted(results, key=lambda result: result.answer.started):
        if not result.answer.transport_down:
            answers.setdefault(result.notification.endpoint, []).append(result)
    columns = ("pk", "address_key", "disabled_at", "warned_at")
    rows = lock_endpoints(Endpoint.objects.filter(pk__in=answers).values_list(*columns))
    return [
        _EndpointResults(pk, key, bool(disabled_at or warned_at), answers[pk])
        for pk, key, disabled_at, warned_at in rows
    ]


def _update_health(endpoints: Sequence[_EndpointResults], moved: set[UUID], now: datetime) -> None:
    """Write down how the endpoints answer. `moved`: attempts at an address that is no longer the endpoint's."""
    by_text: dict[str, list[UUID]] = {}
    for each in endpoints:
        if each.is_plain:
            by_text.setdefault(shorten_answer(each.results[-1].answer), []).append(each.endpoint)
    for text, well in by_text.items():
        health.mark_all_well(well, text, now)
    others = {each.endpoint: each.results for each in endpoints if not each.is_plain}
    for endpoint in Endpoint.objects.without_secrets().filter(pk__in=others).order_by("pk"):
        answered = [result for result in others[endpoint.pk] if result.outcome.verdict != Verdict.UNSENT]
        here = [result for result in answered if result.attempt not in moved]
        answers = [health.Told(one.outcome, shorten_answer(one.answer), one.notification.is_test) for one in here]
        health.update(endpoint, answers, now)


def _lock_mails(results: Sequence[Result]) -> None:
    """Lock the deliveries of mail; those of a webhook are guarded by its endpoint."""
    mails = [result.notification.delivery for result in results if result.lease.transport == Transport.SMTP]
    if mails:
        lock_deliveries(Delivery.objects.filter(pk__in=mails).values_list("pk"))


def _find_registered_since(results: Sequence[Result]) -> set[UUID]:
    """Return the attempts that found a device gone which has registered again meanwhile."""
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


def _retry_at_new_address(result: Result) -> Result:
    """Return the result as a retry at once: the address that refused it is no longer the endpoint's."""
    if result.notification.is_test:
        return result
    return replace(result, outcome=replace(result.outcome, verdict=Verdict.RETRY, delay=0))


def _note_circuits(results: Sequence[Result], now: datetime) -> None:
    """Open or close the circuits of the transports and limited services that these results are about."""
    by_transport: dict[str, list[Result]] = {}
    for result in results:
        by_transport.setdefault(result.lease.transport, []).append(result)
    # In this order in every transaction: each locks a row.
    for name in (Transport.SMTP, Transport.APNS, *LIMITED_HOSTS):
        if not (noted := by_transport.get(name)):
            continue
        is_probe = any(result.lease.is_probe for result in noted)
        if name in LIMITED_HOSTS:
            host_limits.note_answers(name, [result.answer for result in noted], now, is_probe=is_probe)
        else:
            transport_circuits.note_answer(name, noted[-1].answer, now, is_probe=is_probe)
