"""URLs and keys that cannot work are refused when given, and messages that a service refuses are not sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from events.models import Event
from hooks.endpoints import webhooks
from hooks.manage import rules
from hooks.models import Delivery, Endpoint, Hook, Lane
from hooks.presentation import conditions, delivery_sentences
from notifications_project.accounts.models import Organization
from tests.conftest import Receiver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail")]
ENDED = "http://127.0.0.1.webhook.office.com/webhookb2/1"


def test_a_teams_url_that_has_ended_is_refused_and_an_older_hook_says_so(acme: Organization) -> None:
    with pytest.raises(rules.InvalidRule) as refused:
        rules.create_webhook(
            organization=acme, actor=None, spec=rules.WebhookSpec.of(name="Ops", url=ENDED, format="teams")
        )
    assert "make a workflow" in refused.value.errors["url"]
    hook, _ = rules.create_webhook(
        organization=acme, actor=None, spec=rules.WebhookSpec.of(name="Ops", url="http://127.0.0.1:9/", format="teams")
    )
    assert hook.endpoint
    hook.endpoint.secrets = {**hook.endpoint.secrets, "address": ENDED}
    hook.endpoint.save(update_fields=["secrets"])
    older = Hook.objects.select_related("endpoint").get(pk=hook.pk)
    state = conditions.find_hook_condition(older)
    assert state.word == "Needs a new URL"
    assert "make a workflow" in state.why
    rules.update_hook(older, None, paused=True)


def test_pagerduty_is_paced_unless_somebody_chose_a_pace(acme: Organization) -> None:
    keys = {"routing_key": "0" * 32}
    url = "http://127.0.0.1:9/v2/enqueue"
    rules.create_webhook(
        organization=acme, actor=None, spec=rules.WebhookSpec.of(name="Page", url=url, format="pagerduty", options=keys)
    )
    assert list(Lane.objects.values_list("rate", "burst")) == [(2.0, 10)]
    own = rules.RateLimit(0.5)
    other, _ = rules.create_webhook(
        organization=acme,
        actor=None,
        spec=rules.WebhookSpec.of(name="Slow", url=url, format="pagerduty", options=keys, rate_limit=own),
    )
    assert rules.RateLimit.of(Lane.objects.get(endpoints__hook=other)) == own


def test_what_pagerduty_takes_by_no_key_is_cancelled_with_the_reason(
    webhook: Callable[..., Hook], record: Callable[..., Event], pump: Callable[[], None], receiver: Receiver
) -> None:
    hook = webhook(format="pagerduty", options={"routing_key": f"R{'0' * 31}"}, events=["git.push", "server.stopped"])
    record("git.push")
    record("server.stopped")
    pump()
    assert len(receiver.requests) == 1
    states = dict(Delivery.objects.filter(hook=hook).values_list("event__type", "state"))
    assert states == {"git.push": "cancelled", "server.stopped": "delivered"}
    cancelled = Delivery.objects.get(state="cancelled")
    assert "begins with R" in delivery_sentences.describe_state(cancelled)
    assert Endpoint.objects.get(hook=hook).failed == 0


def test_a_pasted_telegram_url_gives_its_token(acme: Organization) -> None:
    token = f"123456789:{'A' * 35}"
    url = f"http://127.0.0.1:9/bot{token}/sendMessage?chat_id=-1001"
    hook, _ = rules.create_webhook(
        organization=acme, actor=None, spec=rules.WebhookSpec.of(name="Ops", url=url, format="telegram")
    )
    endpoint = Endpoint.objects.get(hook=hook)
    assert endpoint.address == "http://127.0.0.1:9"
    assert endpoint.secrets["options"] == {"token": token}
    assert token not in str(endpoint.options)
    assert endpoint.options["chat"] == "-1001"
    other = token.replace("A", "B")
    rules.update_hook(hook, None, url=f"http://127.0.0.1:9/bot{other}/sendMessage")
    assert Endpoint.objects.get(hook=hook).secrets["options"] == {"token": other}
    assert Endpoint.objects.get(hook=hook).options["chat"] == "-1001"
    assert webhooks.adopt("raw", url) == (url, {})
