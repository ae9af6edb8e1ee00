"""What waits when its rule changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from events.models import Event
from hooks import rules
from hooks.models import Delivery, Hook
from notifications_project.accounts.models import Organization, User
from tests.conftest import Receiver
from tests.hooks.conftest import Mailbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail")]
Make = Callable[..., Hook]
Record = Callable[..., Event]
Run = Callable[[], None]


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
