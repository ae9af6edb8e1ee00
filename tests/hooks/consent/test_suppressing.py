"""An address that the mail server refuses gets no more mail until somebody permits it again; others do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from events.models import Event
from hooks.consent import suppressing
from hooks.deliveries import test_sends
from hooks.deliveries.resending import CannotRedeliver, redeliver
from hooks.endpoints import lookup
from hooks.manage import rules
from hooks.models import Attempt, Delivery, Endpoint, Hook
from hooks.routing import router
from hooks.transports.refusals import is_about_address
from notifications_project.accounts.models import AuditEntry, Organization, User
from tests.conftest import Api
from tests.hooks.conftest import Mailbox
from tests.hooks.pages import ClientOf, page_of
from tests.pages import get

Record = Callable[..., Event]
Run = Callable[[], None]
NO_SUCH_USER = "550 5.1.1 No such user here"
real_mail = pytest.mark.django_db(transaction=True)


def of(user: User) -> Endpoint:
    return Endpoint.objects.get(address=user.email)


@pytest.mark.parametrize(
    ("reply", "stops"),
    [
        ("550 No such mailbox", True),
        ("550 5.1.1 User unknown", True),
        ("550 5.1.0 Address rejected", True),
        ("550 5.1.10 Null MX", True),
        ("501 5.1.3 Bad recipient address syntax", True),
        ("551 User not local", True),
        ("551 5.1.6 Moved", True),
        ("553 Mailbox name not allowed", True),
        ("556 Domain does not accept mail", True),
        ("550 5.2.1 Mailbox disabled", True),
        ("550 5.1.7 Bad sender address", False),
        ("550 5.1.8 Bad sender's system address", False),
        ("552 Exceeded storage allocation", False),
        ("552 5.2.2 Mailbox full", False),
        ("550 5.2.2 Mailbox full", False),
        ("552 5.3.4 Message too big", False),
        ("550 5.3.0 Other mail system problem", False),
        ("550 5.4.1 Recipient address rejected: access denied", False),
        ("550 5.5.0 Protocol", False),
        ("550 5.6.0 Content", False),
        ("550 5.7.1 Blocked by policy", False),
        ("554 5.7.1 Relay access denied", False),
        ("554 Transaction failed", False),
        ("530 5.7.0 Authentication required", False),
        ("503 Bad sequence", False),
        ("450 4.2.1 Mailbox busy", False),
        ("451 Try later", False),
        ("550 4.7.0 A code of another class", True),
        ("550 5.7 is no enhanced code", True),
    ],
)
def test_a_refusal_stops_the_address_if_it_is_about_the_mailbox(reply: str, stops: bool) -> None:
    code, _, words = reply.partition(" ")
    assert is_about_address(int(code), words) is stops


@real_mail
def test_a_refused_address_is_tried_no_more_and_the_others_go_on(
    record: Record, alice: User, dave: User, pump: Run, mailbox: Mailbox
) -> None:
    mailbox.refusals[dave.email] = NO_SUCH_USER
    for _ in range(5):
        record("server.stopped")
    pump()
    assert of(dave).disabled_reason == "The mail server refuses this address: 550 5.1.1 No such user here"
    mine = Delivery.objects.filter(endpoint=of(alice), event__type="server.stopped")
    assert set(mine.values_list("state", "tries")) == {("delivered", 1)}
    assert set(of(dave).deliveries.values_list("state", "due_at")) == {("pending", None)}
    lane = of(alice).lane
    assert (lane.failures, lane.circuit_open, lane.not_before) == (0, False, None)
    tried = Attempt.objects.count()
    pump()
    assert Attempt.objects.count() == tried


@real_mail
def test_what_comes_later_waits_untried(record: Record, alice: User, dave: User, pump: Run, mailbox: Mailbox) -> None:
    mailbox.refusals[dave.email] = NO_SUCH_USER
    record("server.stopped")
    pump()
    record("server.stopped")
    pump()
    waiting = of(dave).deliveries.get(tries=0)
    assert (waiting.state, waiting.due_at) == ("pending", None)
    with pytest.raises(CannotRedeliver, match="tried again on its hook"):
        redeliver(waiting, alice)


@real_mail
@pytest.mark.parametrize("reply", ["552 Too big", "554 Content", "550 5.7.1 Policy", "552 5.2.2 Full"])
def test_a_refusal_about_anything_else_fails_that_delivery_only(
    reply: str, record: Record, alice: User, pump: Run, mailbox: Mailbox
) -> None:
    mailbox.refusals[alice.email] = reply
    record("server.stopped")
    pump()
    assert Delivery.objects.get().state == "failed"
    assert of(alice).disabled_at is None


@real_mail
def test_administrators_are_told_but_not_at_that_address(
    record: Record, alice: User, mary: User, dave: User, pump: Run, mailbox: Mailbox
) -> None:
    mailbox.refusals[mary.email] = NO_SUCH_USER
    record("server.stopped")
    pump()
    news = [mail for mail in mailbox.mails if "have stopped" in mail["Subject"]]
    assert [mail["To"] for mail in news] == [alice.email]
    text = news[0].get_body(("plain",)).get_content()
    assert f"E-mails to {mary.email} have stopped" in text
    assert "550 5.1.1 No such user here" in text
    assert not Delivery.objects.filter(endpoint=of(mary), event__type="hook.disabled").exists()


@real_mail
def test_when_all_administrators_are_refused_it_comes_to_an_end(
    record: Record, alice: User, mary: User, pump: Run, mailbox: Mailbox
) -> None:
    mailbox.refusals |= {alice.email: NO_SUCH_USER, mary.email: NO_SUCH_USER}
    record("server.stopped")
    for _ in range(3):
        pump()
    assert Event.objects.filter(type="hook.disabled").count() == 2


@real_mail
def test_it_shows_on_each_hook_that_names_the_address_and_can_be_tried_again(
    acme: Organization, record: Record, home: str, alice: User, dave: User, pump: Run, mailbox: Mailbox,
    client_of: ClientOf,
) -> None:  # fmt: skip
    everyone = Hook.objects.existing().get(organization=acme)
    others = rules.create_email_hook(
        organization=acme, actor=None, name="Admins", notify=rules.Notify(roles=["admin"]), events=["git.push"]
    )
    mailbox.refusals[dave.email] = NO_SUCH_USER
    record("server.stopped")
    pump()
    record("server.stopped")
    pump()
    client = client_of(alice)
    assert get(client, f"{home}/notifications/emails/").count("1 address is refused by the mail server") == 1
    html = get(client, page_of(home, everyone))
    assert "The mail server refuses this address: 550 5.1.1 No such user here" in html
    assert "Try this address again" in html
    assert "Try this address again" not in get(client, page_of(home, others))

    mailbox.refusals.clear()
    mailbox.mails.clear()
    response = client.post(page_of(home, everyone, "try-again/"), {"address": dave.email}, follow=True)
    assert f"Mail to {dave.email} is tried again" in response.text
    assert "Who is not told" not in response.text
    pump()
    assert mailbox.told == [dave.email, dave.email]  # the refused mail too
    assert AuditEntry.objects.get(action="address.tried_again").target == dave.email


@real_mail
def test_trying_again_lets_nothing_go_that_a_paused_hook_alone_asked_for(
    acme: Organization, record: Record, alice: User, dave: User, pump: Run, mailbox: Mailbox
) -> None:
    notify = rules.Notify(users=[dave.pk])
    rules.create_email_hook(organization=acme, actor=None, name="P", notify=notify, events=["git.push"], paused=True)
    mailbox.refusals[dave.email] = NO_SUCH_USER
    record("server.stopped")
    pump()
    record("git.push")
    record("server.stopped")
    pump()
    assert suppressing.try_again(of(dave), alice)
    due = dict(of(dave).deliveries.filter(tries=0).values_list("event__type", "due_at"))
    assert due["git.push"] is None
    assert due["server.stopped"] is not None


@real_mail
def test_resuming_or_deleting_a_hook_sends_nothing_to_a_stopped_address(
    acme: Organization, record: Record, alice: User, dave: User, pump: Run, mailbox: Mailbox
) -> None:
    notify = rules.Notify(users=[dave.pk])
    hooks = [
        rules.create_email_hook(
            organization=acme, actor=None, name=name, notify=notify, events=["git.push"], paused=paused
        )
        for name, paused in (("Paused", True), ("Other", False))
    ]
    mailbox.refusals[dave.email] = NO_SUCH_USER
    record("server.stopped")
    pump()
    record("git.push")
    pump()
    rules.update_hook(hooks[0], None, paused=False)
    rules.delete_hook(hooks[1], None)
    assert of(dave).deliveries.get(event__type="git.push").due_at is None
    assert Attempt.objects.filter(delivery__endpoint=of(dave)).count() == 1


@real_mail
def test_only_who_manages_hooks_has_it_tried_again(
    acme: Organization, record: Record, home: str, alice: User, dave: User, olga: User, pump: Run, mailbox: Mailbox,
    client_of: ClientOf, api: Callable[[User], Api],
) -> None:  # fmt: skip
    hook = Hook.objects.existing().get(organization=acme)
    mailbox.refusals[dave.email] = NO_SUCH_USER
    record("server.stopped")
    pump()
    for user, status in ((dave, 403), (olga, 404)):
        response = client_of(user).post(page_of(home, hook, "try-again/"), {"address": dave.email})
        assert response.status_code == status
    address = f"/api/v1{home}/hooks/{hook.public_id}/"
    [stopped] = api(dave).get(address).json()["stopped"]
    assert (stopped["address"], "550 5.1.1" in stopped["reason"]) == (dave.email, True)
    assert api(dave).post(f"{address}try-again/", {"address": dave.email}).status_code == 403
    assert api(alice).post(f"{address}try-again/", {"address": alice.email}).status_code == 422
    assert api(alice).post(f"{address}try-again/", {"address": dave.email}).json()["stopped"] == []
    assert of(dave).disabled_at is None


@real_mail
def test_a_mail_that_was_under_way_when_its_address_was_stopped_does_not_start_it_again(
    record: Record, alice: User, pump: Run, mailbox: Mailbox
) -> None:
    record("server.stopped")
    router.route()
    suppressing.stop_everywhere(alice.email, "Bounced")
    Delivery.objects.update(due_at=Delivery.objects.get().created_at)
    pump()
    assert mailbox.told == [alice.email]
    assert of(alice).disabled_at is not None


@real_mail
def test_a_test_goes_out_to_who_pressed_it_although_the_address_is_stopped(
    acme: Organization, alice: User, pump: Run, mailbox: Mailbox
) -> None:
    lookup.get_or_create_mail_endpoint(acme, alice.email)
    suppressing.stop_everywhere(alice.email, "Bounced")
    test_sends.send_hook_test(Hook.objects.existing().get(organization=acme), "stack.redeploy.ok", alice)
    pump()
    assert [mail["To"] for mail in mailbox.mails] == [alice.email]
