"""Resending mails: not to addresses that left or opted out; a few queries for a hundred mails."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from events.models import Event
from hooks.consent import unsubscribing
from hooks.deliveries import test_sends
from hooks.deliveries.resending import CannotRedeliver, redeliver, redeliver_many
from hooks.manage import rules
from hooks.models import Delivery, Endpoint, Hook
from hooks.preferences.notification_settings import Scope
from hooks.routing import router
from notifications_project.accounts import organizations
from notifications_project.accounts.models import Organization, User
from tests.hooks.people import application, members, turn

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_default_mail")]
Record = Callable[..., Event]
TYPED = "ops@elsewhere.example"


@pytest.fixture(autouse=True)
def nobody_is_asked(settings: LazySettings) -> None:
    settings.EMAIL_CONFIRM_ADDRESSES = False


def ops(organization: Organization, **options: object) -> Hook:
    """Create an e-mail hook that names all members and one other address."""
    notify = rules.Notify(members=True, addresses=[TYPED])
    return rules.create_email_hook(
        organization=organization, actor=None, name="Ops", notify=notify, events=["git.push"], **options  # type: ignore[arg-type]
    )  # fmt: skip


def sent(address: str) -> Delivery:
    """Return the delivery to an address, marked as sent."""
    router.route()
    Delivery.objects.update(state="delivered", tries=1, due_at=None)
    return Delivery.objects.get(endpoint__address=address)


def refused(delivery: Delivery, actor: User) -> str:
    """Resend a delivery; return why it is refused, or an empty text."""
    try:
        redeliver(delivery, actor)
    except CannotRedeliver as problem:
        assert Delivery.objects.get(pk=delivery.pk).state == "delivered"
        return str(problem)
    assert Delivery.objects.get(pk=delivery.pk).state == "pending"
    return ""


def test_a_member_s_and_a_typed_address_are_sent_it_again(
    acme: Organization, alice: User, dave: User, record: Record
) -> None:
    ops(acme)
    record("git.push")
    assert refused(sent(dave.email), alice) == ""
    assert refused(sent(TYPED), alice) == ""


@pytest.mark.parametrize("how", ["removed", "deactivated"])
def test_not_to_who_is_no_member_any_more(
    how: str, acme: Organization, alice: User, dave: User, record: Record
) -> None:
    ops(acme)
    record("git.push")
    mail = sent(dave.email)
    if how == "removed":
        organizations.remove_member(organization=acme, user=dave, actor=alice)
    else:
        dave.is_active = False
        dave.save()
    assert "no active member" in refused(mail, alice)


def test_not_to_an_address_that_no_enabled_hook_names_any_more(acme: Organization, alice: User, record: Record) -> None:
    hook = ops(acme)
    record("git.push")
    mail = sent(TYPED)
    Hook.objects.filter(pk=hook.pk).update(enabled=False)
    assert "no enabled hook names it" in refused(mail, alice)
    rules.delete_hook(hook, None)
    assert "no enabled hook names it" in refused(mail, alice)
    other = rules.Notify(addresses=[TYPED.upper()])
    rules.create_email_hook(organization=acme, actor=None, name="Other", notify=other, events=["git.push"])
    assert refused(mail, alice) == ""


def test_not_to_an_address_that_has_not_confirmed(
    acme: Organization, alice: User, dave: User, record: Record, settings: LazySettings
) -> None:
    ops(acme)
    record("git.push")
    mail, to_dave = sent(TYPED), sent(dave.email)
    settings.EMAIL_CONFIRM_ADDRESSES = True
    assert "has not confirmed" in refused(mail, alice)
    assert refused(to_dave, alice) == "", "a member need not"


def test_not_to_who_unsubscribed_from_every_hook_that_asked(
    acme: Organization, alice: User, dave: User, record: Record
) -> None:
    first, second = ops(acme), ops(acme)
    record("git.push")
    mail = sent(dave.email)
    unsubscribing.unsubscribe(mail.endpoint, [first.pk], dave)
    assert refused(mail, alice) == ""
    Delivery.objects.update(state="delivered", due_at=None)
    unsubscribing.unsubscribe(mail.endpoint, [second.pk], dave)
    assert "unsubscribed" in refused(mail, alice)


def test_who_unsubscribed_from_a_hook_and_has_it_by_a_setting_too_gets_it(
    acme: Organization, alice: User, dave: User, record: Record
) -> None:
    hook = ops(acme)
    turn(dave, "git.push", "email", True)
    record("git.push")
    mail = sent(dave.email)
    unsubscribing.unsubscribe(mail.endpoint, [hook.pk], dave)
    assert refused(mail, alice) == ""


def test_not_to_a_member_who_turned_it_off_there(acme: Organization, alice: User, dave: User, record: Record) -> None:
    shop = application(acme, "shop")
    ops(acme)
    record("git.push", shop)
    mail = sent(dave.email)
    turn(dave, "git.push", "email", False, Scope(resource=application(acme, "blog")))
    assert refused(mail, alice) == ""
    Delivery.objects.update(state="delivered", due_at=None)
    turn(dave, "git.push", "email", False, Scope(resource=shop))
    assert "turned such e-mails off" in refused(mail, alice)
    assert refused(mail, dave) == "", "one's own mail one may have again"


def test_a_test_is_sent_again_whatever_is(acme: Organization, alice: User, dave: User) -> None:
    turn(dave, "git.push", "email", False)
    delivery = test_sends.send_hook_test(ops(acme), "git.push", dave)
    Delivery.objects.update(state="delivered", due_at=None)
    assert refused(delivery, alice) == ""


def test_a_hundred_take_no_more_queries_than_two(acme: Organization, alice: User, record: Record) -> None:
    members(acme, [f"Member{number:03}" for number in range(120)])
    ops(acme)
    event = record("git.push")
    router.route()
    found = list(Delivery.objects.filter(event=event).exclude(endpoint__address=alice.email).order_by("pk"))
    Endpoint.objects.filter(pk=found[-1].endpoint_id).update(address="nobody@left.example")

    def queries(number: int) -> int:
        wanted = [each.pk for each in found[-number:]]
        with CaptureQueriesContext(connection) as counted:
            again, not_again = redeliver_many(acme, wanted, alice)
        assert (len(again), list(not_again)) == (number - 1, [found[-1].pk])
        return sum("audit" not in each["sql"].lower() for each in counted)

    assert queries(100) == queries(2)
