"""Deliveries that were held and are released while their recipient has a quiet time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from events.models import Event
from hooks import clock
from hooks.audience.quiet_times import DIGEST_GRACE
from hooks.channels import services
from hooks.consent import suppressing
from hooks.deliveries import digests
from hooks.endpoints import lookup
from hooks.manage import rules
from hooks.models import Delivery, Hook
from hooks.preferences import notification_settings
from hooks.queue import pending
from hooks.routing import router
from notifications_project.accounts.models import Organization, User
from tests.hooks.conftest import Mailbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail")]
Record = Callable[..., Event]
Run = Callable[[], None]


def snoozed(user: User) -> datetime:
    until = clock.now() + timedelta(hours=8)
    services.snooze(user, ["email"], until)
    return until


def waits(user: User, event_type: str) -> tuple[datetime | None, datetime | None]:
    delivery = Delivery.objects.get(endpoint__address=user.email, event__type=event_type)
    return delivery.quiet_until, delivery.due_at


@pytest.fixture
def paused(acme: Organization, alice: User, dave: User, record: Record) -> Hook:
    """Return an e-mail hook that holds two mails to each member, as it is paused."""
    everybody = rules.Notify(members=True)
    hook = rules.create_email_hook(organization=acme, actor=None, name="All", notify=everybody, paused=True)
    for event_type in ("git.push", "stack.redeploy.fail"):
        record(event_type)
    router.route()
    return hook


def test_mails_of_a_hook_that_is_resumed_wait_for_the_quiet_times_of_their_receivers(
    paused: Hook, alice: User, dave: User, pump: Run, mailbox: Mailbox
) -> None:
    notification_settings.mark_urgent(alice, "stack.redeploy.fail", True)
    until = snoozed(alice)
    rules.update_hook(paused, None, paused=False)
    assert waits(alice, "git.push") == (until, until + DIGEST_GRACE)
    pump()
    assert mailbox.told == [alice.email, dave.email, dave.email]
    assert Delivery.objects.get(state="pending").event.type == "git.push"


def test_they_come_as_one_mail_when_the_quiet_time_is_over(
    paused: Hook, alice: User, dave: User, pump: Run, mailbox: Mailbox
) -> None:
    snoozed(alice)
    rules.update_hook(paused, None, paused=False)
    pump()
    services.snooze(alice, ["email"], None)
    pump()
    assert mailbox.told == [alice.email, dave.email, dave.email]
    assert Delivery.objects.filter(event__type=digests.TYPE).count() == 1


def test_resuming_asks_for_no_quiet_time_by_itself(
    paused: Hook, acme: Organization, alice: User, dave: User, record: Record
) -> None:
    """The number of queries is constant, however many recipients have one."""
    counts = []
    for user in (alice, dave):
        snoozed(user)
        with transaction.atomic(), CaptureQueriesContext(connection) as counted:
            pending.release_for_hook(paused)
        counts.append(len(counted))
        assert None not in waits(user, "git.push")
        Delivery.objects.update(due_at=None, quiet_until=None)
    assert counts[1] <= counts[0]


def test_an_address_that_is_tried_again_keeps_its_quiet_time(
    acme: Organization, alice: User, dave: User, record: Record
) -> None:
    rules.create_email_hook(organization=acme, actor=None, name="All", notify=rules.Notify(members=True))
    for user in (alice, dave):
        with transaction.atomic():
            pending.disable(lookup.get_or_create_mail_endpoint(acme, user.email), "for the test")
    for event_type in ("git.push", "stack.redeploy.fail"):
        record(event_type)
    router.route()
    notification_settings.mark_urgent(alice, "stack.redeploy.fail", True)
    until = snoozed(alice)
    for user in (alice, dave):
        suppressing.try_again(lookup.get_or_create_mail_endpoint(acme, user.email), alice)
    assert waits(alice, "git.push") == (until, until + DIGEST_GRACE)
    for quiet_until, due_at in (
        waits(alice, "stack.redeploy.fail"),
        waits(dave, "git.push"),
        waits(dave, "stack.redeploy.fail"),
    ):
        assert quiet_until is None
        assert due_at is not None
        assert due_at <= clock.now()
