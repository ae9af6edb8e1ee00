"""Remarks of the console are stored as a code with parameters, and read as words in the reader's language."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
from django.db import connection
from django.utils import translation

from events.models import Event
from hooks import remarks
from hooks.models import Attempt, Circuit, Delivery, Hook
from hooks.queue import pending
from hooks.remarks import Remark, RemarkCode
from hooks.routing import router
from notifications_project.accounts.models import Organization
from tests.conftest import Receiver

FRENCH = {RemarkCode.HOOK_DISABLED: "Le hook a été désactivé", RemarkCode.SENTENCE: "« %(said)s »"}


@pytest.fixture
def french(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remarks, "_WORDS", remarks._WORDS | FRENCH)


def stored(table: str, column: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table}")
        return str(cursor.fetchone()[0])


# --- By itself -----------------------------------------------------------------------------------------------
NESTED = Remark(RemarkCode.LAST_TRY, said=Remark(RemarkCode.SENTENCE, said='503 100 % "busy"'), tries=10)


@pytest.mark.parametrize("remark", [Remark(RemarkCode.NO_MEMBER), NESTED])
def test_a_remark_comes_back_as_it_was_stored(remark: Remark) -> None:
    for again in (remarks.decode(remarks.encode(remark)), copy.deepcopy(remark), pickle.loads(pickle.dumps(remark))):
        assert isinstance(again, Remark)
        assert (again, again.code, again.parameters) == (remark, remark.code, remark.parameters)


@pytest.mark.parametrize(
    "text", ["", "200 OK", "No longer a member", '{"code":"no_member"}', '{"code":', '{"code":{"code":[]}}', "100 %"]
)
def test_a_text_of_somebody_else_stays_text(text: str) -> None:
    again = remarks.decode(remarks.encode(text))
    assert (again, remarks.get_code(again)) == (text, "")


@pytest.mark.parametrize("old", ['{"code":"of_tomorrow"}', '{"code":"last_try","said":"x"}', '{"code":', '{"code":[]}'])
def test_what_is_no_remark_that_is_known_is_shown_as_it_is(old: str) -> None:
    assert (remarks.decode(old), remarks.get_code(remarks.decode(old))) == (old, "")


def test_every_code_has_words() -> None:
    assert set(remarks._WORDS) == set(RemarkCode)


def test_only_what_others_said_is_cut_and_masked() -> None:
    long = Remark(RemarkCode.LAST_TRY, said=Remark(RemarkCode.SENTENCE, said="503 " + "👍🏽" * 300), tries=10)
    short = remarks.shorten(long, 100)
    assert len(short) <= 100
    assert short.endswith("👍🏽. That was the last of 10 attempts.")
    assert remarks.get_code(short) == "last_try"
    masked = remarks.change_texts(long, lambda said: said[:3])
    assert (masked, remarks.get_code(masked)) == ("503. That was the last of 10 attempts.", "last_try")


UNKNOWN = remarks.advise("PagerDuty refused it: %(said)s.", said="wrong key")


def test_advice_of_a_format_is_stored_in_english_and_read_in_the_readers_language() -> None:
    with translation.override("fr"):
        written = remarks.encode(remarks.advise("PagerDuty refused it: %(said)s.", said="wrong key"))
        assert remarks.decode(written) == "PagerDuty l’a refusé\N{NO-BREAK SPACE}: wrong key."
    assert "PagerDuty refused it" in written
    assert remarks.decode(written) == "PagerDuty refused it: wrong key."
    assert remarks.get_code(remarks.decode(written)) == "advice"
    with translation.override("fr"):
        assert remarks.describe(UNKNOWN).startswith("PagerDuty l’a refusé")


def test_the_words_of_an_advice_are_neither_cut_nor_masked() -> None:
    short = remarks.shorten(remarks.advise("PagerDuty refused it: %(said)s.", said="x" * 300), 100)
    assert (len(short), short[:25]) == (100, "PagerDuty refused it: xxx")
    assert remarks.change_texts(UNKNOWN, str.upper) == "PagerDuty refused it: WRONG KEY."


@pytest.mark.parametrize("old", ['{"code":"advice"}', '{"code":"advice","text":"%(said)s"}'])
def test_a_broken_advice_is_shown_as_it_was_stored(old: str) -> None:
    assert remarks.decode(old) == old


@pytest.mark.usefixtures("french")
def test_words_are_made_anew_in_another_language() -> None:
    assert remarks.describe(NESTED) == '« 503 100 % "busy" » That was the last of 10 attempts.'
    assert remarks.describe("Bad Gateway") == "Bad Gateway"


# --- In the tables -------------------------------------------------------------------------------------------
def test_an_answer_is_stored_with_its_code_and_told_in_the_readers_words(
    webhook: Callable[..., Hook],
    record: Callable[..., Event],
    pump: Callable[[], None],
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    receiver.status = 503
    webhook()
    record("git.push")
    pump()
    assert stored("hooks_attempt", "explanation") == '{"code":"sentence","said":"503 SERVICE UNAVAILABLE"}'
    monkeypatch.setattr(remarks, "_WORDS", remarks._WORDS | FRENCH)
    attempt = Attempt.objects.get()
    assert attempt.explanation == "« 503 SERVICE UNAVAILABLE »"
    attempt.save()
    assert stored("hooks_attempt", "explanation") == '{"code":"sentence","said":"503 SERVICE UNAVAILABLE"}'


def test_why_a_delivery_was_cancelled_is_stored_by_its_code(
    webhook: Callable[..., Hook], record: Callable[..., Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = webhook()
    record("git.push")
    router.route()
    pending.cancel_for_hook(hook, Remark(RemarkCode.HOOK_DISABLED))
    assert stored("hooks_delivery", "outcome") == '{"code":"hook_disabled"}'
    monkeypatch.setattr(remarks, "_WORDS", remarks._WORDS | FRENCH)
    assert Delivery.objects.get().outcome == "Le hook a été désactivé"
    assert set(Delivery.objects.values_list("outcome", flat=True)) == {"Le hook a été désactivé"}


@pytest.mark.django_db
def test_words_that_were_stored_before_are_shown_as_they_are(acme: Organization) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO hooks_circuit (transport, failures, last_error) VALUES ('apns', 1, 'Apple is away')"
        )
    assert (Circuit.objects.get().last_error, remarks.get_code(Circuit.objects.get().last_error)) == (
        "Apple is away",
        "",
    )
