"""Answers are judged here that no receiver gives in another test: what they mean for their delivery."""

from __future__ import annotations

import pytest

from hooks.messages import Answer
from hooks.queue import outcomes
from hooks.remarks import Remark, RemarkCode, describe


@pytest.mark.parametrize("text", ["No such scheme.", "No such scheme", Remark(RemarkCode.NOT_HTTP)])
def test_a_request_that_cannot_be_made_fails_at_once(text: str) -> None:
    outcome = outcomes.judge(Answer("invalid", text, 0.0, 0), 1)
    assert (outcome.verdict, outcome.delay, outcome.refused) == ("failed", None, True)
    assert ".." not in describe(outcome.explanation)
