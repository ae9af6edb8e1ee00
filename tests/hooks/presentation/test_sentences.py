"""The sentences of pages about hooks and deliveries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import LazySettings
from django.utils import translation

from events.models import Event, Resource
from hooks.manage import rules
from hooks.manage.rules import Notify
from hooks.models import Delivery, Endpoint, Hook, HookProblem, Lane
from hooks.presentation import conditions, delivery_sentences, hook_sentences, phrases
from hooks.presentation.conditions import Condition
from hooks.queue.lanes import AT_ONCE
from notifications_project.accounts.models import Organization, User

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (["a", "b", "c", "d", "e", "f"], "a, b, c and 3 more"),
    ],
)
def test_names_are_listed_as_a_person_would(names: list[str], words: str) -> None:
    assert phrases.join_names(names) == words


def email_hook(acme: Organization, **fields: object) -> Hook:
    fields = {"name": "On call", "notify": Notify(members=True), **fields}
    return rules.create_email_hook(organization=acme, actor=None, **fields)  # type: ignore[arg-type]


def application(acme: Organization, name: str) -> Resource:
    return Resource.objects.create(organization=acme, kind="application", name=name)


def test_a_hook_without_choices_is_about_everything(acme: Organization) -> None:
    assert hook_sentences.describe_hook(email_hook(acme)) == "Every event, for every application and add-on"


def test_a_hook_says_its_events_and_resources_in_the_words_of_the_catalogue(acme: Organization) -> None:
    shop, blog = application(acme, "shop"), application(acme, "blog")
    hook = email_hook(acme, events=["deployment-result", "process.down"], resources=[shop.pk, blog.pk])
    assert hook_sentences.describe_hook(hook) == (
        "Result of deployments (success/fail) and Process is down, for blog and shop"
    )


NONE_LEFT = "Nothing: it is restricted to applications and add-ons, and none of them is left"


def test_a_hook_whose_last_resource_is_gone_says_that_it_matches_nothing(acme: Organization) -> None:
    shop = application(acme, "shop")
    hook = email_hook(acme, resources=[shop.pk])
    shop.delete()
    assert hook_sentences.describe_hook(hook) == NONE_LEFT
    assert conditions.find_hook_condition(hook).word == "Matches nothing"


def test_a_hook_that_was_made_for_no_resource_is_not_said_to_have_lost_any(acme: Organization) -> None:
    hook = email_hook(acme, resources=[])
    assert hook_sentences.describe_hook(hook) == NONE_LEFT
    assert "gone" not in NONE_LEFT


def test_a_hook_whose_event_types_are_gone_says_that_it_matches_nothing(acme: Organization) -> None:
    hook = email_hook(acme)
    hook.events = ["stack.retired"]
    assert hook_sentences.describe_hook(hook) == "Nothing: the event types that were chosen no longer exist"


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({}, ""),
        ({"ordered": True}, "In strict order"),
        ({"rate": 5.0}, "At most 5 a second"),
        ({"rate": 2.5, "burst": 10}, "At most 2.5 a second, up to 10 at once after a pause"),
        ({"rate": 0.1, "ordered": True}, "In strict order, at most one in 10 s"),
    ],
)
def test_the_pace_in_words(chosen: dict[str, object], words: str) -> None:
    lane = Lane(**chosen)  # type: ignore[arg-type]
    assert hook_sentences.describe_pace(Hook(kind="webhook", endpoint=Endpoint(lane=lane))) == words


def test_an_email_hook_has_no_pace(acme: Organization) -> None:
    assert hook_sentences.describe_pace(email_hook(acme)) == ""


@pytest.mark.parametrize(
    ("notify", "words"),
    [
        (Notify(members=True), "Every member"),
        (Notify(members=True, addresses=["ops@example.org"]), "Every member and ops@example.org"),
        (Notify(roles=["admin", "accounting"]), "Administrators and accounting"),
        (Notify(addresses=["ops@example.org"]), "ops@example.org"),
    ],
)
def test_recipients_in_words(acme: Organization, notify: Notify, words: str) -> None:
    assert hook_sentences.describe_recipients(email_hook(acme, notify=notify)) == words


def test_recipients_who_all_left_are_nobody(acme: Organization, dave: User) -> None:
    hook = email_hook(acme, notify=Notify(users=[dave.pk]))
    assert hook_sentences.describe_recipients(hook) == "Dave"
    hook.notify_users.clear()
    assert hook_sentences.describe_recipients(hook).startswith("Nobody")


def state_of(**fields: object) -> str:
    hook_fields = {name: fields.pop(name) for name in ("paused", "enabled") if name in fields}
    hook = Hook(kind="webhook", name="x", endpoint=Endpoint(kind="webhook", **fields), **hook_fields)  # type: ignore[arg-type]
    return conditions.find_hook_condition(hook).word


def test_the_state_that_matters_most_is_shown() -> None:
    assert state_of() == "Not used yet"
    assert state_of(last_attempt_at=NOW, last_delivered_at=NOW) == "Healthy"
    assert state_of(last_attempt_at=NOW) == "Not reached yet"
    assert state_of(last_attempt_at=NOW, last_delivered_at=NOW, failed=1) == "Refused"
    assert state_of(last_attempt_at=NOW, failing_since=NOW) == "Failing"
    assert state_of(failing_since=NOW, paused=True) == "Paused"
    assert state_of(failing_since=NOW, paused=True, disabled_at=NOW) == "Disabled"
    assert state_of(failing_since=NOW, disabled_at=NOW, enabled=False) == "Disabled"


def test_a_failing_hook_says_since_when_what_waits_and_when_it_is_tried_next() -> None:
    endpoint = Endpoint(kind="webhook", failing_since=NOW - timedelta(hours=3, minutes=12))
    hook = Hook(kind="webhook", name="Ops room", endpoint=endpoint)
    said = hook_sentences.describe_trouble(hook, 148, NOW + timedelta(minutes=4), NOW)
    assert said == "Ops room has not answered well for 3 h 12 min. 148 deliveries wait. Next try: in 4 min."


def delivery(**fields: object) -> Delivery:
    fields = {"endpoint": Endpoint(kind="webhook"), **fields}
    return Delivery(event=Event(type="job.fail"), **fields)  # type: ignore[arg-type]


def test_what_goes_on_with_a_delivery() -> None:
    due = {"due_at": NOW + timedelta(minutes=4)}
    assert delivery_sentences.describe_state(delivery(tries=3, **due), NOW) == "Next try in 4 min, attempt 4 of 10"
    assert delivery_sentences.describe_state(delivery(due_at=NOW), NOW) == "To be sent now, attempt 1 of 10"
    assert delivery_sentences.describe_state(delivery(due_at=None), NOW).startswith("Waits")
    assert delivery_sentences.describe_state(delivery(state="delivered", tries=1), NOW) == "Delivered"
    assert delivery_sentences.describe_state(delivery(state="delivered", tries=3), NOW) == "Delivered at attempt 3"
    failed = delivery(state="failed", tries=1, outcome="400")
    assert delivery_sentences.describe_state(failed, NOW) == "Failed after 1 attempt: 400"
    assert delivery_sentences.describe_state(delivery(state="cancelled", outcome="The hook was deleted"), NOW) == (
        "Cancelled: The hook was deleted"
    )


def test_what_is_due_and_cannot_go_says_what_it_waits_for(settings: LazySettings) -> None:
    mail, request = delivery(due_at=NOW, endpoint=Endpoint(kind="email")), delivery(due_at=NOW)
    assert delivery_sentences.describe_state(request, NOW, workers=lambda: False) == "Waits for a worker"
    later = delivery(due_at=NOW + timedelta(minutes=4))
    assert delivery_sentences.describe_state(later, NOW, workers=lambda: False) == "Next try in 4 min, attempt 1 of 10"
    assert delivery_sentences.describe_state(mail, NOW) == "To be sent now, attempt 1 of 10"
    settings.MAIL_CONFIGURED = False
    assert delivery_sentences.describe_state(mail, NOW) == "Waits for a mail server (EMAIL_URL)"
    assert delivery_sentences.find_next_try(mail, NOW) is None
    assert delivery_sentences.describe_state(request, NOW) == "To be sent now, attempt 1 of 10"


def test_a_lane_that_holds_back_decides_when_the_next_try_is() -> None:
    held = delivery(due_at=NOW, lane=Lane(not_before=NOW + timedelta(hours=2)))
    assert delivery_sentences.describe_state(held, NOW) == "Next try in 2 h, attempt 1 of 10"


def test_what_somebody_asked_for_is_due_now_and_not_long_ago() -> None:
    asked = delivery(due_at=AT_ONCE, lane=Lane(not_before=NOW + timedelta(hours=2)))
    assert delivery_sentences.find_next_try(asked, NOW) == NOW
    assert delivery_sentences.describe_state(asked, NOW) == "To be sent now, attempt 1 of 10"


def test_a_held_delivery_has_no_next_try() -> None:
    assert delivery_sentences.find_next_try(delivery(due_at=None, lane=Lane(not_before=NOW))) is None


def test_every_reason_is_told() -> None:
    reasons = [
        {"rule": "hook", "name": "On call"},
        {"rule": "default", "name": "job.fail"},
        {"rule": "test", "name": "On call", "by": "Mary"},
    ]
    assert delivery_sentences.describe_reasons(reasons) == (
        "Told because the hook “On call” asks for it, members get such e-mails by default and Mary pressed Test."
    )


@pytest.mark.parametrize("code", ["connection", "dns", "time-out", "tls", "refused", "500", "429"])
def test_what_to_check_after_a_failure(code: str) -> None:
    assert delivery_sentences.give_advice(code)


def test_who_is_mailed_or_pushed_to_is_not_told_to_check_a_receiver() -> None:
    assert {
        delivery_sentences.give_advice(code, kind)
        for code in ("time-out", "400", "503")
        for kind in ("email", "device")
    } == {""}


def test_a_success_needs_no_advice() -> None:
    assert delivery_sentences.give_advice("204") == ""


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"events": []}, HookProblem.NO_TYPE),
        ({"events": ["stack.retired"]}, HookProblem.TYPES_GONE),
        ({"restricted": True}, HookProblem.RESOURCES_GONE),
        ({"notify_members": False}, HookProblem.RECIPIENTS_GONE),
        ({}, None),
    ],
)
def test_that_a_hook_tells_nobody_is_known_whatever_the_words(
    acme: Organization, monkeypatch: pytest.MonkeyPatch, fields: dict[str, object], problem: HookProblem | None
) -> None:
    monkeypatch.setattr(hook_sentences, "_PROBLEMS", dict.fromkeys(HookProblem, "Rien"))
    hook = email_hook(acme, notify=Notify(members=True))
    for name, value in fields.items():
        setattr(hook, name, value)
    assert hook.problem == problem
    assert conditions.find_hook_condition(hook).condition == (Condition.MATCHES_NOTHING if problem else Condition.ON)
    assert hook_sentences.describe_loss(hook, 1).startswith("It matches nothing") == (hook.matching_problem is not None)


def test_the_api_names_a_state_whatever_its_word(acme: Organization) -> None:
    with translation.override("fr"):
        badge = conditions.find_hook_condition(email_hook(acme))
    assert (badge.word, badge.condition) == ("Activé", "on")
