"""Times and numbers in words, in English and in French."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone, translation

from notifications_project import words

NOW = datetime(2026, 11, 30, 17, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "english", "french"),
    [
        (12, "12 s", "12 s"),
        (245, "4 min", "4 min"),
        (5400, "1 h 30 min", "1 h 30 min"),
        (7 * 3600 + 60, "7 h", "7 h"),
        (86400, "1 day", "1 jour"),
        (3 * 86400, "3 days", "3 jours"),
    ],
)
def test_a_span_has_its_largest_unit(seconds: int, english: str, french: str) -> None:
    for language, text in (("en", english), ("fr", french)):
        with translation.override(language):
            assert words.format_span(seconds).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("seconds", "english", "french"),
    [
        (0, "just now", "à l’instant"),
        (120, "2 min ago", "il y a 2 min"),
        (-240, "in 4 min", "dans 4 min"),
        (30 * 86400, "31 Oct 2026", "31 octobre 2026"),
    ],
)
def test_a_moment_is_told_from_now(seconds: int, english: str, french: str) -> None:
    for language, text in (("en", english), ("fr", french)):
        with translation.override(language):
            assert words.format_relative(NOW - timedelta(seconds=seconds), NOW).replace("\u00a0", " ") == text


def test_exact_times_are_in_the_zone_of_the_user() -> None:
    with timezone.override("Asia/Tokyo"):
        with translation.override("en"):
            assert words.format_exact(NOW) == "1 Dec 2026, 02:00:00 JST"
        with translation.override("fr"):
            assert words.format_exact(NOW) == "1 décembre 2026, 02:00:00 JST"


@pytest.mark.parametrize(("language", "text"), [("en", "12,345"), ("en-gb", "12,345"), ("fr", "12 345")])
def test_thousands_stand_apart(language: str, text: str) -> None:
    with translation.override(language):
        assert words.number(12345).replace("\u00a0", " ").replace("\u202f", " ") == text


def test_a_decimal_has_the_mark_of_the_language() -> None:
    with translation.override("fr"):
        assert words.format_milliseconds(1400).replace("\u00a0", " ") == "1,4 s"
    with translation.override("en"):
        assert (words.format_milliseconds(1400), words.format_milliseconds(212)) == ("1.4 s", "212 ms")
