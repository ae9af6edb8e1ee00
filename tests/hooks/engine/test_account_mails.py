"""Mails about accounts go through the workers: a request waits for no mail server, and none is lost."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from hooks import tasks
from hooks.engine import account_mails, watchdog
from hooks.engine.account_mails import AccountMails
from hooks.engine.transport_circuits import KnownTransports
from hooks.messages import Message
from hooks.models import Circuit
from notifications_project.accounts.models import AccountMail, User
from notifications_project.accounts.outgoing import queue_mail
from tests.hooks.conftest import Mailbox

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)
Run = Callable[[], None]


def queue(address: str = "ada@example.com", useful_for: timedelta = DAY) -> None:
    queue_mail(address=address, subject="Choose", text="https://console/SECRET-KEY", useful_for=useful_for)


def make_due() -> None:
    AccountMail.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    Circuit.objects.update(not_before=timezone.now() - timedelta(seconds=1))


@pytest.fixture
def hanging_relay(settings: LazySettings) -> Iterator[socket.socket]:
    """Start a mail server that accepts connections and never sends a byte."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.getsockname()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.DELIVERY_TIMEOUT = 1
        yield server


def test_a_password_reset_does_not_wait_for_the_mail_server(
    client: Client, alice: User, hanging_relay: socket.socket
) -> None:
    begun = time.monotonic()
    assert client.post(reverse("account_reset_password"), {"email": alice.email}).status_code == 302
    hanging_relay.settimeout(0)
    with pytest.raises(BlockingIOError):
        hanging_relay.accept()
    assert time.monotonic() - begun < 5
    assert AccountMail.objects.count() == 1
    assert OrmQ.objects.count() == 1, "a worker was woken"


def test_a_pump_sends_it_and_forgets_it(pump: Run, mailbox: Mailbox) -> None:
    queue()
    assert watchdog.is_work_due()
    pump()
    [mail] = mailbox.mails
    assert mail["To"] == "ada@example.com"
    assert "SECRET-KEY" in mail.get_content()
    assert not AccountMail.objects.exists()
    assert not watchdog.is_work_due()


def test_a_mail_that_cannot_be_sent_by_our_own_fault_counts_a_try_and_holds_up_no_other(
    pump: Run, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = account_mails._build_message

    def refuse(mail: UUID, content: dict[str, Any]) -> Message:
        if content["address"] == "rotten@example.com":
            raise ValueError("rotten")
        return build(mail, content)

    monkeypatch.setattr(account_mails, "_build_message", refuse)
    queue("rotten@example.com")
    queue("sound@example.com")
    pump()
    assert mailbox.told == ["sound@example.com"]
    assert AccountMail.objects.get().tries == 1


def test_the_key_in_it_cannot_be_read_in_the_database() -> None:
    queue()
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_accountmail")
        stored = str(cursor.fetchall())
    assert "SECRET-KEY" not in stored
    assert "ada" not in stored


def test_a_mail_server_that_is_away_takes_no_tries_and_later_gets_everything(
    pump: Run,
    hanging_relay: socket.socket,
    mailbox: Mailbox,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The others follow when the first mail has shown that the server is back: a pump that ends at once misses them.
    monkeypatch.setattr("hooks.engine.pump._LINGER", 0.5)
    port = settings.EMAIL_PORT
    settings.EMAIL_PORT = hanging_relay.getsockname()[1]
    for number in range(6):
        queue(f"user{number}@example.com")
    pump()
    assert AccountMail.objects.filter(tries=0).count() == 6
    assert Circuit.objects.get(pk="smtp").failures == 1, "the mail server was found away once, not six times"
    settings.EMAIL_PORT = port
    make_due()
    pump()
    assert len(mailbox.mails) == 6
    assert not AccountMail.objects.exists()
    assert Circuit.objects.get(pk="smtp").failures == 0


def test_only_one_mail_probes_a_mail_server_that_was_away(mailbox: Mailbox) -> None:
    Circuit.objects.create(transport="smtp", failures=3, not_before=timezone.now() - timedelta(seconds=1))
    for _ in range(4):
        queue()
    with ThreadPoolExecutor(4) as pool:
        mails = AccountMails(pool, KnownTransports(), lambda: True)
        assert mails.start()
        assert not AccountMails(pool, KnownTransports(), lambda: True).start(), "another worker probes as well"
    assert len(mailbox.mails) == 1
    mails.settle()
    assert Circuit.objects.get(pk="smtp").failures == 0


def test_an_address_that_is_refused_is_given_up_with_one_line_in_the_log(
    pump: Run, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    mailbox.refusals["ada@example.com"] = "550 5.1.1 No such user"
    queue()
    queue("olga@example.com")
    with caplog.at_level(logging.WARNING):
        pump()
    assert mailbox.told == ["olga@example.com"]
    assert not AccountMail.objects.exists()
    assert [record.message for record in caplog.records if "not taken" in record.message] == [
        "A mail about an account was not taken: The mail server refuses this address: 550 5.1.1 No such user"
    ]


def test_a_temporary_refusal_is_tried_again_later(pump: Run, mailbox: Mailbox) -> None:
    mailbox.refusals["ada@example.com"] = "451 4.7.1 Try again later"
    queue()
    pump()
    mail = AccountMail.objects.get()
    assert mail.tries == 1
    assert mail.due_at > timezone.now()
    mailbox.refusals.clear()
    make_due()
    pump()
    assert mailbox.told == ["ada@example.com"]


def test_a_mail_whose_link_works_no_longer_is_not_sent(pump: Run, mailbox: Mailbox) -> None:
    queue(useful_for=timedelta(0))
    pump()
    tasks.sweep()
    assert mailbox.mails == []
    assert not AccountMail.objects.exists()


def test_a_mail_that_no_key_reads_waits_and_stops_no_other(
    pump: Run, mailbox: Mailbox, settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    queue()
    settings.ENCRYPTION_KEYS = ["another key, which is as long as it should be"]
    queue("olga@example.com")
    pump()
    assert mailbox.told == ["olga@example.com"]
    assert AccountMail.objects.count() == 1
    assert len([record for record in caplog.records if "ENCRYPTION_KEYS" in record.message]) == 1


def test_two_workers_do_not_send_one_mail_twice(mailbox: Mailbox) -> None:
    queue()
    with ThreadPoolExecutor(4) as pool:
        both = [AccountMails(pool, KnownTransports(), lambda: True) for _ in range(2)]
        assert [mails.start() for mails in both] == [True, False]
    assert len(mailbox.mails) == 1


def test_a_worker_that_is_stopped_leaves_the_mail_for_the_next(mailbox: Mailbox) -> None:
    queue()
    with ThreadPoolExecutor(4) as pool:
        mails = AccountMails(pool, KnownTransports(), lambda: False)
        assert mails.start()
    mails.settle()
    assert AccountMail.objects.filter(due_at__lte=timezone.now(), tries=0).count() == 1
    assert not Circuit.objects.exists()
