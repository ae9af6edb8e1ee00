"""Pending deliveries when their rule changes."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from events.models import Event
from hooks import clock
from hooks.deliveries import resending
from hooks.engine import judging, lanes, settling, taking
from hooks.engine import record as recording
from hooks.manage import rules
from hooks.messages import Answer
from hooks.models import Delivery, Endpoint, Hook
from hooks.presentation import conditions
from hooks.queue import pending
from hooks.routing import router
from hooks.transports import outbound
from notifications_project.accounts import organizations
from notifications_project.accounts.models import Organization, User
from tests.conftest import Receiver
from tests.hooks.conftest import Mailbox
from tests.hooks.races import Meanwhile, in_thread

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail")]
Make = Callable[..., Hook]
Record = Callable[..., Event]
Run = Callable[[], None]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    return Meanwhile(monkeypatch)


def enable(hook: Hook) -> None:
    """Enable an endpoint as a worker does after a successful test."""
    with transaction.atomic():
        pending.reactivate(Endpoint.objects.select_for_update(no_key=True, of=("self",)).get(hook=hook))


def states() -> set[str]:
    return set(Delivery.objects.values_list("state", flat=True))


def test_a_paused_hook_still_matches_and_its_deliveries_wait(
    webhook: Make, record: Record, pump: Run, receiver: Receiver
) -> None:
    hook = webhook(paused=True)
    record("git.push")
    pump()
    assert receiver.requests == []
    assert states() == {"pending"}
    rules.update_hook(hook, None, paused=False)
    pump()
    assert states() == {"delivered"}


def test_pausing_holds_what_waits_already(webhook: Make, record: Record, pump: Run, receiver: Receiver) -> None:
    receiver.status = 503
    hook = webhook()
    record("git.push")
    pump()
    rules.update_hook(hook, None, paused=True)
    assert Delivery.objects.get().due_at is None
    receiver.status = 204
    rules.update_hook(hook, None, paused=False)
    pump()
    assert states() == {"delivered"}


@pytest.mark.parametrize("how", ["delete", "disable"])
def test_deleting_or_disabling_cancels_what_waits(
    how: str, webhook: Make, record: Record, pump: Run, receiver: Receiver
) -> None:
    receiver.status = 503
    hook = webhook()
    record("git.push")
    pump()
    if how == "delete":
        rules.delete_hook(hook, None)
    else:
        rules.update_hook(hook, None, enabled=False)
    assert states() == {"cancelled"}
    record("git.push")
    pump()
    assert Delivery.objects.count() == 1, "it matches nothing any more"


def test_a_new_url_takes_along_what_waits(webhook: Make, record: Record, pump: Run, receiver: Receiver) -> None:
    hook = webhook(url="http://127.0.0.1:9/")
    record("git.push")
    pump()
    rules.update_hook(hook, None, url=receiver.url)
    Delivery.objects.update(due_at=Delivery.objects.get().created_at)
    pump()
    assert len(receiver.requests) == 1
    assert states() == {"delivered"}


def test_what_another_hook_asked_for_too_stays_when_one_goes(
    acme: Organization, record: Record, pump: Run, mailbox: Mailbox, alice: User
) -> None:
    everybody = rules.Notify(members=True)
    first = rules.create_email_hook(organization=acme, actor=None, name="First", notify=everybody, paused=True)
    second = rules.create_email_hook(organization=acme, actor=None, name="Second", notify=everybody, paused=True)
    record("git.push")
    pump()
    assert mailbox.mails == []
    rules.delete_hook(first, None)
    assert [reason["name"] for reason in Delivery.objects.get().reasons] == ["Second"]
    rules.update_hook(second, None, paused=False)
    pump()
    assert mailbox.told == [alice.email]


def test_a_mail_goes_while_one_of_its_hooks_is_not_paused(
    acme: Organization, record: Record, pump: Run, mailbox: Mailbox, alice: User
) -> None:
    everybody = rules.Notify(members=True)
    rules.create_email_hook(organization=acme, actor=None, name="Paused", notify=everybody, paused=True)
    rules.create_email_hook(organization=acme, actor=None, name="Going", notify=everybody)
    record("git.push")
    pump()
    assert mailbox.told == [alice.email]
    assert [reason["name"] for reason in Delivery.objects.get().reasons] == ["Paused", "Going"]


def test_who_is_told_as_a_member_and_by_address_is_no_second_reason(
    acme: Organization, record: Record, alice: User
) -> None:
    twice = rules.Notify(members=True, addresses=[alice.email])
    hook = rules.create_email_hook(organization=acme, actor=None, name="Twice", notify=twice)
    record("git.push")
    router.route()
    assert [reason["name"] for reason in Delivery.objects.get().reasons] == ["Twice"]
    rules.delete_hook(hook, None)
    assert states() == {"cancelled"}


def test_what_waits_goes_on_waiting_if_the_one_rule_left_is_paused(
    acme: Organization, record: Record, alice: User
) -> None:
    everybody = rules.Notify(members=True)
    going = rules.create_email_hook(organization=acme, actor=None, name="Going", notify=everybody)
    rules.create_email_hook(organization=acme, actor=None, name="Paused", notify=everybody, paused=True)
    record("git.push")
    router.route()
    assert Delivery.objects.get().due_at is not None
    rules.delete_hook(going, None)
    assert Delivery.objects.get().due_at is None


def test_a_rule_that_goes_does_not_undo_what_a_worker_writes_meanwhile(
    acme: Organization, record: Record, alice: User, meanwhile: Meanwhile
) -> None:
    everybody = rules.Notify(members=True)
    first, _ = (
        rules.create_email_hook(organization=acme, actor=None, name=name, notify=everybody)
        for name in ("First", "Second")
    )
    record("git.push")
    router.route()
    settled = {"state": "delivered", "due_at": None, "settled_at": clock.now()}
    meanwhile(pending, "_may_be_sent", lambda: Delivery.objects.filter(state="pending").update(**settled))
    rules.delete_hook(first, None)
    meanwhile.end()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.due_at) == ("delivered", None)


def test_what_is_routed_while_its_endpoint_is_enabled_again_is_not_held_for_ever(
    webhook: Make, record: Record, meanwhile: Meanwhile
) -> None:
    hook = webhook()
    assert hook.endpoint
    with transaction.atomic():
        pending.disable(hook.endpoint, "for the test")
    record("git.push")
    meanwhile(router, "_store", lambda: enable(hook))
    router.route()
    meanwhile.end()
    assert Delivery.objects.get().due_at is not None


def test_resuming_while_a_worker_enables_the_endpoint_lets_go_what_waits(
    webhook: Make, record: Record, meanwhile: Meanwhile
) -> None:
    hook = webhook(paused=True)
    assert hook.endpoint
    with transaction.atomic():
        pending.disable(hook.endpoint, "for the test")
    record("git.push")
    router.route()
    meanwhile(pending, "release_for_hook", lambda: enable(hook))
    rules.update_hook(hook, None, paused=False)
    meanwhile.end()
    assert Delivery.objects.get().due_at is not None


def test_pausing_and_writing_results_do_not_wait_for_each_other(
    webhook: Make, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result's endpoint is locked before its deliveries; a change of the rule does the same."""
    hook = webhook()
    for _ in range(2):
        record("git.push")
    router.route()
    last, first = Delivery.objects.order_by("-pk")

    def write() -> None:
        with transaction.atomic():
            list(Endpoint.objects.select_for_update(of=("self",)).filter(hook=hook))
            Delivery.objects.filter(pk=last.pk).update(tries=1)
            time.sleep(0.3)
            Delivery.objects.filter(pk=first.pk).update(tries=1)

    def pause_in_order() -> None:
        Delivery.objects.filter(pk=first.pk).update(due_at=None)
        time.sleep(0.3)
        Delivery.objects.filter(pk=last.pk).update(due_at=None)

    monkeypatch.setattr(pending, "hold_for_hook", lambda hook: pause_in_order())
    threads = [in_thread(write), in_thread(lambda: rules.update_hook(hook, None, paused=True))]
    for thread in threads:
        thread.join()
    assert set(Delivery.objects.values_list("tries", "due_at")) == {(1, None)}


def test_a_new_url_is_looked_up_before_anything_is_locked(webhook: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    locked: list[bool] = []
    monkeypatch.setattr(outbound, "check_url", lambda url: locked.append(connection.in_atomic_block))
    hook = webhook()
    rules.update_hook(hook, None, url="https://slow.example/")
    assert locked == [False, False]


def test_an_answer_of_the_old_url_says_nothing_about_the_new_one(
    webhook: Make, record: Record, pump: Run, receiver: Receiver, bare_receiver: Callable[[bytes], str]
) -> None:
    """The old URL answers 410 after the hook was given a new one."""
    hook = webhook(events=["git.push"])
    new = bare_receiver(b"HTTP/1.1 204 No Content\r\n\r\n")
    receiver.status = 410
    receiver.before_answer = lambda request: in_thread(lambda: rules.update_hook(hook, None, url=new)).join()
    record("git.push")
    pump()
    assert Endpoint.objects.get(hook=hook).disabled_at is None
    assert states() == {"delivered"}


def test_a_new_url_forgets_what_the_old_one_answered(
    webhook: Make, record: Record, pump: Run, receiver: Receiver
) -> None:
    hook = webhook(events=["git.push"])
    record("git.push")
    pump()
    hook = Hook.objects.select_related("endpoint").get(pk=hook.pk)
    assert conditions.find_hook_condition(hook).word == "Healthy"
    rules.update_hook(hook, None, url=receiver.url)  # the same: nothing is forgotten
    assert Endpoint.objects.get(hook=hook).last_answer
    rules.update_hook(hook, None, url=f"{receiver.url}/elsewhere")
    endpoint = Endpoint.objects.get(hook=hook)
    assert (endpoint.last_answer, endpoint.last_attempt_at, endpoint.last_delivered_at) == ("", None, None)
    hook.endpoint = endpoint
    assert conditions.find_hook_condition(hook).word == "Not used yet"


def test_what_is_sent_again_in_spite_of_a_pause_waits_again_if_it_fails(
    webhook: Make, record: Record, pump: Run, receiver: Receiver, alice: User
) -> None:
    hook = webhook(paused=True)
    record("git.push")
    router.route()
    receiver.status = 503
    resending.redeliver(hook.deliveries.get(), alice)
    pump()
    assert len(receiver.requests) == 1
    assert hook.deliveries.get().due_at is None


def test_what_is_deleted_while_it_is_sent_again_does_not_go(
    webhook: Make, record: Record, alice: User, meanwhile: Meanwhile
) -> None:
    hook = webhook()
    record("git.push")
    router.route()
    meanwhile(resending, "_send", lambda: rules.delete_hook(hook, None))
    resending.redeliver(hook.deliveries.get(), alice)
    meanwhile.end()
    assert states() == {"cancelled"}


def test_deleting_an_email_hook_and_writing_results_do_not_wait_for_each_other(
    acme: Organization, record: Record, alice: User, dave: User, meanwhile: Meanwhile
) -> None:
    everybody = rules.Notify(members=True)
    hook = rules.create_email_hook(organization=acme, actor=None, name="All", notify=everybody)
    record("git.push")
    router.route()
    (lease,) = lanes.claim(1, ["smtp"])
    first, last = taking.take([(lease, 2)])[lease.lane]
    answers = [(last, Answer("smtp 250", "", 0, 1, status=250)), (first, Answer("smtp 451", "", 0, 1, status=451))]
    meanwhile(settling, "settle_other", lambda: rules.delete_hook(hook, None))
    recording.write([judging.judge_answer(lease, notification, answer) for notification, answer in answers])
    meanwhile.end()
    assert states() == {"delivered", "cancelled"}


def test_who_leaves_is_not_told_by_a_paused_hook_that_names_the_address(
    acme: Organization, record: Record, alice: User, dave: User
) -> None:
    rules.create_email_hook(organization=acme, actor=None, name="All", notify=rules.Notify(members=True))
    named = rules.Notify(addresses=[dave.email])
    rules.create_email_hook(organization=acme, actor=None, name="Dave", notify=named, paused=True)
    record("git.push")
    router.route()
    organizations.remove_member(organization=acme, user=dave, actor=alice)
    delivery = Delivery.objects.get(endpoint__address=dave.email)
    assert (delivery.state, delivery.due_at) == ("pending", None)
