"""The catalogue holds what both published descriptions of the events say."""

from __future__ import annotations

import json

import pytest

from events import catalogue
from events.catalogue import EVENT_TYPES, GROUPS, EmailDefault, Outcome

# The names as the platform publishes them, and its labels with their spelling corrected, in its order.
PUBLISHED = [
    ("stack.provision.ok", "Stack provisioned successfully"),
    ("stack.provision.fail", "Stack provision failed"),
    ("stack.redeploy.ok", "Stack redeployed successfully"),
    ("stack.redeploy.fail", "Stack redeploy failed"),
    ("server.stopped", "Server heartbeat stopped"),
    ("server.backon", "Server heartbeat restored"),
    ("job.fail", "Job run failed"),
    ("job.backon", "Job run succeeded (after fail)"),
    ("process.down", "Process is down"),
    ("app.auth", "App authorized to access the account"),
    ("app.deauth", "App deauthorized from accessing the account"),
    ("stack.redeploy.hook.fail", "Stack redeployment hook failed"),
    ("stack.deploy.started", "Stack deployment started"),
]
RESULTS = {"stack.provision.ok", "stack.provision.fail", "stack.redeploy.ok", "stack.redeploy.fail"}


def test_the_thirteen_published_types_come_first_with_their_labels_word_for_word() -> None:
    assert [(each.name, each.label) for each in EVENT_TYPES.values()][:13] == PUBLISHED


def test_the_menu_entry_for_deployment_results_is_worded_as_published() -> None:
    assert GROUPS["deployment-result"].label == "Result of deployments (success/fail)"
    assert set(GROUPS["deployment-result"].types) == RESULTS


def test_email_is_on_by_default_for_the_published_types_but_deployment_start_and_deployment_results() -> None:
    expected = {name: EmailDefault.ON for name, _ in PUBLISHED}
    expected |= dict.fromkeys(RESULTS, EmailDefault.FOLLOW_HOOKS) | {"stack.deploy.started": EmailDefault.OFF}
    assert {name: EVENT_TYPES[name].email_default for name in expected} == expected


def test_of_all_other_types_only_the_credits_warning_is_emailed_by_default() -> None:
    others = [each for each in EVENT_TYPES.values() if each.name not in dict(PUBLISHED)]
    assert [each.name for each in others if each.email_default != EmailDefault.OFF] == ["credits.warning"]
    assert EVENT_TYPES["credits.warning"].email_default == EmailDefault.ON


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_every_sample_is_a_filled_json_object(name: str) -> None:
    sample = EVENT_TYPES[name].sample
    assert sample
    assert json.loads(json.dumps(sample)) == sample


@pytest.mark.parametrize(
    ("name", "outcome"),
    [("stack.redeploy.ok", "good"), ("stack.redeploy.fail", "bad"), ("stack.deploy.started", "neutral")],
)
def test_an_outcome_says_how_to_take_it(name: str, outcome: str) -> None:
    assert EVENT_TYPES[name].outcome == Outcome(outcome)


def test_a_started_deployment_has_no_outcome_yet() -> None:
    context = EVENT_TYPES["stack.deploy.started"].sample["deploy_context"]
    assert context["outcome"] is None
    assert context["finished_at"] is None


def test_the_console_tells_about_its_own_hooks() -> None:
    assert {"hook.failing", "hook.disabled", "hook.recovered"} <= EVENT_TYPES.keys()


def test_every_type_stands_under_exactly_one_heading() -> None:
    listed = [each.name for types in catalogue.group_by_category().values() for each in types]
    assert sorted(listed) == sorted(each.name for each in catalogue.OFFERED)


def test_what_the_console_alone_records_is_not_offered() -> None:
    assert set(EVENT_TYPES) - {each.name for each in catalogue.OFFERED} == {"account.digest"}
    assert not catalogue.is_offered("account.digest")
    assert not catalogue.is_offered("no.such.type")
    assert catalogue.is_offered("job.fail")


def test_expand_gives_the_types_of_types_and_groups_and_ignores_unknown_names() -> None:
    assert catalogue.expand(["deployment-result", "job.fail", "no.such.type", "nothing"]) == RESULTS | {"job.fail"}
    assert catalogue.expand([]) == frozenset()


def test_label_knows_types_and_groups_and_leaves_other_names_alone() -> None:
    assert catalogue.get_label("job.fail") == "Job run failed"
    assert catalogue.get_label("credits") == "Credits"
    assert catalogue.get_label("gone.since") == "gone.since"
