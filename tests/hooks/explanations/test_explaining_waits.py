"""Explanations of what waits, or would be told by now: paused, disabled, in quiet hours, asked for since."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from events.models import Event
from hooks.channels import services
from hooks.manage import rules
from hooks.models import Endpoint, Hook
from notifications_project.accounts.models import Organization, User
from tests.hooks.explained import DEFAULT, of_hook, routed, said
from tests.hooks.pages import Record, Webhook
from tests.hooks.people import turn, with_webhook

pytestmark = pytest.mark.django_db


def disable(endpoint: Endpoint | None) -> None:
    assert endpoint
    Endpoint.objects.filter(pk=endpoint.pk).update(disabled_at=timezone.now())


def test_before_it_is_decided_a_disabled_endpoint_is_named(record: Record, webhook: Webhook) -> None:
    disable(webhook().endpoint)
    webhook(name="Sound")
    event = record("git.push")
    why = "It asks for this. The delivery waits because the endpoint is disabled."
    assert of_hook(event, "Receiver") == ("due", why, "")
    assert of_hook(event, "Sound") == ("due", "It asks for this.", "")


def test_a_hook_that_asks_only_since_then(record: Record, webhook: Webhook) -> None:
    hook = webhook(events=["addon.created"])
    event = routed(record, "git.push")
    rules.update_hook(hook, None, events=["git.push"])
    assert of_hook(event, "Receiver") == (
        "not_told",
        "It did not ask for this when it was recorded.",
        "With today’s settings: told. It asks for this.",
    )


def test_mail_of_a_paused_hook(record: Record, acme: Organization, alice: User) -> None:
    routed(record, "stack.redeploy.ok")
    rules.update_hook(Hook.objects.get(organization=acme, name=DEFAULT), None, paused=True)
    state, why, _ = said(routed(record, "stack.redeploy.ok"), alice)
    assert state == "waiting"
    assert why.endswith("It waits: every hook that asks is paused.")


def test_a_disabled_channel(record: Record, alice: User, dave: User) -> None:
    channel, _ = with_webhook(alice)
    disable(Endpoint.objects.get(channel=channel))
    turn(alice, "git.push", "webhook", True)
    event = routed(record, "git.push")
    assert said(event, alice, "webhook", viewer=dave)[1].endswith("It waits: the channel is disabled.")


def test_quiet_hours(record: Record, alice: User) -> None:
    now = timezone.localtime()
    hours = ((now - timedelta(hours=1)).time(), (now + timedelta(hours=2)).time())
    services.set_quiet_hours(alice, "email", hours)
    event: Event = routed(record, "server.backon")
    state, why, _ = said(event, alice)
    assert state == "waiting"
    assert "It waits. E-mail has quiet hours until" in why
