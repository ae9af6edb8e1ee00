"""Members who leave, are removed or deactivated get nothing any more, not even deliveries that wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from events import intake
from events.models import Event
from hooks import clock
from hooks.channels import services
from hooks.deliveries import digests
from hooks.endpoints import devices
from hooks.manage import rules
from hooks.models import Delivery, Endpoint
from hooks.preferences import notification_settings
from hooks.preferences.notification_settings import Choice
from hooks.queue import pending
from hooks.routing import router
from notifications_project.accounts import organizations
from notifications_project.accounts.models import Membership, Organization, User
from tests.conftest import Receiver
from tests.hooks.conftest import Mailbox
from tests.hooks.formats.hipchat_server import OPTIONS
from tests.hooks.races import in_thread

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail")]
Record = Callable[..., Event]
Run = Callable[[], None]
KINDS = ["email", "ios", "hipchat", "webhook"]


@pytest.fixture
def reachable(dave: User, receiver: Receiver, settings: Any) -> User:
    """Give Dave every kind of channel, each told of pushes."""
    settings.PUSH_CONFIGURED = True
    services.set_up(dave, "webhook", url=receiver.url, options={})
    services.set_up(dave, "hipchat", url=receiver.url, options=OPTIONS)
    devices.register(dave, "ab" * 32, "Dave's iPhone")
    notification_settings.choose(dave, [Choice("git.push", kind, True) for kind in KINDS])
    return dave


def states(organization: Organization) -> set[tuple[str, str]]:
    return set(Delivery.objects.filter(organization=organization).values_list("state", "outcome"))


def route() -> None:
    """Route all events: one call routes for a moment only."""
    while router.route():
        pass


def remove(user: User, organization: Organization, actor: User) -> None:
    organizations.remove_member(organization=organization, user=user, actor=actor)


@pytest.mark.parametrize("leaves", [True, False])
def test_nothing_of_an_organization_reaches_who_left_it_or_was_removed(
    leaves: bool, reachable: User, alice: User, acme: Organization, record: Record
) -> None:
    record("git.push")
    route()
    assert Delivery.objects.count() == 4
    remove(reachable, acme, reachable if leaves else alice)
    assert states(acme) == {("cancelled", "No longer a member")}
    record("git.push")
    route()
    assert Delivery.objects.count() == 4


def test_what_waits_for_a_quiet_time_ends_too(reachable: User, alice: User, acme: Organization, record: Record) -> None:
    services.snooze(reachable, KINDS, clock.now() + timedelta(hours=1))
    for _ in range(2):
        record("git.push")
    route()
    remove(reachable, acme, alice)
    services.snooze(reachable, KINDS, None)
    assert states(acme) == {("cancelled", "No longer a member")}
    assert not Event.objects.filter(type=digests.TYPE).exists()


@pytest.mark.parametrize("event_type", ["git.push", "server.stopped", "hook.failing"])
def test_mails_by_a_setting_by_default_and_by_role_end(
    event_type: str, mary: User, alice: User, acme: Organization, record: Record
) -> None:
    notification_settings.choose(mary, [Choice("git.push", "email", True)])
    record(event_type)
    route()
    remove(mary, acme, alice)
    mails = dict(Delivery.objects.values_list("endpoint__address", "state"))
    assert mails[mary.email] == "cancelled"
    assert mails.get(alice.email, "pending") == "pending"


def test_what_other_organizations_owe_stays(
    reachable: User, alice: User, olga: User, acme: Organization, record: Record
) -> None:
    other = olga.organizations.get(name="Other")
    Membership.objects.create(organization=other, user=reachable, role="developer")
    record("git.push")
    intake.record(other, [intake.NewEvent(type="git.push")])
    route()
    remove(reachable, acme, alice)
    assert states(acme) == {("cancelled", "No longer a member")}
    assert states(other) == {("pending", "")}


@pytest.mark.parametrize("how", ["save", "save of the field"])
def test_a_deactivated_user_gets_nothing(
    how: str, reachable: User, olga: User, acme: Organization, record: Record, pump: Run, receiver: Receiver,
    mailbox: Mailbox,
) -> None:  # fmt: skip
    other, space = olga.organizations.get(name="Other"), Organization.objects.get(pk=reachable.pk)
    Membership.objects.create(organization=other, user=reachable, role="developer")
    named = rules.Notify(addresses=[reachable.email])
    rules.create_email_hook(organization=acme, actor=None, name="Dave", notify=named, events=["git.push"])
    for organization in (acme, other, space):
        intake.record(organization, [intake.NewEvent(type="git.push")])
    route()
    assert Delivery.objects.count() == 12
    reachable.is_active = False
    reachable.save(update_fields=["is_active"] if how == "save of the field" else None)
    assert {state for of in (acme, other, space) for state, _ in states(of)} == {"cancelled"}
    record("git.push")
    pump()
    assert receiver.requests == []
    assert mailbox.mails == []


def test_only_a_deactivation_ends_what_waits(reachable: User, acme: Organization, record: Record) -> None:
    record("git.push")
    route()
    reachable.name = "David"
    reachable.save()
    reachable.is_active = False
    reachable.save(update_fields=["name"])
    assert states(acme) == {("pending", "")}


def test_the_webhooks_of_a_deactivated_user_s_own_space_go_on(dave: User, receiver: Receiver) -> None:
    """Webhooks are rules of the space, and lead to programs."""
    space = Organization.objects.get(pk=dave.pk)
    rules.create_webhook(organization=space, actor=dave, spec=rules.WebhookSpec.of(name="Receiver", url=receiver.url))
    intake.record(space, [intake.NewEvent(type="git.push")])
    route()
    dave.is_active = False
    dave.save()
    assert states(space) == {("pending", "")}


def test_leaving_and_writing_results_do_not_wait_for_each_other(
    reachable: User, alice: User, acme: Organization, record: Record
) -> None:
    """Both lock an endpoint before its deliveries."""
    for _ in range(2):
        record("git.push")
    route()
    endpoint = Endpoint.objects.get(channel__user=reachable, channel__kind="webhook")
    last, first = Delivery.objects.filter(endpoint=endpoint).order_by("-pk")

    def write() -> None:
        with transaction.atomic():
            list(Endpoint.objects.select_for_update(no_key=True).filter(pk=endpoint.pk).values_list("pk"))
            Delivery.objects.filter(pk=last.pk).update(tries=1)
            time.sleep(0.3)
            Delivery.objects.filter(pk=first.pk).update(tries=1)

    threads = [in_thread(write), in_thread(lambda: remove(reachable, acme, alice))]
    for thread in threads:
        thread.join()
    assert set(Delivery.objects.filter(endpoint=endpoint).values_list("tries", "state")) == {(1, "cancelled")}


def test_deactivating_and_writing_mails_of_two_organizations_do_not_wait_for_each_other(
    dave: User, acme: Organization, olga: User
) -> None:
    """Both lock mails in the order of their ids, whatever their organization."""
    other = olga.organizations.get(name="Other")
    Membership.objects.create(organization=other, user=dave, role="developer")
    last, first = sorted((acme, other), key=lambda each: each.pk)
    for organization in (first, last):
        intake.record(organization, [intake.NewEvent(type="server.stopped")])
        route()
    mails = Delivery.objects.filter(endpoint__address=dave.email).order_by("pk")
    assert [mail.organization_id for mail in mails] == [first.pk, last.pk]
    begun = threading.Event()

    def write() -> None:
        with transaction.atomic():
            for mail in mails:
                Delivery.objects.filter(pk=mail.pk).update(tries=1)
                begun.set()
                time.sleep(0.3)

    writing = in_thread(write)
    begun.wait(10)
    dave.is_active = False
    dave.save()
    writing.join()
    assert set(mails.values_list("tries", "state")) == {(1, "cancelled")}


def test_many_mails_end_in_as_many_queries_as_few(dave: User, record: Record) -> None:
    def queries(number: int) -> int:
        for _ in range(number):
            record("server.stopped")
        route()
        with CaptureQueriesContext(connection) as counted, transaction.atomic():
            pending.forget_user(dave)
        assert not Delivery.objects.filter(endpoint__address=dave.email).exclude(state="cancelled").exists()
        return len(counted)

    assert queries(1) == queries(20)


def test_forgetting_somebody_twice_changes_nothing(reachable: User, record: Record, acme: Organization) -> None:
    record("git.push")
    route()
    for _ in range(2):
        with transaction.atomic():
            pending.forget_user(reachable)
    assert states(acme) == {("cancelled", "The user was deactivated")}
