"""Account settings, row by row: thirteen events on four channels, as each user decides.

Every combination is decided by matching and compared with the table; each channel is then told of every type on the
real wire: by SMTP, to a HipChat, to a receiver of webhooks, to an Apple on loopback.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

import pytest
from django.conf import LazySettings
from django.utils import timezone
from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook

from events import catalogue, intake
from events.intake import NewEvent
from events.models import Event
from hooks.channels import services
from hooks.endpoints import devices
from hooks.manage import rules
from hooks.models import Delivery, Device, Hook, NotificationSetting
from hooks.preferences import notification_settings
from hooks.preferences.notification_settings import Scope
from hooks.routing import router
from notifications_project.accounts import organizations
from notifications_project.accounts.models import Organization, User
from notifications_project.accounts.roles import Permission
from tests.conftest import Receiver
from tests.hooks.conftest import Mailbox
from tests.hooks.fake_apns import FakeApns
from tests.hooks.formats.hipchat_server import OPTIONS, HipChatServer
from tests.hooks.people import (
    KINDS,
    application,
    kind_of,
    members,
    settings_of,
    turn,
    with_hipchat,
    with_webhook,
)
from tests.hooks.pushing import TOKEN

pytestmark = pytest.mark.django_db
Run = Callable[[], None]
EMAIL, IOS, HIPCHAT, WEBHOOK = KINDS

# What a new user's e-mail does about a type. "You will get an email for most of the cases, with the exception of
# deployment start notifications"; deployment results are what the default hook mails.
MAILED, AS_HOOKS_SAY, SILENT = "mailed", "as the hooks say", "silent"


class Row(NamedTuple):
    """A row of the table: an event type, its default for e-mail, and some fields of its webhook body."""

    event_type: str
    description: str
    by_mail: str
    fields: tuple[str, ...]


STACK, SERVER, JOB = (
    ("uid", "name", "environment", "deploy_context"),
    ("uid", "server", "status"),
    ("uid", "name", "cron"),
)
SEED = [
    Row("stack.provision.ok", "Stack provisioned successfully", AS_HOOKS_SAY, STACK),
    Row("stack.provision.fail", "Stack provision failed", AS_HOOKS_SAY, STACK),
    Row("stack.redeploy.ok", "Stack redeployed successfully", AS_HOOKS_SAY, STACK),
    Row("stack.redeploy.fail", "Stack redeploy failed", AS_HOOKS_SAY, STACK),
    Row("server.stopped", "Server heartbeat stopped", MAILED, SERVER),
    Row("server.backon", "Server heartbeat restored", MAILED, SERVER),
    Row("job.fail", "Job run failed", MAILED, JOB),
    Row("job.backon", "Job run succeeded (after fail)", MAILED, JOB),
    Row("process.down", "Process is down", MAILED, ("process_name", "server")),
    Row("app.auth", "App authorized to access the account", MAILED, ("user", "app")),
    Row("app.deauth", "App deauthorized from accessing the account", MAILED, ("user", "app")),
    Row("stack.redeploy.hook.fail", "Stack redeployment hook failed", MAILED, ("uid", "name", "reason")),
    Row("stack.deploy.started", "Stack deployment started", SILENT, STACK),
]
TYPES = [row.event_type for row in SEED]


@pytest.fixture(autouse=True)
def pushes_work(settings: LazySettings) -> None:
    settings.PUSH_CONFIGURED = True


def set_up_all(user: User, number: int = 0) -> None:
    """Set up every channel, with endpoints that do not exist."""
    with_hipchat(user)
    with_webhook(user)
    devices.register(user, f"{number:064x}", "Phone")


def choose_all(user: User, chosen: dict[str, bool | None]) -> None:
    """Choose on or off for every type of the table, by channel."""
    for row, (channel, enabled) in itertools.product(SEED, chosen.items()):
        settings_of(user, row.event_type, channel, {None: enabled})


def record_all(organization: Organization) -> None:
    intake.record(organization, [NewEvent(type=name) for name in TYPES], permissions=tuple(Permission))


def told() -> Counter[tuple[str, str, str]]:
    """Count the deliveries by type, channel and user."""
    while router.route():
        pass
    names = dict(User.objects.values_list("pk", "name"))
    by_address = {email.lower(): name for email, name in User.objects.values_list("email", "name")}
    found: Counter[tuple[str, str, str]] = Counter()
    for delivery in Delivery.objects.select_related("event", "endpoint"):
        channel = kind_of(delivery)
        who = by_address[delivery.endpoint.address] if channel == EMAIL else names[delivery.endpoint.organization_id]
        found[delivery.event.type, channel, who] += 1
    return found


def due(row: Row, channel: str, chosen: bool | None, *, with_hook: bool) -> bool:
    """Tell whether a message is due: by choice, else by the default of e-mail; other channels are off."""
    if chosen is not None:
        return chosen
    return channel == EMAIL and (row.by_mail == MAILED or (row.by_mail == AS_HOOKS_SAY and with_hook))


# --- The table -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("row", SEED, ids=TYPES)
def test_the_catalogue_has_every_row_word_for_word(row: Row) -> None:
    assert catalogue.EVENT_TYPES[row.event_type].label == row.description


@pytest.mark.parametrize("with_hook", [True, False], ids=["with the default hook", "without it"])
def test_every_type_on_every_channel_is_told_once_where_it_is_due_and_nowhere_else(
    with_hook: bool, acme: Organization, alice: User
) -> None:
    everywhere: dict[str, dict[str, bool | None]] = {
        "Default": dict.fromkeys(KINDS),
        "On": dict.fromkeys(KINDS, True),
        "Off": dict.fromkeys(KINDS, False),
        **{f"Only-{kind}": {**dict.fromkeys(KINDS, False), kind: True} for kind in KINDS},
        **{f"Not-{kind}": {**dict.fromkeys(KINDS, True), kind: False} for kind in KINDS},
        **{f"Also-{kind}": {**dict.fromkeys(KINDS), kind: True} for kind in KINDS},
    }
    people = dict(zip(everywhere, members(acme, everywhere), strict=True))
    [outsider] = members(organizations.create_organization(name="Other", admin=alice), ["Outsider"])
    for number, (name, user) in enumerate([*people.items(), ("On", outsider)]):
        set_up_all(user, number)
        choose_all(user, everywhere[name])
    if not with_hook:
        rules.delete_hook(Hook.objects.get(organization=acme), None)
    record_all(acme)
    expected = {
        (row.event_type, kind, name): 1
        for row, kind, (name, chosen) in itertools.product(
            SEED, KINDS, [*everywhere.items(), ("Alice", everywhere["Default"])]
        )
        if due(row, kind, chosen[kind], with_hook=with_hook)
    }
    assert told() == expected


def test_a_channel_that_was_removed_is_told_nothing(acme: Organization, alice: User) -> None:
    set_up_all(alice)
    choose_all(alice, dict.fromkeys(KINDS, True))
    services.remove(services.list_channels(alice)[HIPCHAT])
    devices.remove(Device.objects.get(user=alice))
    record_all(acme)
    assert {kind for _, kind, _ in told()} == {EMAIL, WEBHOOK}


def test_every_device_is_told(acme: Organization, alice: User) -> None:
    devices.register(alice, "a" * 64, "Phone")
    devices.register(alice, "b" * 64, "Tablet")
    turn(alice, "job.fail", IOS, True)
    intake.record(acme, [NewEvent(type="job.fail")])
    assert told()["job.fail", IOS, "Alice"] == 2


# --- Who decides ---------------------------------------------------------------------------------------------
CHOICES = [None, True, False]


@pytest.mark.parametrize("channel", [EMAIL, HIPCHAT])
def test_the_narrowest_choice_wins(channel: str, acme: Organization, alice: User) -> None:
    shop, blog = application(acme, "shop"), application(acme, "blog")
    elsewhere = organizations.create_organization(name="Other", admin=alice)
    combinations = list(itertools.product(CHOICES, repeat=3))
    names = [f"Member{number}" for number in range(len(combinations))]
    people = dict(zip(names, zip(members(acme, names), combinations, strict=True), strict=True))
    rows = [SEED[TYPES.index(name)] for name in ("server.stopped", "stack.redeploy.ok", "stack.deploy.started")]
    for user, (resource, organization, everything) in people.values():
        if channel == HIPCHAT:
            with_hipchat(user)
        for row in rows:
            other = None if resource is None else not resource
            chosen = {shop: resource, blog: other, acme: organization, elsewhere: other, None: everything}
            settings_of(user, row.event_type, channel, chosen)  # type: ignore[arg-type]
    about_shop = [NewEvent(type=row.event_type, resource=shop) for row in rows]
    intake.record(acme, about_shop, permissions=tuple(Permission))
    found = {(event_type, name) for event_type, kind, name in told() if kind == channel and name != "Alice"}
    assert found == {
        (row.event_type, name)
        for row, (name, (_, chosen)) in itertools.product(rows, people.items())
        if due(row, channel, next((each for each in chosen if each is not None), None), with_hook=True)
    }


def test_a_choice_for_a_resource_says_nothing_of_events_without_one(acme: Organization, alice: User) -> None:
    turn(alice, "server.stopped", EMAIL, False, Scope(resource=application(acme, "shop")))
    intake.record(acme, [NewEvent(type="server.stopped")])
    assert told() == {("server.stopped", EMAIL, "Alice"): 1}


def test_off_beats_hooks_that_name_the_member_in_any_way(acme: Organization, alice: User, dave: User) -> None:
    named = rules.Notify(members=True, roles=["developer"], users=[dave.pk], addresses=[dave.email.upper()])
    rules.create_email_hook(organization=acme, actor=None, name="Everybody", notify=named)
    for name in TYPES:
        turn(dave, name, EMAIL, False)
    record_all(acme)
    assert told() == {(name, EMAIL, "Alice"): 1 for name in TYPES}


def test_one_mail_however_many_rules_say_so(acme: Organization, alice: User) -> None:
    for number, notify in enumerate(
        [rules.Notify(members=True), rules.Notify(roles=["admin"]), rules.Notify(addresses=[alice.email.upper()])]
    ):
        rules.create_email_hook(organization=acme, actor=None, name=f"Hook {number}", notify=notify)
    for name in TYPES:
        turn(alice, name, EMAIL, True)
    record_all(acme)
    assert told() == {(name, EMAIL, "Alice"): 1 for name in TYPES}
    reasons = Delivery.objects.get(event__type="stack.redeploy.ok").reasons
    assert [reason["rule"] for reason in reasons] == ["hook"] * 4 + ["setting"]


def test_what_happens_in_the_personal_space_is_told_like_anything_else(alice: User, dave: User) -> None:
    set_up_all(alice)
    choose_all(alice, dict.fromkeys((IOS, HIPCHAT, WEBHOOK), True))
    record_all(Organization.objects.get(pk=alice.pk))
    expected = {(name, kind, "Alice"): 1 for name in TYPES for kind in KINDS}
    del expected["stack.deploy.started", EMAIL, "Alice"]
    assert told() == expected


def test_a_deactivated_user_gets_nothing_on_any_channel(acme: Organization, alice: User, dave: User) -> None:
    set_up_all(dave)
    choose_all(dave, dict.fromkeys(KINDS, True))
    User.objects.filter(pk=dave.pk).update(is_active=False)
    record_all(acme)
    assert {name for *_, name in told()} == {"Alice"}


def test_who_leaves_is_told_nothing_more_not_even_what_waits(acme: Organization, alice: User, dave: User) -> None:
    set_up_all(dave)
    choose_all(dave, dict.fromkeys(KINDS, True))
    services.snooze(dave, KINDS, timezone.now() + timedelta(hours=1))
    record_all(acme)
    assert len([name for *_, name in told() if name == "Dave"]) == len(TYPES) * len(KINDS)
    waiting = list(Delivery.objects.filter(quiet_until__isnull=False).values_list("pk", flat=True))
    organizations.remove_member(organization=acme, user=dave, actor=alice)
    theirs = Delivery.objects.filter(pk__in=waiting)
    assert set(theirs.values_list("state", "outcome")) == {("cancelled", "No longer a member")}
    before = Delivery.objects.count()
    record_all(acme)
    told()
    assert Delivery.objects.count() == before + len(TYPES) - 1, "Alice's mails"
    assert NotificationSetting.objects.filter(user=dave).exists(), "what was chosen holds elsewhere"


def test_a_quiet_channel_waits_and_urgent_bad_news_passes(acme: Organization, alice: User) -> None:
    set_up_all(alice)
    choose_all(alice, dict.fromkeys(KINDS, True))
    services.snooze(alice, [EMAIL, HIPCHAT], timezone.now() + timedelta(hours=1))
    notification_settings.mark_urgent(alice, "process.down", True)
    record_all(acme)
    told()
    waiting = {(each.event.type, kind_of(each)) for each in Delivery.objects.exclude(quiet_until=None)}
    assert waiting == {(name, kind) for name in TYPES for kind in (EMAIL, HIPCHAT) if name != "process.down"}


# --- On the wire ---------------------------------------------------------------------------------------------
@pytest.fixture
def events(transactional_db: None, acme: Organization, alice: User) -> Callable[[], dict[str, Event]]:
    """Return a function that records one event of each type in Acme, by type."""

    def record_each() -> dict[str, Event]:
        sampled = [NewEvent(type=name, data=catalogue.EVENT_TYPES[name].sample) for name in TYPES]
        found = intake.record(acme, sampled, permissions=tuple(Permission))
        return {event.type: event for event in found}

    return record_each


def only(user: User, channel: str) -> None:
    """Turn every type on for this channel, and off for the others."""
    choose_all(user, {kind: kind == channel for kind in KINDS})


def about(texts: list[str], found: dict[str, Event]) -> Counter[str]:
    """Count messages by event type, through their links to the event."""
    return Counter(name for text in texts for name, event in found.items() if event.public_id in text)


EACH_ONCE = dict.fromkeys(TYPES, 1)


@pytest.mark.django_db(transaction=True)
def test_each_type_by_email(
    acme: Organization, alice: User, events: Callable[[], dict[str, Event]], pump: Run, mailbox: Mailbox
) -> None:
    only(alice, EMAIL)
    found = events()
    pump()
    bodies = [mail.get_body(("plain",)).get_content() for mail in mailbox.mails]
    assert about(bodies, found) == EACH_ONCE
    assert mailbox.told == [alice.email] * len(TYPES)


@pytest.mark.django_db(transaction=True)
def test_each_type_by_email_without_anybody_choosing(
    acme: Organization, alice: User, events: Callable[[], dict[str, Event]], pump: Run, mailbox: Mailbox
) -> None:
    found = events()
    pump()
    bodies = [mail.get_body(("plain",)).get_content() for mail in mailbox.mails]
    assert about(bodies, found) == {name: 1 for name in TYPES if name != "stack.deploy.started"}


@pytest.mark.django_db(transaction=True)
def test_each_type_in_hipchat(
    acme: Organization,
    alice: User,
    events: Callable[[], dict[str, Event]],
    pump: Run,
    mailbox: Mailbox,
    httpserver: HTTPServer,
) -> None:
    hipchat = HipChatServer(httpserver)
    with_hipchat(alice, hipchat.url, **OPTIONS)
    only(alice, HIPCHAT)
    found = events()
    pump()
    assert about(hipchat.posted, found) == EACH_ONCE
    assert mailbox.mails == []


@pytest.mark.django_db(transaction=True)
def test_each_type_by_the_personal_webhook_signed_with_its_own_payload(
    acme: Organization,
    alice: User,
    events: Callable[[], dict[str, Event]],
    pump: Run,
    mailbox: Mailbox,
    receiver: Receiver,
) -> None:
    _, secret = with_webhook(alice, receiver.url)
    only(alice, WEBHOOK)
    found = events()
    pump()
    assert mailbox.mails == []
    sent = {}
    for request in receiver.requests:
        payload = Webhook(secret).verify(request.data, dict(request.headers))
        assert payload["event_type"] not in sent, "once each"
        sent[payload["event_type"]] = payload
    assert sent.keys() == set(TYPES)
    for row in SEED:
        payload, event = sent[row.event_type], found[row.event_type]
        assert payload["timestamp"] == int(event.occurred_at.timestamp())
        assert payload["event_id"] == event.public_id
        assert set(row.fields) <= payload.keys()
        sample = catalogue.EVENT_TYPES[row.event_type].sample
        assert {name: payload[name] for name in sample} == sample
        assert json.loads(event.representation) == payload


@pytest.mark.django_db(transaction=True)
def test_each_type_on_the_phone(
    acme: Organization, alice: User, events: Callable[[], dict[str, Event]], pump: Run, apns: FakeApns
) -> None:
    devices.register(alice, TOKEN, "Alice's iPhone")
    only(alice, IOS)
    found = events()
    pump()
    assert about([str(push.payload) for push in apns.pushes], found) == EACH_ONCE
    assert {push.device for push in apns.pushes} == {TOKEN}


@pytest.mark.django_db(transaction=True)
def test_a_quiet_channel_sends_nothing_and_urgent_bad_news_at_once(
    acme: Organization,
    alice: User,
    events: Callable[[], dict[str, Event]],
    pump: Run,
    mailbox: Mailbox,
) -> None:
    services.snooze(alice, [EMAIL], timezone.now() + timedelta(hours=1))
    notification_settings.mark_urgent(alice, "process.down", True)
    found = events()
    pump()
    bodies = [mail.get_body(("plain",)).get_content() for mail in mailbox.mails]
    assert about(bodies, found) == {"process.down": 1}
