"""A rotten row, answer or address must not stop unrelated work, and must not be tried in a loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection

from events import intake
from events.models import Event
from hooks.deliveries import test_sends
from hooks.endpoints import lookup
from hooks.engine import judging
from hooks.engine import pump as pumping
from hooks.engine import record as recording
from hooks.engine.leases import Lease
from hooks.manage import rules
from hooks.messages import Answer, Notification
from hooks.models import Attempt, Delivery, Endpoint, Hook
from hooks.routing import router
from hooks.routing import rules as routing_rules
from notifications_project.accounts.models import Organization, User
from tests.conftest import Receiver
from tests.hooks.conftest import Mailbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail")]
Make = Callable[..., Hook]
Record = Callable[..., Event]
Run = Callable[[], None]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limit a pump to one second instead of twenty."""
    monkeypatch.setattr(pumping, "BUDGET", 1.0)


def lock_away(endpoint: Endpoint | None) -> None:
    """Make the secrets of an endpoint unreadable, as a lost key of ENCRYPTION_KEYS does."""
    assert endpoint
    with connection.cursor() as cursor:
        pk = endpoint.pk if connection.vendor == "postgresql" else endpoint.pk.hex
        cursor.execute("UPDATE hooks_endpoint SET secrets = 'gAAAAA' WHERE id = %s", [pk])


def test_unreadable_secrets_stop_neither_routing_nor_others(
    webhook: Make, record: Record, pump: Run, receiver: Receiver
) -> None:
    broken, _ = webhook(name="Broken"), webhook(name="Sound")
    lock_away(broken.endpoint)
    record("git.push")
    pump()
    assert len(receiver.requests) == 1
    assert broken.deliveries.get().state == "pending", "nothing is lost"


def test_a_test_of_unreadable_secrets_is_not_tried_in_a_loop(
    webhook: Make, record: Record, pump: Run, alice: User, caplog: pytest.LogCaptureFixture
) -> None:
    hook = webhook()
    test_sends.send_hook_test(hook, "git.push", alice)
    lock_away(hook.endpoint)
    pump()
    assert len([line for line in caplog.messages if "cannot be read" in line]) == 1


def test_an_organization_that_cannot_be_routed_does_not_stop_another(
    webhook: Make, record: Record, olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = webhook()
    broken = olga.organizations.get(name="Other")
    intake.record(broken, [intake.NewEvent(type="git.push")])
    record("git.push")
    sound = routing_rules.OrganizationRules.read

    def rules_of(organization: Organization, types: set[str]) -> Any:
        if organization == broken:
            raise ValueError("rotten")
        return sound(organization, types)

    monkeypatch.setattr(routing_rules.OrganizationRules, "read", rules_of)
    for _ in range(3):
        router.route()
    assert hook.deliveries.count() == 1
    assert Event.objects.get(organization=broken).routed_at is None


def test_an_address_whose_lower_case_the_database_does_not_know_is_mailed(
    acme: Organization, record: Record, pump: Run, mailbox: Mailbox, settings: LazySettings
) -> None:
    settings.EMAIL_CONFIRM_ADDRESSES = False
    for name in ("First", "Second"):
        notify = rules.Notify(addresses=["info@BÜCHER.example"])
        rules.create_email_hook(organization=acme, actor=None, name=name, notify=notify)
    record("git.push")
    record("git.push")
    pump()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    assert Endpoint.objects.filter(kind="email").count() == 1


@pytest.mark.parametrize("kind", ["webhook", "email"])
def test_a_format_that_no_longer_exists_fails_alone_and_not_in_a_loop(
    kind: str, acme: Organization, webhook: Make, record: Record, pump: Run, receiver: Receiver, mailbox: Mailbox,
    alice: User, short: None,
) -> None:  # fmt: skip
    webhook()
    rules.create_email_hook(organization=acme, actor=None, name="Mail", notify=rules.Notify(members=True))
    lookup.get_or_create_mail_endpoint(acme, alice.email)
    Endpoint.objects.filter(kind=kind).update(format="retired")
    record("git.push")
    rules.create_email_hook(organization=acme, actor=None, name="B", notify=rules.Notify(addresses=["b@x.example"]))
    pump()
    assert Attempt.objects.filter(delivery__endpoint__format="retired").count() == 1
    assert Delivery.objects.exclude(endpoint__format="retired").exists()
    assert set(Delivery.objects.exclude(endpoint__format="retired").values_list("state", flat=True)) == {"delivered"}


def test_a_status_line_that_no_database_can_hold_is_recorded_like_any_other(
    webhook: Make, record: Record, pump: Run, bare_receiver: Callable[[bytes], str]
) -> None:
    url = bare_receiver(b"HTTP/1.1 500 Oh\x00no\r\nContent-Length: 0\r\nX\x00Y: a\x00b\r\n\r\n")
    webhook(url=url)
    record("git.push")
    pump()
    assert Attempt.objects.get().code == "500"
    assert Delivery.objects.get().tries == 1


def test_an_answer_that_cannot_be_judged_is_a_try_and_stops_nobody(
    webhook: Make, record: Record, pump: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    rotten = webhook(name="Rotten")
    sound = webhook(name="Sound")
    judge = judging.judge_answer

    def refuse(lease: Lease, notification: Notification, answer: Answer) -> judging.Result:
        if notification.endpoint == rotten.endpoint_id and answer.status:
            raise ValueError("rotten")
        return judge(lease, notification, answer)

    monkeypatch.setattr(judging, "judge_answer", refuse)
    record("git.push")
    pump()
    assert sound.deliveries.get().state == "delivered"
    delivery = rotten.deliveries.get()
    assert (delivery.state, delivery.tries, delivery.attempts.get().code) == ("pending", 1, "error")
    assert len([line for line in caplog.messages if "cannot be judged" in line]) == 1


@pytest.mark.parametrize(("status", "state"), [(204, "delivered"), (400, "failed")])
def test_a_final_answer_that_cannot_be_recorded_settles_its_delivery_all_the_same(
    webhook: Make, record: Record, pump: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, status: int,
    state: str,
) -> None:  # fmt: skip
    def refuse(*args: object) -> None:
        raise ValueError("rotten")

    monkeypatch.setattr(recording, "_insert_attempts", refuse)
    receiver.status = status
    hook = webhook()
    record("git.push")
    pump()
    delivery = hook.deliveries.get()
    assert (delivery.state, delivery.tries, delivery.due_at) == (state, 1, None)
    assert len(receiver.requests) == 1, "it is not sent again"
