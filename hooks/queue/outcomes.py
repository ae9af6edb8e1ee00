"""The one table of outcomes (docs/webhooks.md): what an answer means, and when the next try is."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

from hooks.messages import Answer, Verdict
from hooks.remarks import Remark, RemarkCode, shorten

_MINUTE, _HOUR = 60, 3600
# Seconds until the next try, after the first, second, … try. Ten tries in all, over about three days.
RETRY_AFTER_TRY = (5, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR)
MOST_TRIES = len(RETRY_AFTER_TRY) + 1
JITTER = 0.1
LONGEST_HOLD = _HOUR  # of a Retry-After

FAILING_WARNED_AFTER = timedelta(hours=1)
FAILING_DISABLED_AFTER = timedelta(days=5)
LEAST_NOTICE = timedelta(days=1)  # between telling that deliveries fail for good and disabling the endpoint for it

CIRCUIT_OPENS_AFTER = 5  # failures of different deliveries in a row
_FIRST_PROBE, _LONGEST_PROBE = 30, 10 * _MINUTE

_NEVER_AGAIN = {400, 413, 422}
_WRONG_SETTING = {
    401: RemarkCode.WRONG_CREDENTIALS,
    403: RemarkCode.NO_PERMISSION,
    404: RemarkCode.NOT_FOUND,
    405: RemarkCode.NO_POST,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The meaning of an answer, for its delivery and its lane.

    `delay`: seconds to the next try; `hold`: seconds for which the whole lane waits, as its receiver asked for;
    `refused`: it failed because of the message, which the receiver will not take at any later time either.
    """

    verdict: Verdict
    explanation: str
    delay: float | None = None
    hold: float | None = None
    refused: bool = False


def judge(answer: Answer, tries: int, *, is_test: bool = False, is_extra: bool = False) -> Outcome:
    """Return what an answer means for its delivery.

    `tries`: scheduled tries so far, this one included; `is_test`: a test, which is tried once; `is_extra`: a try that
    a person asked for, after which the scheduled ones go on as if there had been none. What a service is known to mean
    by its answer (`Answer.meaning`, by its format) goes before what the status says.
    """
    if answer.transport_down:
        return Outcome(Verdict.RETRY, Remark(RemarkCode.DOES_NOT_COUNT, said=answer.text), delay=0)
    if answer.arrived:
        return Outcome(Verdict.DELIVERED, answer.text or Remark(RemarkCode.DELIVERED))
    if answer.meaning == Verdict.GONE:
        if not answer.code.startswith("smtp"):
            return Outcome(Verdict.GONE, answer.text)
        return Outcome(Verdict.GONE, Remark(RemarkCode.ADDRESS_REFUSED, status=answer.status or "", said=answer.text))
    if answer.meaning == Verdict.UNSENT:
        return Outcome(Verdict.UNSENT, answer.text)
    if answer.meaning == Verdict.FAILED:
        return Outcome(Verdict.FAILED, Remark(RemarkCode.NO_FURTHER_TRY, said=answer.text), refused=True)
    if not answer.meaning and answer.code == "410":
        return Outcome(Verdict.GONE, Remark(RemarkCode.GONE_FOR_GOOD))
    if not answer.meaning and answer.code == "invalid":
        said = answer.text if isinstance(answer.text, Remark) else answer.text.rstrip(".")
        return Outcome(Verdict.FAILED, Remark(RemarkCode.NOTHING_SENT, said=said), refused=True)
    if not answer.meaning and answer.status in _NEVER_AGAIN:
        return Outcome(Verdict.FAILED, Remark(RemarkCode.MESSAGE_REFUSED, said=describe_answer(answer)), refused=True)
    if answer.code.startswith("smtp 5"):
        return Outcome(Verdict.FAILED, Remark(RemarkCode.RELAY_REFUSED, said=answer.text), refused=True)
    if is_test:
        return Outcome(Verdict.FAILED, _explain_failure(answer))
    hold = None if answer.retry_after is None else min(max(answer.retry_after, 1.0), LONGEST_HOLD)
    if is_extra:
        why = Remark(RemarkCode.EXTRA_TRY, said=_explain_failure(answer))
        return Outcome(Verdict.RETRY, why, delay=RETRY_AFTER_TRY[0], hold=hold)
    if tries >= MOST_TRIES:
        return Outcome(
            Verdict.FAILED, Remark(RemarkCode.LAST_TRY, said=_explain_failure(answer), tries=MOST_TRIES), hold=hold
        )
    pause = RETRY_AFTER_TRY[tries - 1] * random.uniform(1, 1 + JITTER)  # noqa: S311  (spreads load, guards nothing)
    return Outcome(Verdict.RETRY, _explain_failure(answer), delay=max(pause, hold or 0), hold=hold)


def get_probe_delay(failures: int) -> float:
    """Return the seconds until the next probe of an open circuit, growing with each failure in a row."""
    beyond = min(max(failures - CIRCUIT_OPENS_AFTER, 0), 10)
    return float(min(_FIRST_PROBE * 2**beyond, _LONGEST_PROBE))


def get_relay_delay(failures: int) -> float:
    """Return the seconds until a transport that was away is tried again, growing with each failure in a row."""
    return float(min(5 * 2 ** min(failures, 10), _LONGEST_PROBE))


def describe_answer(answer: Answer) -> str:
    """Return what an answer says, behind its status if it has one."""
    if isinstance(answer.text, Remark) and answer.status:
        return Remark(RemarkCode.ANSWER, status=answer.code, said=answer.text)
    return f"{answer.code} {answer.text}".strip() if answer.status else answer.text


def shorten_answer(answer: Answer) -> str:
    """Return what an answer says, as short as lists show it."""
    return shorten(describe_answer(answer), 200)


def _explain_failure(answer: Answer) -> str:
    """Return what to do about an answer that is no success, as far as the console knows."""
    status = answer.status or 0
    if answer.meaning:
        return answer.text
    if 300 <= status < 400:
        return Remark(RemarkCode.REDIRECTED, said=describe_answer(answer))
    if status in _WRONG_SETTING:
        return Remark(_WRONG_SETTING[status], said=describe_answer(answer))
    if answer.retry_after is not None:
        return Remark(RemarkCode.ASKED_TO_WAIT, said=describe_answer(answer), seconds=int(answer.retry_after))
    return Remark(RemarkCode.SENTENCE, said=describe_answer(answer))
