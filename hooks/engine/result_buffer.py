"""Answers that are judged and wait to be written: a batch in one transaction costs little more than one of them."""

from __future__ import annotations

import logging
import time

from hooks.engine import judging, record
from hooks.engine.judging import Result
from hooks.engine.leased_lanes import Answered
from hooks.engine.transport_circuits import KnownTransports
from hooks.messages import Answer, Verdict
from hooks.remarks import Remark, RemarkCode

logger = logging.getLogger(__name__)

_WRITE_AFTER = 0.05  # seconds that an answer waits for others to be written down with
_WRITE_AT = 200  # answers


class ResultBuffer:
    """Results of one pump that the database does not have yet. They stay here while it is away."""

    def __init__(self, transports: KnownTransports) -> None:
        self._transports = transports
        self._results: list[Result] = []
        self._since = 0.0
        self._is_unsure = False  # whether these results were written before the database went away

    def is_empty(self) -> bool:
        return not self._results

    def is_due(self) -> bool:
        """Return True if enough results wait, or they wait for long enough."""
        return len(self._results) >= _WRITE_AT or time.monotonic() - self._since >= _WRITE_AFTER

    def add(self, answered: Answered) -> None:
        """Judge an answer at once, and keep the result; stop the lane if the answer says so."""
        lane, notification, answer = answered.lane, answered.notification, answered.answer
        try:
            result = judging.judge_answer(lane.lease, notification, answer)
        except Exception:
            logger.exception("the answer to delivery %s cannot be judged", notification.webhook_id)
            plain = Answer("error", Remark(RemarkCode.NOT_JUDGED), answer.started, answer.duration_ms)
            result = judging.judge_answer(lane.lease, notification, plain)
        if not self._results:
            self._since = time.monotonic()
        self._results.append(result)
        if answer.transport_down or lane.lease.not_before is not None or result.outcome.verdict == Verdict.GONE:
            lane.is_stopped = True

    def write(self) -> list[Result]:
        """Write all results down, and return them. They stay here if the database raises an error."""
        record.write(self._results, is_repeat=self._is_unsure)
        self._is_unsure = False
        written, self._results = self._results, []
        if any(result.answer.transport_down or result.lease.is_probe for result in written):
            self._transports.forget()
        return written

    def note_outage(self) -> None:
        """Remember that the database went away: what it has already of these results is not written twice."""
        self._is_unsure = True
