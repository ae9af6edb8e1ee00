"""A defect of one row affects only that row, in every loop that serves many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings

from events.models import Event
from hooks import tasks
from hooks.consent import bounces, confirming, suppressing
from hooks.deliveries import digests
from hooks.endpoints import health
from hooks.engine import set_back
from hooks.manage import rules
from hooks.models import Attempt, Delivery, Endpoint, Hook
from hooks.routing import router
from hooks.routing import rules as routing_rules
from notifications_project.accounts.models import Organization, User
from tests.conftest import Receiver
from tests.hooks.conftest import Mailbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail")]
Record = Callable[..., Event]
Run = Callable[[], None]


def naming(organization: Organization, *addresses: str) -> Hook:
    """Create a hook with an address stored under older, laxer rules."""
    notify = rules.Notify(addresses=[f"a{number}@example.org" for number in range(len(addresses))])
    hook = rules.create_email_hook(
        organization=organization, actor=None, name="On call", events=["git.push"], notify=notify
    )
    hook.notify_addresses = list(addresses)
    hook.save()
    for endpoint, address in zip(Endpoint.objects.filter(ask_at__isnull=False).order_by("pk"), addresses, strict=True):
        endpoint.address = address
        endpoint.save()
    return hook


def test_twelve_rotten_addresses_delay_nobody_s_confirmation(
    acme: Organization, olga: User, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    naming(acme, *[f"bad{number}@exam\u202cple.net" for number in range(12)])
    other = Organization.objects.get(name="Other")
    rules.create_email_hook(
        organization=other, actor=None, name="Ops", events=[], notify=rules.Notify(addresses=["ops@example.org"])
    )
    tasks.ask_addresses()
    assert mailbox.told == ["ops@example.org"]
    assert not Endpoint.objects.filter(ask_at__isnull=False).exists(), "they do not come again"
    assert "invisible character" in Endpoint.objects.filter(address__startswith="bad").first().disabled_reason  # type: ignore[union-attr]
    assert not [record for record in caplog.records if record.exc_info]


def test_a_confirmation_that_cannot_be_written_is_logged_once_and_put_aside(
    acme: Organization, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    naming(acme, "first@example.org", "second@example.org")
    sound = confirming.write

    def write(endpoint: Endpoint, hooks: Any) -> Any:
        if endpoint.address.startswith("first"):
            raise ValueError("rotten")
        return sound(endpoint, hooks)

    monkeypatch.setattr(confirming, "write", write)
    for _ in range(3):
        tasks.sweep()
    assert mailbox.told == ["second@example.org"]
    pk = Endpoint.objects.get(address="first@example.org").pk
    assert len([line for line in caplog.messages if str(pk) in line]) == 1


def test_without_confirmation_a_rotten_address_is_stopped_at_the_first_mail(
    acme: Organization,
    alice: User,
    record: Record,
    pump: Run,
    mailbox: Mailbox,
    settings: LazySettings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    naming(acme, "bad@exam\u202cple.net", "ops@example.org")
    settings.EMAIL_CONFIRM_ADDRESSES = False
    record("git.push")
    pump()
    assert mailbox.told == ["ops@example.org"] or mailbox.told == [alice.email, "ops@example.org"]
    bad = Endpoint.objects.get(address__startswith="bad")
    assert bad.disabled_at
    assert Attempt.objects.filter(delivery__endpoint=bad).count() == 1
    assert Delivery.objects.get(endpoint=bad).due_at is None
    assert not [entry for entry in caplog.records if entry.exc_info]


def test_a_step_of_the_sweep_that_fails_stops_no_other(
    acme: Organization, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    naming(acme, "ops@example.org")

    def fail() -> bool:
        raise ValueError("rotten")

    monkeypatch.setattr(set_back, "repair", fail)
    monkeypatch.setattr(digests, "send_due", fail)
    tasks.sweep()
    assert mailbox.told == ["ops@example.org"]
    assert len([entry for entry in caplog.records if entry.exc_info]) == 2


def test_a_bounce_that_one_organization_cannot_take_in_is_taken_in_by_the_others(
    acme: Organization, olga: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    other = Organization.objects.get(name="Other")
    for organization in (acme, other):
        rules.create_email_hook(
            organization=organization,
            actor=None,
            name="Ops",
            events=[],
            notify=rules.Notify(addresses=["x@example.org"]),
        )
    sound = health.stop_mail

    def stop(endpoint: Endpoint, why: str) -> None:
        sound(endpoint, why)
        if endpoint.organization_id == acme.pk:
            raise ValueError("rotten")

    monkeypatch.setattr(health, "stop_mail", stop)
    assert suppressing.stop_everywhere("X@Example.org", "It bounces.") == 1
    assert Endpoint.objects.get(disabled_at__isnull=False).organization_id == other.pk
    assert len([entry for entry in caplog.records if entry.exc_info]) == 1


def test_a_report_that_cannot_be_understood_does_not_have_all_of_them_sent_again(
    db: None, caplog: pytest.LogCaptureFixture
) -> None:
    class Report:
        recipient, event_type, event_id, reject_reason, mta_response = "x@example.org", "bounced", "17", "bounced", None

        @property
        def description(self) -> str:
            raise ValueError("rotten")

    bounces._handle_report(None, Report(), "Provider")
    assert "id 17" in caplog.text


def test_an_event_that_cannot_be_routed_waits_alone_and_is_logged_once(
    webhook: Callable[..., Hook], record: Record, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hook = webhook()
    bad, good = record("git.push"), record("git.push")
    sound = routing_rules.OrganizationRules.plan_deliveries

    def plan_deliveries(self: routing_rules.OrganizationRules, event: Event) -> list[routing_rules.PlannedDelivery]:
        if event.pk == bad.pk:
            raise ValueError("rotten")
        return sound(self, event)

    monkeypatch.setattr(router, "_round", router._Round())
    monkeypatch.setattr(routing_rules.OrganizationRules, "plan_deliveries", plan_deliveries)
    for _ in range(3):
        router.route()
    assert [each.event_id for each in hook.deliveries.all()] == [good.pk]
    assert len([line for line in caplog.messages if bad.public_id in line]) == 1
    monkeypatch.undo()  # another process, with the defect mended
    router.route()
    assert hook.deliveries.count() == 2, "nothing is lost"


def test_a_result_that_cannot_be_recorded_keeps_no_other_from_being_recorded(
    webhook: Callable[..., Hook],
    record: Record,
    pump: Run,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad, good = webhook(name="Bad"), webhook(name="Good")
    receiver.status = 500
    sound = health.update

    def update(endpoint: Endpoint, *args: Any) -> None:
        if endpoint.pk == bad.endpoint_id:
            raise KeyError("rotten")
        sound(endpoint, *args)

    monkeypatch.setattr(health, "update", update)
    record("git.push")
    pump()
    [kept], [aside] = good.deliveries.all(), bad.deliveries.all()
    assert (kept.tries, kept.attempts.count()) == (1, 1)
    assert (aside.tries, aside.outcome) == (1, "The result could not be recorded")
    assert aside.due_at
    assert len(receiver.requests) == 2, "it is not sent again at once"


def test_a_mail_that_cannot_be_read_holds_up_no_other_mail_of_its_organization(
    acme: Organization, alice: User, record: Record, pump: Run, mailbox: Mailbox
) -> None:
    rules.create_email_hook(
        organization=acme, actor=None, name="All", events=["git.push"], notify=rules.Notify(members=True)
    )
    first, second = record("git.push"), record("git.push")
    router.route()
    rotten = Delivery.objects.filter(event=first)
    rotten.update(reasons=17)
    pump()
    assert Delivery.objects.get(event=second).state == "delivered"
    waiting = rotten.get()
    assert (waiting.state, waiting.tries) == ("pending", 0)
    assert "cannot be read" in waiting.outcome
