"""E-mail over a real SMTP conversation: refusals, a relay that is away, a relay that is not configured."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import transaction

from events import intake
from events.models import Event
from hooks import clock
from hooks.deliveries import test_sends
from hooks.engine import judging, lanes, taking, transport_circuits
from hooks.engine import record as recording
from hooks.messages import Answer
from hooks.models import Attempt, Circuit, Delivery, Hook
from hooks.routing import router
from hooks.transports import mail_connections, smtp
from notifications_project.accounts import organizations
from notifications_project.accounts.models import Organization, User
from tests.hooks.conftest import Mailbox, free_port
from tests.hooks.notifications import notification

pytestmark = pytest.mark.django_db(transaction=True)
Record = Callable[..., Event]
Run = Callable[[], None]


def test_a_mail_has_text_html_and_an_id_that_stays(record: Record, alice: User, pump: Run, mailbox: Mailbox) -> None:
    record("server.stopped", uid="srv-1")
    pump()
    mail = mailbox.mails[0]
    delivery = Delivery.objects.get()
    assert mail["Message-ID"] == f"<{delivery.public_id}@console.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "Server: srv-1" in mail.get_body(("plain",)).get_content()
    assert f"/events/{delivery.event.public_id}/" in mail.get_body(("html",)).get_content()
    assert (delivery.state, delivery.outcome) == ("delivered", "smtp 250 Accepted by the mail relay")


def test_a_refused_recipient_waits_alone(record: Record, alice: User, dave: User, pump: Run, mailbox: Mailbox) -> None:
    mailbox.refusals[dave.email] = "550 No such mailbox"
    record("server.stopped")
    pump()
    assert {mail["To"] for mail in mailbox.mails} == {alice.email}
    refused = Delivery.objects.get(endpoint__address=dave.email)
    assert (refused.state, refused.due_at) == ("pending", None)
    assert "No such mailbox" in refused.outcome


def test_a_recipient_that_is_busy_is_tried_again(record: Record, alice: User, pump: Run, mailbox: Mailbox) -> None:
    mailbox.refusals[alice.email] = "451 Try later"
    record("server.stopped")
    pump()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.tries) == ("pending", 1)
    assert delivery.due_at is not None


def test_a_relay_that_is_away_costs_no_tries(
    record: Record, alice: User, pump: Run, mailbox: Mailbox, settings: LazySettings
) -> None:
    there = settings.EMAIL_PORT
    settings.EMAIL_PORT = free_port()
    for _ in range(20):
        record("server.stopped")
    pump()
    assert set(Delivery.objects.values_list("state", "tries")) == {("pending", 0)}
    assert Attempt.objects.count() == 1, "one attempt finds out; the rest waits"
    settings.EMAIL_PORT = there
    Circuit.objects.update(not_before=clock.now() - timedelta(seconds=1))
    pump()
    assert len(mailbox.mails) == 20
    assert Circuit.objects.get().failures == 0


@pytest.mark.parametrize("answer", ["550 Not from you", "530 Authentication required", "451 Too much from you"])
def test_a_relay_that_takes_nothing_from_us_costs_no_tries(
    answer: str, record: Record, alice: User, pump: Run, mailbox: Mailbox
) -> None:
    mailbox.sender_refused = answer
    record("server.stopped")
    pump()
    assert set(Delivery.objects.values_list("state", "tries")) == {("pending", 0)}
    assert Circuit.objects.get().failures == 1


def test_a_relay_that_takes_too_long_over_a_message_is_not_sent_it_without_end(
    record: Record, alice: User, pump: Run, mailbox: Mailbox, settings: LazySettings
) -> None:
    """The relay may accept the message after all: a late answer counts as an attempt, and the relay is not away."""
    settings.DELIVERY_TIMEOUT = settings.EMAIL_TIMEOUT = 1
    mailbox.takes_for_data = 2
    record("server.stopped")
    pump()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.tries) == ("pending", 1)
    assert not Circuit.objects.exists()


def test_a_relay_that_is_slow_at_each_step_does_not_outlast_the_deadline(
    record: Record, alice: User, pump: Run, mailbox: Mailbox, settings: LazySettings
) -> None:
    """After the deadline the lease may have ended, and another worker may be sending the mail."""
    settings.DELIVERY_TIMEOUT = settings.EMAIL_TIMEOUT = 1
    mailbox.takes = 0.8
    record("server.stopped")
    pump()
    attempt = Attempt.objects.get()
    assert attempt.code == "time-out"
    assert attempt.duration_ms < 1_600


def test_without_a_mail_server_mail_waits_untouched(
    record: Record, alice: User, pump: Run, settings: LazySettings
) -> None:
    settings.MAIL_CONFIGURED = False
    record("server.stopped")
    pump()
    assert Delivery.objects.get().state == "pending"
    assert not Attempt.objects.exists()


def test_testing_an_email_hook_mails_only_the_person_who_pressed(
    acme: Organization, alice: User, dave: User, pump: Run, mailbox: Mailbox
) -> None:
    test_sends.send_hook_test(Hook.objects.existing().get(organization=acme), "stack.redeploy.ok", dave)
    pump()
    assert mailbox.told == [dave.email]
    assert str(mailbox.mails[0]["Subject"]).startswith("[Test] ")


def a_run(length: int) -> list[Answer]:
    mails = [
        notification("process.down", address="alice@people.example", format="mail", webhook_id=f"dlv_{number}")
        for number in range(length)
    ]
    return list(smtp.send(mails, lambda: True))


def test_a_run_of_mails_takes_one_connection(mailbox: Mailbox) -> None:
    assert {answer.status for answer in a_run(8)} == {250}
    assert len(mailbox.mails) == 8
    assert len(mailbox.connections) == 1


def test_the_next_run_goes_on_with_the_connection_of_the_one_before(mailbox: Mailbox) -> None:
    for _ in range(3):
        assert {answer.status for answer in a_run(2)} == {250}
    assert len(mailbox.connections) == 1


def test_a_connection_that_nobody_needs_is_closed(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_connections, "KEPT_FOR", 0.05)
    a_run(1)
    deadline = time.monotonic() + 10
    while mailbox.open_connections and time.monotonic() < deadline:
        time.sleep(0.01)
    assert mailbox.open_connections == 0
    assert {answer.status for answer in a_run(1)} == {250}


def test_a_connection_that_was_dropped_is_opened_again_and_nothing_is_lost_or_sent_twice(mailbox: Mailbox) -> None:
    mailbox.drops_after = 3
    assert {answer.status for answer in a_run(8)} == {250}
    assert len({mail["Message-ID"] for mail in mailbox.mails}) == len(mailbox.mails) == 8
    assert len(mailbox.connections) == 2


def test_a_refused_address_ends_the_run_as_more_of_it_may_be_for_the_same(mailbox: Mailbox) -> None:
    mailbox.refusals["alice@people.example"] = "550 5.1.1 No such user"
    assert [answer.meaning for answer in a_run(3)] == ["gone"]


@pytest.fixture
def many_mails(alice: User, mailbox: Mailbox, settings: LazySettings) -> int:
    """Create mails that are due in different lanes, with a relay that is away."""
    settings.EMAIL_PORT = free_port()
    for number in range(6):
        organization = organizations.create_organization(name=f"Number {number}", admin=alice)
        intake.record(organization, [intake.NewEvent(type="server.stopped")])
    while router.route():
        pass
    return Delivery.objects.count()


def test_one_attempt_finds_out_whether_a_relay_is_back(many_mails: int, pump: Run) -> None:
    Circuit.objects.create(pk="smtp", failures=3, not_before=clock.now())
    pump()
    assert Attempt.objects.count() == 1
    assert Circuit.objects.get().failures == 4


def test_a_relay_that_is_back_is_given_everything(
    many_mails: int, pump: Run, mailbox: Mailbox, settings: LazySettings
) -> None:
    settings.EMAIL_PORT = mailbox.port
    Circuit.objects.create(pk="smtp", failures=3, not_before=clock.now())
    pump()
    assert len(mailbox.mails) == many_mails


def test_many_attempts_that_find_the_relay_away_at_once_count_as_one(many_mails: int) -> None:
    away = Answer("connection", "gone", time.monotonic(), 1, transport_down=True)
    for lease in lanes.claim(4, ["smtp"]):
        recording.write(
            [judging.judge_answer(lease, notification, away) for notification in taking.take([(lease, 1)])[lease.lane]]
        )
    assert Circuit.objects.get().failures == 1


@pytest.mark.parametrize(("transport", "called"), [("smtp", "The mail server"), ("apns", "Apple's push service")])
def test_the_log_says_once_that_a_transport_is_away_and_once_that_it_is_back(
    transport: str, called: str, db: None, caplog: pytest.LogCaptureFixture
) -> None:
    """Only the worker that notices first writes to the log, neither the others nor each probe."""
    now = clock.now()
    away = Answer("connection", "Connection refused", time.monotonic(), 1, transport_down=True)
    there = Answer("smtp 250", "OK", time.monotonic(), 1, status=250)
    for answer, is_probe in ((there, False), (away, False), (away, False), (away, True), (there, True), (there, False)):
        with transaction.atomic():
            transport_circuits.note_answer(transport, answer, now, is_probe=is_probe)
    assert caplog.messages == [
        f"{called} is away, and what is for it waits: Connection refused",
        f"{called} is back: what waited for it goes out",
    ]


def test_the_log_says_nothing_of_what_was_rolled_back(db: None, caplog: pytest.LogCaptureFixture) -> None:
    away = Answer("connection", "Connection refused", time.monotonic(), 1, transport_down=True)
    with contextlib.suppress(ZeroDivisionError), transaction.atomic():
        transport_circuits.note_answer("smtp", away, clock.now(), is_probe=False)
        _ = 1 / 0
    assert caplog.messages == []
