"""An address of no member gets mail after it has confirmed: the mail that asks, and its link."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module

import pytest
import time_machine
from django.apps import apps
from django.conf import LazySettings
from django.core import signing
from django.db import connection
from django.db.models import F
from django.test import Client
from django_q.models import OrmQ
from pytest_django import DjangoAssertNumQueries

from events import intake
from events.models import Event
from hooks import clock, tasks
from hooks.consent import confirming
from hooks.manage import rules
from hooks.models import Circuit, Delivery, Endpoint
from hooks.routing import router
from hooks.transports import smtp
from notifications_project.accounts import organizations
from notifications_project.accounts.models import AuditEntry, Organization, User
from tests.conftest import person
from tests.hooks.conftest import Mailbox, free_port
from tests.hooks.consent.asking import OPS, endpoint, link_in, naming, told
from tests.pages import get

pytestmark = pytest.mark.django_db(transaction=True)
Record = Callable[..., Event]
Run = Callable[[], None]


def test_an_address_is_asked_once_and_told_after_it_confirmed(
    acme: Organization, record: Record, pump: Run, mailbox: Mailbox, client: Client
) -> None:
    naming(acme)
    record("git.push")
    assert told() == set()
    for _ in range(3):
        tasks.ask_addresses()
    page = link_in(mailbox)
    [mail] = mailbox.mails
    assert (mail["To"], mail["Subject"]) == (OPS, "[Acme] Please confirm this address")
    assert mail["Auto-Submitted"] == "auto-generated"

    for _ in range(2):  # mail scanners follow links too
        assert "Get e-mails from Acme?" in get(client, page)
    record("git.push")
    assert told() == set()

    assert "Your address is confirmed" in client.post(page, follow=True).text
    record("git.push")
    assert told() == {OPS}
    pump()
    assert mailbox.told == [OPS, OPS]
    entry = AuditEntry.objects.get(action="address.confirmed")
    assert (entry.actor_name, entry.target) == (OPS, OPS)


def test_names_make_no_link_in_a_mail_to_strangers(acme: Organization, mailbox: Mailbox, client: Client) -> None:
    Organization.objects.filter(pk=acme.pk).update(name="You won! Visit https://evil.example/prize")
    naming(acme, name="www.evil.example, +1 800 555 0199, eve@evil.example")
    tasks.sweep()
    [mail] = mailbox.mails
    page = link_in(mailbox)
    text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))  # type: ignore[union-attr]
    for shown in (str(mail["Subject"]), text, html, get(client, page), client.post(page, follow=True).text):
        assert "evil. example" in shown
        for link in ("evil.example", "https://evil", "555 0199", "eve@"):
            assert link not in shown


def test_an_address_is_asked_by_the_sweep_if_no_task_can_be_queued(
    acme: Organization, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*args: object) -> None:
        raise ConnectionError("the queue is away")

    monkeypatch.setattr(confirming, "async_task", refuse)
    naming(acme)
    assert "no task could be queued; the next sweep asks the addresses" in caplog.messages
    tasks.sweep()
    assert link_in(mailbox)


def test_the_link_works_once(acme: Organization, mailbox: Mailbox, client: Client) -> None:
    naming(acme)
    tasks.sweep()
    page = link_in(mailbox)
    for _ in range(2):
        assert "Your address is confirmed" in client.post(page, follow=True).text
    assert AuditEntry.objects.filter(action="address.confirmed").count() == 1


def test_the_page_s_button_needs_the_page(acme: Organization, mailbox: Mailbox) -> None:
    naming(acme)
    tasks.sweep()
    assert Client(enforce_csrf_checks=True).post(link_in(mailbox)).status_code == 403
    assert endpoint().confirmed_at is None


def test_the_link_works_for_a_week(acme: Organization, mailbox: Mailbox, client: Client) -> None:
    naming(acme)
    tasks.sweep()
    page = link_in(mailbox)
    with time_machine.travel(clock.now() + timedelta(days=6, hours=23)):
        assert client.get(page).status_code == 200
    with time_machine.travel(clock.now() + timedelta(days=7, hours=1)):
        assert "It is too old" in get(client, page, 410)
        assert client.post(page).status_code == 410
    assert endpoint().confirmed_at is None


def test_a_forged_link_changes_nothing(acme: Organization, mailbox: Mailbox, client: Client) -> None:
    naming(acme)
    tasks.sweep()
    page = link_in(mailbox)
    forged = signing.dumps({"endpoint": str(endpoint().pk)}, salt="hooks.unsubscribe")
    for address in (page[:-3] + "/", f"/confirm/{forged}/", "/confirm/x/"):
        assert "This link does not work" in get(client, address, 404)
        assert client.post(address).status_code == 404
    assert endpoint().confirmed_at is None


def test_a_link_to_what_no_hook_names_any_more_says_so(acme: Organization, mailbox: Mailbox, client: Client) -> None:
    hook = naming(acme)
    tasks.sweep()
    rules.delete_hook(hook, None)
    assert "Nothing to confirm" in get(client, link_in(mailbox))


def test_a_member_s_address_needs_no_confirmation_whatever_its_case(
    acme: Organization, dave: User, record: Record, mailbox: Mailbox
) -> None:
    naming(acme, dave.email.upper())
    tasks.sweep()
    record("git.push")
    assert {address.lower() for address in told()} == {dave.email}
    assert mailbox.mails == []


def test_an_address_that_becomes_a_member_s_needs_no_confirmation(
    acme: Organization, record: Record, mailbox: Mailbox
) -> None:
    naming(acme, "rita@people.example")
    rita = person("Rita")
    organizations.add_member(organization=acme, email=rita.email, role="developer", actor=None)
    tasks.sweep()
    record("git.push")
    assert told() == {rita.email}
    assert mailbox.mails == []


def test_an_address_that_is_no_member_s_any_more_is_asked(
    acme: Organization, alice: User, dave: User, record: Record, mailbox: Mailbox
) -> None:
    naming(acme, dave.email)
    organizations.remove_member(organization=acme, user=dave, actor=alice)
    record("git.push")
    assert told() == set()
    tasks.sweep()
    assert mailbox.told == [dave.email]


def test_two_hooks_that_name_it_ask_once(acme: Organization, mailbox: Mailbox) -> None:
    naming(acme)
    naming(acme, OPS.upper(), name="Too")
    tasks.sweep()
    [mail] = mailbox.mails
    assert re.search(r"\* Ops\s+\* Too", mail.get_body(("plain",)).get_content())


def test_each_organization_asks_for_itself(acme: Organization, olga: User, record: Record, mailbox: Mailbox) -> None:
    naming(acme)
    confirming.confirm(endpoint())
    other = Organization.objects.get(name="Other")
    naming(other)
    intake.record(other, [intake.NewEvent(type="git.push")])
    assert told() == set()
    tasks.sweep()
    assert "Other" in mailbox.mails[0]["Subject"]


def test_a_hook_that_gets_another_address_asks_that_one(acme: Organization, mailbox: Mailbox) -> None:
    hook = naming(acme)
    tasks.sweep()
    rules.update_hook(hook, None, notify=rules.Notify(addresses=[OPS, "noc@example.org"]))
    tasks.sweep()
    assert mailbox.told == ["noc@example.org", OPS]


def test_an_address_that_was_taken_out_and_put_back_is_not_asked_again(acme: Organization, mailbox: Mailbox) -> None:
    hook = naming(acme)
    tasks.sweep()
    rules.update_hook(hook, None, notify=rules.Notify(members=True))
    rules.update_hook(hook, None, notify=rules.Notify(addresses=[OPS]))
    tasks.sweep()
    assert len(mailbox.mails) == 1


def test_an_address_that_is_named_no_more_when_the_mail_is_due_is_not_asked(
    acme: Organization, mailbox: Mailbox
) -> None:
    rules.delete_hook(naming(acme), None)
    tasks.sweep()
    assert mailbox.mails == []
    assert endpoint().ask_at is None


def test_the_mail_is_queued_with_the_commit(acme: Organization, mailbox: Mailbox) -> None:
    OrmQ.objects.all().delete()
    naming(acme)
    assert [each.func() for each in OrmQ.objects.all()] == ["hooks.tasks.ask_addresses"]
    assert mailbox.mails == []


def test_a_queued_mail_keeps_no_event_waiting(acme: Organization, record: Record, mailbox: Mailbox) -> None:
    """A task in the queue looks like a wake-up, and so keeps wake-ups out: it must wake a worker itself."""
    OrmQ.objects.all().delete()
    naming(acme)
    record("server.stopped")
    OrmQ.objects.all().delete()
    tasks.ask_addresses()
    assert [each.func() for each in OrmQ.objects.all()] == ["hooks.tasks.pump"]


def test_a_relay_that_is_away_is_tried_again_by_the_sweep(
    acme: Organization, mailbox: Mailbox, settings: LazySettings
) -> None:
    settings.EMAIL_PORT = free_port()
    naming(acme)
    tasks.ask_addresses()
    assert endpoint().asked_at is None
    settings.EMAIL_PORT = mailbox.port
    tasks.sweep()
    assert mailbox.told == [OPS]


def test_nothing_is_tried_while_the_relay_is_known_to_be_away_or_there_is_none(
    acme: Organization, mailbox: Mailbox, settings: LazySettings
) -> None:
    naming(acme)
    settings.MAIL_CONFIGURED = False
    tasks.sweep()
    settings.MAIL_CONFIGURED = True
    Circuit.objects.create(pk="smtp", failures=3, not_before=clock.now() + timedelta(minutes=1))
    tasks.sweep()
    assert mailbox.mails == []
    assert endpoint().ask_at is not None


def test_two_workers_send_one_mail(acme: Organization, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one of them sends, the other looks."""
    naming(acme)
    post = smtp.post
    others: list[int] = []

    def slow(*args: object) -> object:
        others.append(confirming.send_due())
        return post(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(smtp, "post", slow)
    assert confirming.send_due() == 1
    assert others == [0]
    assert len(mailbox.mails) == 1


def test_a_mail_that_a_worker_took_with_it_when_it_died_is_sent_later(
    acme: Organization, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    naming(acme)

    def die(*args: object) -> None:
        raise SystemExit

    monkeypatch.setattr(smtp, "post", die)
    with pytest.raises(SystemExit):
        confirming.send_due()
    monkeypatch.undo()
    assert confirming.send_due() == 0
    Endpoint.objects.update(ask_at=F("ask_at") - timedelta(minutes=3))
    assert confirming.send_due() == 1


def test_an_address_that_the_relay_refuses_when_it_is_asked_is_stopped(acme: Organization, mailbox: Mailbox) -> None:
    mailbox.refusals[OPS] = "550 5.1.1 No such user"
    naming(acme)
    tasks.sweep()
    assert endpoint().disabled_reason == "The mail server refuses this address: 550 5.1.1 No such user"
    assert endpoint().ask_at is None


@pytest.mark.parametrize("answer", ["451 Try later", "550 5.7.1 We do not like you"])
def test_another_refusal_is_tried_later_and_given_up_after_days(
    answer: str, acme: Organization, mailbox: Mailbox
) -> None:
    mailbox.refusals[OPS] = answer
    naming(acme)
    tasks.sweep()
    assert endpoint().disabled_at is None
    assert endpoint().ask_at > clock.now()  # type: ignore[operator]
    Endpoint.objects.update(ask_at=clock.now(), failing_since=clock.now() - timedelta(days=6))
    tasks.sweep()
    assert endpoint().ask_at is None
    assert endpoint().asked_at is not None


def test_without_the_setting_every_address_is_told_at_once(
    acme: Organization, record: Record, mailbox: Mailbox, settings: LazySettings
) -> None:
    settings.EMAIL_CONFIRM_ADDRESSES = False
    hook = naming(acme)
    record("git.push")
    assert told() == {OPS}
    tasks.sweep()
    assert mailbox.mails == []
    settings.EMAIL_CONFIRM_ADDRESSES = True  # then it is asked as soon as something happens
    record("git.push")
    router.route()
    tasks.sweep()
    assert mailbox.told == [OPS]
    assert hook.deliveries.count() == 1


def test_who_was_e_mailed_before_there_were_confirmations_goes_on_being_told(
    acme: Organization, record: Record, settings: LazySettings
) -> None:
    settings.EMAIL_CONFIRM_ADDRESSES = False
    naming(acme)
    record("git.push")
    assert told() == {OPS}
    naming(acme, "new@example.org", name="New")
    migration = import_module("hooks.migrations.0006_asking_addresses")
    with connection.schema_editor() as editor:
        migration.confirm_who_was_told(apps, editor)
    settings.EMAIL_CONFIRM_ADDRESSES = True
    Delivery.objects.all().delete()
    record("git.push")
    assert told() == {OPS}


def test_routing_asks_no_more_for_more_addresses(
    acme: Organization, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    naming(acme, *[f"p{number}@example.org" for number in range(90)])
    for address in Endpoint.objects.filter(ask_at__isnull=False)[:45]:
        confirming.confirm(address)
    intake.record(acme, [intake.NewEvent(type="git.push") for _ in range(20)])
    with django_assert_max_num_queries(30):
        router.route()
    assert Delivery.objects.count() == 20 * 45


def test_french_is_asked_in_french(acme: Organization, mailbox: Mailbox, settings: LazySettings) -> None:
    settings.MESSAGE_LANGUAGE = "fr"
    naming(acme)
    tasks.sweep()
    [mail] = mailbox.mails
    assert mail["Subject"] == "[Acme] Merci de confirmer cette adresse"
    assert '<html lang="fr"' in mail.get_body(("html",)).get_content()
