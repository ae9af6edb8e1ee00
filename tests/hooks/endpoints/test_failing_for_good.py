"""Receivers that refuse delivery after delivery: none of these is retried, but people are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from events.models import Event
from hooks import clock
from hooks.channels import services
from hooks.deliveries import test_sends
from hooks.manage import rules
from hooks.models import Channel, Delivery, Endpoint, Hook, Lane, NotificationSetting
from hooks.presentation import conditions, hook_rows
from notifications_project.accounts.models import Organization, User
from tests.conftest import Api, Receiver
from tests.hooks.conftest import Mailbox
from tests.pages import get

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail")]
Make = Callable[..., Hook]
Record = Callable[..., Event]
Run = Callable[[], None]

HOURS = timedelta(hours=1)


def earlier(by: timedelta, **which: object) -> None:
    """Move the recorded health of some endpoints back by so much time."""
    for endpoint in Endpoint.objects.filter(**which):
        for name in ("failed_since", "failing_since", "warned_at"):
            if moment := getattr(endpoint, name):
                setattr(endpoint, name, moment - by)
        endpoint.save()


def state_of(hook: Hook) -> str:
    hook = Hook.objects.select_related("endpoint").get(pk=hook.pk)
    return conditions.find_hook_condition(hook).word


@pytest.fixture
def deliver(record: Record, pump: Run) -> Callable[[int], None]:
    def deliver_some(times: int) -> None:
        for _ in range(times):
            record("git.push")
            pump()

    return deliver_some


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_receiver_that_refuses_everything_is_failing_told_and_disabled(
    status: int, webhook: Make, deliver: Callable[[int], None], receiver: Receiver
) -> None:
    receiver.status = status
    hook = webhook(events=["git.push"])
    deliver(2)
    assert state_of(hook) == "Refused", "two messages may have been at fault themselves"
    earlier(2 * HOURS, hook=hook)
    deliver(1)
    assert state_of(hook) == "Failing"
    assert list(hook_rows.find_failing(hook.organization)) == [hook]
    deliver(2)
    told = json.loads(Event.objects.get(type="hook.failing").representation)
    assert told["hook"]["id"] == hook.public_id
    assert str(status) in told["reason"]
    assert not Lane.objects.get(transport="http").circuit_open
    earlier(timedelta(days=5), hook=hook)
    deliver(1)
    assert state_of(hook) == "Disabled"
    assert Event.objects.filter(type="hook.disabled").count() == 1


def test_one_delivery_a_week_is_told_before_anything_is_disabled(
    webhook: Make, deliver: Callable[[int], None], receiver: Receiver
) -> None:
    receiver.status = 400
    hook = webhook(events=["git.push"])
    for _ in range(3):
        deliver(1)
        earlier(timedelta(days=7), hook=hook)
    assert Event.objects.filter(type="hook.failing").count() == 1
    assert state_of(hook) == "Failing"
    deliver(1)
    assert state_of(hook) == "Disabled"


def test_a_success_between_refusals_is_no_trouble(
    webhook: Make, deliver: Callable[[int], None], receiver: Receiver
) -> None:
    hook = webhook(events=["git.push"])
    for status in (400, 422, 204, 400, 413):
        receiver.status = status
        deliver(1)
        earlier(2 * HOURS, hook=hook)
    assert state_of(hook) == "Refused"
    receiver.status = 204
    deliver(1)
    assert state_of(hook) == "Healthy"
    assert not Event.objects.filter(type__startswith="hook.").exists()


def test_it_recovers(webhook: Make, deliver: Callable[[int], None], receiver: Receiver) -> None:
    receiver.status = 400
    hook = webhook(events=["git.push"])
    deliver(2)
    earlier(2 * HOURS, hook=hook)
    deliver(1)
    receiver.status = 204
    deliver(1)
    assert Event.objects.filter(type="hook.recovered").count() == 1
    assert state_of(hook) == "Healthy"
    assert Endpoint.objects.get(hook=hook).failed == 0


def test_what_a_service_says_in_its_own_words_counts_as_well(
    webhook: Make, deliver: Callable[[int], None], receiver: Receiver
) -> None:
    """Slack's `invalid_payload` and the like get their meaning from the format, whatever the status."""
    receiver.status, receiver.body = 400, "invalid_payload"
    hook = webhook(events=["git.push"], format="slack")
    deliver(2)
    earlier(2 * HOURS, hook=hook)
    deliver(1)
    assert Event.objects.filter(type="hook.failing").count() == 1


def test_a_hook_that_only_ever_got_400_does_not_read_healthy(
    webhook: Make, record: Record, pump: Run, receiver: Receiver, alice: User, api: Callable[..., Api]
) -> None:
    receiver.status = 400
    hook = webhook(events=["git.push"])
    path = f"/api/v1/organizations/{hook.organization.public_id}/hooks/{hook.public_id}/"
    test_sends.send_hook_test(hook, "git.push", alice)
    pump()
    assert api(alice).get(path).json()["state"] == "not_reached", "a test counts as no failure, nor as a success"
    assert Endpoint.objects.get(hook=hook).failed == 0
    record("git.push")
    pump()
    assert api(alice).get(path).json()["state"] == "refused"


def test_a_channel_that_refuses_everything_is_told_to_its_user_alone(
    acme: Organization, alice: User, receiver: Receiver, record: Record, pump: Run
) -> None:
    channel, _ = services.set_up(alice, Channel.Kind.WEBHOOK, url=receiver.url, options={})
    NotificationSetting.objects.create(user=alice, event_type="git.push", channel="webhook", enabled=True)
    receiver.status = 422
    for _ in range(2):
        record("git.push")
        pump()
    earlier(2 * HOURS, pk=channel.endpoint_id)
    record("git.push")
    pump()
    event = Event.objects.get(type="hook.failing")
    assert event.organization_id == alice.pk
    assert json.loads(event.representation)["state"] == "channel_failing"


def test_mails_that_are_all_refused_are_told_once_a_day(
    acme: Organization, alice: User, mailbox: Mailbox, record: Record, pump: Run, api: Callable[..., Api],
    client_of: Callable[[User], Client],
) -> None:  # fmt: skip
    """Code 554 is about the mail, so the address stays enabled, but somebody should know."""
    for address in ("ops@example.org", "dev@example.org"):
        mailbox.refusals[address] = "554 5.7.1 Rejected by policy"
    hook = rules.create_email_hook(
        organization=acme, actor=None, name="All", events=["git.push"],
        notify=rules.Notify(addresses=["ops@example.org", "dev@example.org"]),
    )  # fmt: skip
    Endpoint.objects.filter(kind="email").update(confirmed_at=clock.now())
    record("git.push")
    pump()
    Endpoint.objects.filter(kind="email").update(confirmed_at=clock.now())
    for _ in range(3):
        record("git.push")
        pump()
        earlier(2 * HOURS, kind="email")
    record("git.push")
    pump()
    event = Event.objects.get(type="hook.failing")
    told = json.loads(event.representation)
    assert told["state"] == "address_failing"
    assert told["refused"] in hook.notify_addresses
    assert set(Delivery.objects.filter(event=event).values_list("endpoint__address", flat=True)) == {alice.email}
    assert not Endpoint.objects.filter(disabled_at__isnull=False).exists()
    path = f"/api/v1/organizations/{acme.public_id}/hooks/{hook.public_id}/"
    failing = api(alice).get(path).json()["failing"]
    assert [each["address"] for each in failing] == ["dev@example.org", "ops@example.org"]
    assert "Rejected by policy" in failing[0]["reason"]
    client = client_of(alice)
    assert "every mail to it has been refused" in get(client, path.removeprefix("/api/v1"))
