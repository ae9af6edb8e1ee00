"""The words about events: every type in both languages, with any data."""

from __future__ import annotations

import unicodedata
from threading import Thread
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as some

from events import catalogue
from events.catalogue import Outcome, Subject
from hooks.wording import SENTENCES, Story, tell
from tests.hooks.notifications import APPLICATION, EVENT, ORGANIZATION, notification

TYPES = sorted(catalogue.EVENT_TYPES)
LANGUAGES = ["en", "fr"]
OF_APPLICATIONS = {
    *(Subject.STACK, Subject.SERVER, Subject.JOB, Subject.PROCESS),
    *(Subject.APPLICATION, Subject.ADDON, Subject.REPOSITORY),
}


def words(story: Story) -> list[str]:
    facts = [text for fact in (*story.facts, story.when) for text in fact]
    return [story.title, story.subject, story.line, story.link, *facts]


def facts(data: dict[str, Any], event_type: str = "process.down") -> list[str]:
    """Return the facts after organization and application."""
    return [f"{label}: {value}" for label, value in tell(notification(event_type, data)).facts[2:]]


# --- Every type --------------------------------------------------------------------------------------------------
def test_every_type_of_the_catalogue_has_words_and_no_other() -> None:
    assert {name.partition(" ")[0] for name in SENTENCES} == set(catalogue.EVENT_TYPES)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("resource", ["front", None])
@pytest.mark.parametrize("event_type", TYPES)
def test_a_type_is_told_in_whole_sentences(event_type: str, resource: str | None, language: str) -> None:
    story = tell(notification(event_type, resource=resource), language)
    assert all(words(story))
    assert not [text for text in words(story) if "None" in text or "{" in text or "%(" in text]
    assert story.line.endswith(".")
    assert not story.line.endswith("..")
    assert story.outcome == catalogue.EVENT_TYPES[event_type].outcome
    assert story.language == language


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("event_type", TYPES)
def test_a_type_is_told_although_nothing_is_known(event_type: str, language: str) -> None:
    story = tell(notification(event_type, {}, None, organization="", representation="null"), language)
    assert story.title
    assert story.subject
    assert len(story.line) > 5
    assert story.facts == ()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("event_type", TYPES)
def test_the_application_is_named(event_type: str, language: str) -> None:
    story = tell(notification(event_type), language)
    assert story.subject.startswith("front")
    assert "front" in dict(story.facts).values()
    if catalogue.EVENT_TYPES[event_type].subject in OF_APPLICATIONS:
        assert "front" in story.title
        assert "front" in story.line


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("part", ["title", "line", "subject"])
def test_no_two_types_are_told_alike(part: str, language: str) -> None:
    told = [getattr(tell(notification(event_type), language), part) for event_type in TYPES]
    assert len(set(told)) == len(TYPES)


@pytest.mark.parametrize("event_type", TYPES)
def test_french_is_not_english(event_type: str) -> None:
    english, french = (tell(notification(event_type), language) for language in LANGUAGES)
    assert english.title != french.title
    assert english.line != french.line
    assert english.when[0] != french.when[0]


@pytest.mark.parametrize(
    ("event_type", "data", "title", "subject", "line"),
    [
        (
            "stack.redeploy.fail",
            {
                "commit": "4c5e0b3a2f9d8e7c6b5a49382716f5e4d3c2b1a0",
                "git_branch": "main",
                "deploy_context": {
                    "triggered_by": "grace@example.com",
                    "started_at": "2026-01-05T12:20:03Z",
                    "finished_at": "2026-01-05T12:30:45Z",
                },
                "reason": "The tests failed.",
            },
            "Deployment of front failed",
            "front: deployment failed",
            "The deployment of the application front started by grace@example.com failed"
            " (commit 4c5e0b3a of branch main, after 10 min 42 s): The tests failed.",
        ),
        (
            "stack.redeploy.ok",
            {"by": {"name": "Grace"}, "duration": 3725},
            "Deployment of front succeeded",
            "front: deployment succeeded",
            "Grace deployed the application front (in 1 h 2 min).",
        ),
        (
            "stack.deploy.ended",
            {"state": "CANCELLED"},
            "Deployment of front cancelled",
            "front: deployment cancelled",
            "The deployment of the application front was cancelled.",
        ),
        (
            "git.push",
            {"branch": "refs/heads/next", "pushed_by": "grace", "commits": [{}, {}, {"message": "Fix", "author": {}}]},
            "Git push to branch next of front",
            "front: push to branch next",
            "grace pushed 3 commits to branch next of the application front.",
        ),
    ],
)
def test_what_is_known_is_said(event_type: str, data: dict[str, Any], title: str, subject: str, line: str) -> None:
    story = tell(notification(event_type, data))
    assert (story.title, story.subject, story.line.replace("\u00a0", " ")) == (title, subject, line)


def test_french_follows_the_customs_of_french() -> None:
    story = tell(notification("credits.warning", resource=None), "fr")
    assert story.line == (
        "Il reste à l’organisation Acme 4,20\u00a0EUR de crédits, ce qui suffira jusqu’au 9 janvier 2026 à 00:00 UTC"
        " (le seuil d’alerte est de 5,00\u00a0EUR)."
    )
    assert (
        tell(notification("job.fail"), "fr").subject == "front\u00a0: échec de la tâche «\u00a0Nightly invoices\u00a0»"
    )


def test_what_is_not_about_an_application_is_not_called_by_its_name() -> None:
    story = tell(notification("organization.member_added", resource=None))
    assert story.title == "New member of Acme: linus@example.com"
    assert story.subject == "New member linus@example.com"
    assert dict(story.facts)["Role"] == "developer"


def test_a_type_that_the_catalogue_has_lost_is_told_by_its_name() -> None:
    story = tell(notification("stack.forgotten", {}))
    assert story.title == "Event stack.forgotten of front"
    assert story.line == "The event stack.forgotten happened to the application front."
    assert story.outcome == Outcome.NEUTRAL


# --- Facts -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"process_name": "nginx", "server": {"name": "Meerkat"}}, ["Process: nginx", "Server: Meerkat"]),
        ({"server": {"name": "Meerkat", "uid": "1", "ip": "::1"}}, ["Server: Meerkat", "server.ip: ::1"]),
        ({"a": {"b": {"c": 1}}}, ["a.b.c: 1"]),
        ({"a": {"b": {"c": {"d": 1, "e": 2}}}}, ["a.b.c: (2 values)"]),
        ({"paused": False, "active": True}, ["paused: no", "active: yes"]),
        ({"tags": ["web", 2, True, None]}, ["tags: web, 2, yes, none"]),
        ({"commits": [{"id": "1"}, {"id": "2"}]}, ["commits: (2 entries)"]),
        ({"left": None, "out": {}, "also": [], "zero": 0, "empty": ""}, ["zero: 0"]),
        ({"size": 12.5, "text": "ü"}, ["size: 12.5", "text: ü"]),
        ({"branch": ["main"], "commit": {"no": "id"}}, ["branch: main", "commit.no: id"]),
        ({"git": "https://user:secret@git.example.com/shop.git"}, ["Repository: https://git.example.com/shop.git"]),
        ({"amount": "1234.5", "currency": "EUR"}, ["Amount: 1234.50\u00a0EUR"]),
        ({"amount": "much", "currency": 3}, ["Amount: much", "currency: 3"]),
        ({"reason": "one\r\ntwo\x00\u202ethree\u200f"}, ["Reason: one two three"]),
        ({"reason": "half \ud800 a pair"}, ["Reason: half \ufffd a pair"]),
        ({"uid": "b1d5", "created_at": "2026-01-05"}, []),
        ({"duration": -1, "started_at": "2026-01-05T12:00:00Z"}, ["duration: -1", "started_at: 2026-01-05T12:00:00Z"]),
    ],
)
def test_data_is_told_as_facts_without_the_signs_of_json(data: dict[str, Any], told: list[str]) -> None:
    assert facts(data) == told


@pytest.mark.parametrize("event_type", TYPES)
def test_no_sample_shows_json_to_a_person(event_type: str) -> None:
    for label, value in tell(notification(event_type)).facts:
        assert not {"{", "[", "_", "."} & set(label)
        assert "{" not in value
        assert "[" not in value


def test_no_more_than_twenty_facts_are_told() -> None:
    told = facts({f"name{number}": number for number in range(23)})
    assert len(told) == 19
    assert told[-1] == "More: 5 in the console"
    assert len(facts({"all": {f"name{number}": number for number in range(18)}})) == 18


def test_a_long_value_is_cut() -> None:
    (fact,) = facts({"log": "x" * 100_000})
    assert len(fact) < 220
    assert fact.endswith("…")


def test_a_test_says_that_it_is_one() -> None:
    story = tell(notification("process.down", {"test": True}, is_test=True))
    assert story.is_test
    assert story.note.startswith("This is a test")
    assert ("test", "yes") not in story.facts
    assert tell(notification("process.down")).note == ""


# --- Where it leads, what belongs together -----------------------------------------------------------------------
def test_the_link_leads_to_the_event_in_the_console(settings: LazySettings) -> None:
    settings.PUBLIC_URL = "https://console.example.com"
    url = "https://console.example.com/organizations/" + ORGANIZATION + "/events/"
    assert tell(notification("job.fail")).url == f"{url}{EVENT}/"
    assert tell(notification("job.fail", {"event_id": "../../x"})).url == url


def test_what_happens_to_an_application_is_one_thread() -> None:
    assert {tell(notification(each), "fr").thread for each in ("job.fail", "stack.redeploy.ok")} == {APPLICATION}


def test_what_has_no_application_is_a_thread_by_what_it_is_about() -> None:
    stopped, back, failed = (
        tell(notification(each, resource=None)).thread for each in ("server.stopped", "server.backon", "job.fail")
    )
    assert stopped == back == f"{ORGANIZATION}.server"
    assert failed != stopped


# --- Languages ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("asked", "given"), [("fr", "fr"), ("fr-CA", "fr"), ("en-gb", "en"), ("de", "en"), ("\0", "en"), ("", "en")]
)
def test_the_nearest_language_is_spoken(asked: str, given: str) -> None:
    assert tell(notification("job.fail"), asked).language == given


def test_without_a_language_the_platform_s_is_spoken(settings: LazySettings) -> None:
    assert tell(notification("job.fail")).language == "en"
    settings.MESSAGE_LANGUAGE = "fr"
    assert (
        tell(notification("job.fail")).title
        == "Échec de la tâche «\u00a0Nightly invoices\u00a0» de l’application front"
    )


def test_telling_leaves_the_language_of_its_surroundings_alone() -> None:
    """Formats write in threads that others use as well."""
    with translation.override("en"):
        tell(notification("job.fail"), "fr")
        assert translation.get_language() == "en"
    titles: list[str] = []
    threads = [Thread(target=lambda: titles.append(tell(notification("job.fail"), "fr").title)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(titles) == {"Échec de la tâche «\u00a0Nightly invoices\u00a0» de l’application front"}


# --- Whatever the data is ----------------------------------------------------------------------------------------
NAMES = (
    "name user by app commit commits branch git repository server job process_name hook reason role state amount"
    " balance currency threshold runs_out_at deploy_context triggered_by started_at finished_at duration params command"
    " id resource kind event_id organization message author after failing_since last_answer fqdn member"
)
KEYS = some.sampled_from(NAMES.split())
TEXTS = some.one_of(
    some.text(some.characters(codec=None)),  # halves of surrogate pairs as well
    some.sampled_from(
        [
            "",
            " ",
            "%(application)s %s %",
            "{name} {{ name }} {% if %}",
            "<!channel> <@U1|x> *b* _i_ `c` [a](b) @everyone & < >",
            "\u202eevil\u2066\u200f\u061c",
            "a\r\nBcc: b@example.com\0\x1b[31m\x85\u2028",
            "الموقع معطل",
            "👨\u200d👩\u200d👧" * 60,
            "0" * 40,
            "f" * 40,
            "2026-01-05T12:20:03Z",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "NaN",
            "1e999999",
            "-0",
            "x" * 100_000,
            "\u200b" * 5_000,
        ]
    ),
)
VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | TEXTS,
    lambda inner: some.lists(inner, max_size=5) | some.dictionaries(KEYS | TEXTS, inner, max_size=30),
    max_leaves=10,
)


def assert_fit_to_be_shown(story: Story) -> None:
    texts = words(story)
    assert len(story.title) <= 200
    assert len(story.subject) <= 200
    assert len(story.line) <= 600
    assert len(story.facts) <= 21
    for text in texts:
        assert text.strip()
        assert len(text) <= 600
        text.encode()
        assert not [sign for sign in text if unicodedata.category(sign) in {"Cc", "Cs", "Zl", "Zp"}]
        assert not set(text) & set(
            "\u200b\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
        )
    assert all(len(label) <= 60 and len(value) <= 200 for label, value in story.facts)
    assert story.thread.isascii()
    assert 0 < len(story.thread) <= 64
    assert story.url.isascii()


@settings(deadline=None)  # what is measured is mostly how long it takes to think of data
@given(
    event_type=some.sampled_from(TYPES) | TEXTS,
    data=some.dictionaries(KEYS | TEXTS, VALUES, max_size=8),
    resource=some.none() | TEXTS,
    organization=TEXTS,
    language=some.sampled_from(LANGUAGES),
)
def test_any_data_is_told(
    event_type: str, data: dict[str, Any], resource: str | None, organization: str, language: str
) -> None:
    assert_fit_to_be_shown(tell(notification(event_type, data, resource, organization=organization), language))


@settings(deadline=None)
@given(representation=some.text() | some.sampled_from(["", "[", "[]", "1" * 5000, "[" * 100_000, '{"a":' * 100_000]))
def test_what_is_no_representation_is_told(representation: str) -> None:
    assert_fit_to_be_shown(tell(notification("job.fail", representation=representation), "fr"))
