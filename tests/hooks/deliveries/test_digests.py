"""Digests: deliveries wait for quiet times, and are then sent once, as one message for each channel."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.urls import reverse

from events import intake
from events.models import Event
from hooks import tasks
from hooks.channels import services
from hooks.deliveries import digests, resending
from hooks.endpoints import devices
from hooks.explanations import people
from hooks.explanations.facts import Facts
from hooks.manage import rules
from hooks.models import Channel, Delivery
from hooks.preferences import notification_settings
from hooks.preferences.notification_settings import Choice
from hooks.presentation import delivery_sentences
from hooks.routing import router, subjects
from notifications_project.accounts import organizations
from notifications_project.accounts.models import Organization, User
from tests.conftest import Api, Receiver
from tests.hooks.conftest import Mailbox
from tests.hooks.deliveries.digesting import TYPES, digest, folded, quiet_time_ends, snooze, titles
from tests.pages import get

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail")]
Record = Callable[..., Event]
Run = Callable[[], None]


def test_what_waited_is_one_message(
    channel: Channel, record: Record, pump: Run, receiver: Receiver, alice: User, acme: Organization
) -> None:
    for each in TYPES:
        record(each)
    pump()
    assert receiver.requests == []
    quiet_time_ends()
    assert digests.send_due() == 3
    pump()
    assert len(receiver.requests) == 1
    sent = json.loads(receiver.requests[0].data)
    assert (sent["event_type"], sent["total"], sent["more"]) == ("account.digest", 3, [])
    assert sent["organization"]["id"] == alice.organizations.get(pk=alice.pk).public_id
    assert [each["event_type"] for each in sent["notifications"]] == TYPES
    first = sent["notifications"][0]
    assert first["title"] == "A process is down"
    assert first["organization"] == {"id": acme.public_id, "name": "Acme"}
    assert first["event_id"] == Event.objects.get(type="process.down").public_id
    assert first["delivery_id"] == folded()[0].public_id
    assert receiver.requests[0].headers["webhook-id"] == digest().public_id
    assert receiver.requests[0].headers["webhook-signature"]


def test_what_was_told_in_a_digest_says_so(channel: Channel, record: Record, api: Callable[..., Api]) -> None:
    for each in TYPES:
        record(each)
    router.route()
    quiet_time_ends()
    tasks.sweep()
    told = digest()
    assert {(each.outcome, each.due_at, each.quiet_until) for each in folded()} == {
        (f"Told in one digest: {told.public_id}", None, None)
    }
    assert delivery_sentences.describe_state(folded()[0]) == f"Told in one digest: {told.public_id}"
    assert (told.organization_id, told.hook, told.state) == (channel.user_id, None, "pending")
    assert (
        delivery_sentences.describe_reasons(told.reasons)
        == "Told because it waited for the end of a quiet time, with others."
    )
    assert told.event.routed_at is not None
    assert router.route() == 0


def test_one_alone_goes_as_it_is(channel: Channel, record: Record, pump: Run, receiver: Receiver) -> None:
    record("git.push")
    router.route()
    quiet_time_ends()
    assert digests.send_due() == 1
    pump()
    assert [json.loads(each.data)["event_type"] for each in receiver.requests] == ["git.push"]
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.quiet_until) == ("delivered", None)


def test_ending_a_snooze_brings_what_waited_at_once(
    channel: Channel, alice: User, record: Record, pump: Run, receiver: Receiver
) -> None:
    for each in TYPES:
        record(each)
    router.route()
    services.snooze(alice, ["webhook"], None)
    pump()
    assert len(receiver.requests) == 1
    assert len(folded()) == 3


def test_ending_a_snooze_brings_nobody_else_s(
    channel: Channel, alice: User, dave: User, record: Record, mailbox: Mailbox
) -> None:
    snooze(dave, "email")
    for _ in range(2):
        record("process.down")
    router.route()
    quiet_time_ends()
    assert digests.send_due(alice) == 2
    assert {each.endpoint.organization_id for each in folded()} == {alice.pk}
    assert digests.send_due(dave) == 2


def test_mail_from_several_organizations_is_one_mail(
    acme: Organization, alice: User, olga: User, record: Record, pump: Run, mailbox: Mailbox
) -> None:
    other = olga.organizations.get(name="Other")
    organizations.add_member(organization=other, email=alice.email, role="developer", actor=None)
    snooze(alice, "email")
    record("process.down", process_name="nginx", server={"name": "Meerkat"})
    intake.record(other, [intake.NewEvent(type="job.fail", data={"name": "Nightly invoices"})])
    pump()
    assert mailbox.told == [olga.email]
    quiet_time_ends()
    tasks.sweep()
    pump()
    (mail,) = [mail for mail in mailbox.mails if mail["To"] == alice.email]
    assert mail["Subject"] == "[Alice (personal)] Your quiet time is over: 2 notifications"
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "2 notifications from your quiet time" in text
    assert "The process nginx is down" not in text
    assert "Process nginx is down (Acme)" in text
    assert "Job “Nightly invoices” failed (Other)" in text
    assert (digest().organization_id, digest().endpoint.address) == (alice.pk, alice.email)


def test_each_device_gets_one(alice: User, record: Record, settings: Any) -> None:
    settings.PUSH_CONFIGURED = True
    for number in range(2):
        devices.register(alice, f"{number:064x}", f"Device {number}")
    notification_settings.choose(alice, [Choice("git.push", "ios", True)])
    snooze(alice, "ios")
    for _ in range(3):
        record("git.push")
    router.route()
    quiet_time_ends()
    assert digests.send_due() == 6
    told = Delivery.objects.filter(event__type=digests.TYPE)
    assert {each.endpoint.device.name for each in told} == {"Device 0", "Device 1"}


def test_a_digest_names_fifty_and_counts_the_rest_by_type(channel: Channel, record: Record) -> None:
    for number in range(70):
        record("process.down" if number < 55 else "job.fail")
    router.route()
    quiet_time_ends()
    assert digests.send_due() == 70
    assert len(titles()) == 50
    assert json.loads(digest().event.representation)["more"] == [
        {"event_type": "job.fail", "label": "Job run failed", "number": 15},
        {"event_type": "process.down", "label": "Process is down", "number": 5},
    ]


def test_what_was_told_in_a_digest_leads_its_user_to_it(
    waited: Channel, alice: User, client_of: Callable[[User], Client]
) -> None:
    digests.send_due()
    html = get(client_of(alice), reverse("hooks:own-delivery", args=[folded()[0].public_id]))
    address = reverse("hooks:own-delivery", args=[digest().public_id])
    assert f'href="{address}"' in html
    assert "it waited for the end of a quiet time" in get(client_of(alice), address)


def test_what_was_told_in_a_digest_is_known_by_its_key_and_not_by_its_words(
    waited: Channel, alice: User, client_of: Callable[[User], Client]
) -> None:
    digests.send_due()
    Delivery.objects.filter(state="cancelled").update(outcome="Autre chose")
    assert {each.is_told_in_digest for each in folded()} == {True}
    html = get(client_of(alice), reverse("hooks:own-delivery", args=[folded()[0].public_id]))
    assert f'href="{reverse("hooks:own-delivery", args=[digest().public_id])}"' in html


def test_one_that_is_sent_again_is_no_longer_told_in_a_digest(waited: Channel, alice: User) -> None:
    digests.send_due()
    again = folded()[0]
    resending.redeliver(again, alice)
    again.refresh_from_db()
    assert (again.state, again.digest_id) == ("pending", None)


def test_what_was_told_before_digests_had_keys_is_still_told(waited: Channel) -> None:
    digests.send_due()
    written_by_hand = folded()[0]
    Delivery.objects.filter(state="cancelled").update(digest=None)
    Delivery.objects.filter(state="cancelled").update(outcome=f"Told in one digest: {digest().public_id}")
    Delivery.objects.filter(pk=written_by_hand.pk).update(outcome="Told in one digest: dlv_of_somebody")
    import_module("hooks.migrations.0019_digests_by_key").name_digests(apps, connection.schema_editor())
    assert [each.digest_id for each in folded()] == [digest().pk] * (len(TYPES) - 1)
    assert written_by_hand.pk not in {each.pk for each in folded()}


def test_why_a_digest_came_is_explained(waited: Channel, alice: User, receiver: Receiver) -> None:
    space = Organization.objects.get(pk=alice.pk)
    rules.create_webhook(organization=space, actor=alice, spec=rules.WebhookSpec.of(name="All", url=receiver.url))
    digests.send_due()
    event = subjects.annotate_subject(Event.objects.select_related("organization", "resource")).get(type=digests.TYPE)
    facts = Facts.read(event, list(space.memberships.select_related("user")), alice.pk)
    verdicts = {each.channel: each for person in people.explain_members(facts) for each in person.verdicts}
    assert verdicts["webhook"].why.startswith("It waited for the end of a quiet time, with others.")
    assert verdicts["webhook"].since == ""
    assert not facts.asking
