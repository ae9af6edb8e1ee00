"""A test is sent whatever happens to its hook before a worker takes it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import transaction

from events.models import Event
from hooks.deliveries import resending, test_sends
from hooks.manage import rules
from hooks.models import Delivery, Endpoint, Hook
from hooks.queue import pending
from hooks.routing import router
from notifications_project.accounts.models import Organization, User
from tests.conftest import Receiver
from tests.hooks.conftest import Mailbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail")]
Make = Callable[..., Hook]
Record = Callable[..., Event]
Run = Callable[[], None]


def states() -> set[str]:
    return set(Delivery.objects.values_list("state", flat=True))


def test_a_test_goes_out_although_its_hook_is_paused_before_a_worker_takes_it(
    webhook: Make, record: Record, pump: Run, receiver: Receiver, alice: User
) -> None:
    hook = webhook()
    record("git.push")
    router.route()
    test_sends.send_hook_test(hook, "git.push", alice)
    again = Delivery.objects.get(event__is_test=False)
    resending.redeliver(again, alice)
    rules.update_hook(hook, None, paused=True)
    pump()
    [sent] = receiver.requests
    assert sent.headers["webhook-id"] == Delivery.objects.get(event__is_test=True).public_id
    again.refresh_from_db()
    assert (again.state, again.due_at) == ("pending", None), "the rest is held, also what was asked for before"
    rules.update_hook(hook, None, paused=False)
    pump()
    assert states() == {"delivered"}


def test_a_test_by_mail_goes_out_although_its_hook_is_paused_before_a_worker_takes_it(
    acme: Organization, pump: Run, mailbox: Mailbox, alice: User
) -> None:
    everybody = rules.Notify(members=True)
    hook = rules.create_email_hook(organization=acme, actor=None, name="Everybody", notify=everybody)
    test_sends.send_hook_test(hook, "git.push", alice)
    rules.update_hook(hook, None, paused=True)
    pump()
    assert mailbox.told == [alice.email]


def test_a_test_goes_out_although_its_endpoint_is_stopped_before_a_worker_takes_it(
    webhook: Make, record: Record, pump: Run, receiver: Receiver, alice: User
) -> None:
    hook = webhook()
    record("git.push")
    router.route()
    test_sends.send_hook_test(hook, "git.push", alice)
    with transaction.atomic():
        pending.disable(Endpoint.objects.get(hook=hook), "It failed for 5 days without a success.")
    assert Delivery.objects.get(event__is_test=False).due_at is None
    pump()
    assert states() == {"delivered"}, "the test put it to work again"


def test_a_hook_that_was_deleted_meanwhile_is_not_tested(webhook: Make, alice: User) -> None:
    hook = webhook()
    rules.delete_hook(hook, alice)
    hook.refresh_from_db()
    with pytest.raises(test_sends.CannotTest, match="This hook was deleted"):
        test_sends.send_hook_test(hook, "git.push", alice)
    assert not Delivery.objects.exists()
