"""Digests: deliveries wait for quiet times, and are then sent once, as one message for each channel."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from events import intake
from events.models import Event
from hooks import clock, tasks
from hooks.audience.quiet_times import DIGEST_GRACE
from hooks.channels import services
from hooks.deliveries import digests, resending, test_sends
from hooks.endpoints import devices, lookup
from hooks.engine.sweep import sweep
from hooks.explanations import people
from hooks.explanations.facts import Facts
from hooks.manage import rules
from hooks.models import Channel, Delivery, Endpoint
from hooks.preferences import notification_settings
from hooks.preferences.notification_settings import Choice
from hooks.presentation import delivery_sentences
from hooks.queue import lanes, pending
from hooks.routing import router, subjects
from notifications_project import bulk
from notifications_project.accounts import organizations
from notifications_project.accounts.models import Organization, User
from tests.conftest import Api, Receiver
from tests.hooks.conftest import Mailbox
from tests.hooks.races import Meanwhile
from tests.pages import get

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail")]
Record = Callable[..., Event]
Run = Callable[[], None]
TYPES = ["process.down", "git.push", "job.fail"]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Iterator[Meanwhile]:
    other = Meanwhile(monkeypatch)
    yield other
    other.end()


@pytest.fixture
def channel(alice: User, receiver: Receiver) -> Channel:
    """Give Alice a snoozed webhook channel for three types, and no mail about them."""
    made, _ = services.set_up(alice, "webhook", url=receiver.url, options={})
    wanted = [Choice(each, kind, kind == "webhook") for each in TYPES for kind in ("webhook", "email")]
    notification_settings.choose(alice, wanted)
    snooze(alice, "webhook")
    return made


def snooze(user: User, kind: str, hours: int = 8) -> None:
    services.snooze(user, [kind], clock.now() + timedelta(hours=hours))


def quiet_time_ends() -> None:
    """Move the end of the snooze to now."""
    now = clock.now()
    Channel.objects.update(snoozed_until=None)
    waiting = Delivery.objects.filter(state="pending", quiet_until__isnull=False)
    waiting.filter(due_at__isnull=False).update(quiet_until=now, due_at=now + DIGEST_GRACE)
    waiting.update(quiet_until=now)


def folded() -> list[Delivery]:
    found = Delivery.objects.filter(state="cancelled", digest__isnull=False)
    return list(found.order_by("pk"))


def digest() -> Delivery:
    return Delivery.objects.select_related("event", "endpoint", "organization").get(event__type=digests.TYPE)


def titles() -> list[str]:
    """Return the titles that the digest names one by one."""
    return [each["title"] for each in json.loads(digest().event.representation)["notifications"]]


# --- What goes, and as what --------------------------------------------------------------------------------------
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


# --- What does not go ----------------------------------------------------------------------------------------
def test_what_is_quiet_again_waits_on(channel: Channel, alice: User, record: Record) -> None:
    for each in TYPES:
        record(each)
    router.route()
    quiet_time_ends()
    until = datetime.combine(clock.now().date() + timedelta(days=1), time(6), UTC)
    Channel.objects.update(quiet_from=time(6, 1), quiet_until=time(6))
    assert digests.send_due() in (0, 3)  # 3 within that minute
    if Delivery.objects.filter(state="pending").count() == 3:
        found = Delivery.objects.first()
        assert found
        assert found.quiet_until
        assert found.quiet_until.astimezone(UTC).time() == until.time()
        assert found.due_at == found.quiet_until + DIGEST_GRACE


def test_a_test_does_not_wait(channel: Channel, alice: User, record: Record, pump: Run, receiver: Receiver) -> None:
    assert channel.endpoint
    test_sends.send_endpoint_test(channel.endpoint, "git.push", alice)
    pump()
    assert len(receiver.requests) == 1


def test_a_digest_cannot_be_asked_for(
    alice: User, channel: Channel, acme: Organization, api: Callable[..., Api]
) -> None:
    assert channel.endpoint
    with pytest.raises(test_sends.CannotTest):
        test_sends.send_endpoint_test(channel.endpoint, digests.TYPE, alice)
    with pytest.raises(notification_settings.InvalidSetting):
        notification_settings.choose(alice, [Choice(digests.TYPE, "email", True)])
    base = f"/api/v1/organizations/{acme.public_id}"
    assert api(alice).post(f"{base}/events/", {"type": digests.TYPE}).status_code == 422
    hook = {"kind": "webhook", "name": "Digests", "url": "http://127.0.0.1:9/", "events": [digests.TYPE]}
    assert api(alice).post(f"{base}/hooks/", hook).json()["errors"][0]["field"] == "events"
    types = {each["name"]: each for each in api(alice).get("/api/v1/event-types/").json()["types"]}
    assert (types[digests.TYPE]["selectable"], types[digests.TYPE]["recordable"]) == (False, False)


def test_what_a_person_had_sent_is_told_by_itself(
    channel: Channel, alice: User, record: Record, pump: Run, receiver: Receiver
) -> None:
    for each in TYPES:
        record(each)
    router.route()
    resending.redeliver(Delivery.objects.get(event__type="git.push"), alice)
    quiet_time_ends()
    assert digests.send_due() == 2
    pump()
    sent = [json.loads(each.data) for each in receiver.requests]
    assert sorted(each["event_type"] for each in sent) == ["account.digest", "git.push"]
    assert [each["event_type"] for each in sent if "total" in each for each in each["notifications"]] == [
        "process.down",
        "job.fail",
    ]


def test_what_was_tried_already_is_tried_again_by_itself(
    channel: Channel, alice: User, record: Record, pump: Run, receiver: Receiver
) -> None:
    for each in TYPES:
        record(each)
    router.route()
    quiet_time_ends()
    late = Delivery.objects.get(event__type="git.push")
    Delivery.objects.filter(pk=late.pk).update(due_at=clock.now())
    lanes.touch([late.lane_id])
    receiver.status = 503
    pump()
    late.refresh_from_db()
    assert late.tries == 1
    Delivery.objects.filter(pk=late.pk).update(due_at=clock.now() + timedelta(minutes=5))
    assert digests.send_due(alice) == 2
    digests.send_due()
    late.refresh_from_db()
    assert (late.state, late.quiet_until) == ("pending", None)


def test_what_nobody_told_in_time_goes_one_by_one(
    channel: Channel, record: Record, pump: Run, receiver: Receiver
) -> None:
    for each in TYPES:
        record(each)
    router.route()
    quiet_time_ends()
    Delivery.objects.update(due_at=clock.now() + timedelta(seconds=30))
    assert digests.send_due() == 0, "a pump may take them before this is committed"
    Delivery.objects.update(due_at=clock.now() - timedelta(seconds=1))
    assert digests.send_due() == 0
    sweep()  # the sweep wakes the lane
    pump()
    assert len(receiver.requests) == 3


def test_what_one_call_has_no_time_for_is_kept_for_the_next(
    channel: Channel, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many quiet times end at the same minute, such as seven o'clock."""
    for each in TYPES:
        record(each)
    router.route()
    quiet_time_ends()
    Delivery.objects.filter(event__type="git.push").update(due_at=clock.now() + timedelta(minutes=2))
    Delivery.objects.filter(event__type="job.fail").update(due_at=clock.now() + timedelta(seconds=5))
    with monkeypatch.context() as patch:
        patch.setattr(digests, "_SECONDS", -1.0)
        assert digests.send_due() == 0
    waits: dict[str, Any] = dict(Delivery.objects.values_list("event__type", "due_at"))
    assert waits["git.push"] > clock.now() + DIGEST_GRACE / 2
    assert waits["job.fail"] < clock.now() + timedelta(minutes=1), "a pump may take it"
    assert digests.send_due() == 2


@pytest.mark.parametrize("small", [{"_FOUND": 4}, {"_TARGETS": 1}, {"_FOUND": 4, "CHUNK": 2}])
def test_however_much_waits_each_is_told_all_of_it_at_once(
    small: dict[str, int], acme: Organization, alice: User, dave: User, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    for user in (alice, dave):
        snooze(user, "email")
    for _ in range(3):
        record("process.down")
    router.route()
    quiet_time_ends()
    for name, value in small.items():
        monkeypatch.setattr(bulk if name == "CHUNK" else digests, name, value)
    while digests.send_due():
        pass
    told = Delivery.objects.filter(event__type=digests.TYPE).select_related("event", "endpoint")
    totals = {each.endpoint.address: json.loads(each.event.representation)["total"] for each in told}
    assert len(told) == 2
    assert totals == {alice.email: 3, dave.email: 3}


@pytest.mark.parametrize("found", [2, 50_000])
def test_what_one_call_did_not_even_find_is_kept_for_the_next(
    found: int, alice: User, dave: User, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    for user in (alice, dave):
        snooze(user, "email")
    for _ in range(4):
        record("process.down")
    router.route()
    quiet_time_ends()
    later = clock.now()
    of_dave = Delivery.objects.filter(endpoint__address=dave.email)
    of_dave.update(quiet_until=later, due_at=later + timedelta(minutes=2))
    monkeypatch.setattr(digests, "_TARGETS", 1)
    monkeypatch.setattr(digests, "_FOUND", found)
    assert digests.send_due() == min(found, 4)
    left = of_dave.filter(state="pending", event__type="process.down")
    assert [each.due_at and each.due_at > later + DIGEST_GRACE / 2 for each in left] == [True] * 4
    assert digests.send_due() == min(found, 4)


def test_a_stopped_channel_keeps_what_waits_and_brings_it_when_it_is_put_to_work_again(
    channel: Channel, record: Record, pump: Run, receiver: Receiver
) -> None:
    for each in TYPES:
        record(each)
    router.route()
    with transaction.atomic():
        pending.disable(Endpoint.objects.get(channel=channel), "for the test")
    quiet_time_ends()
    assert digests.send_due() == 0
    assert set(Delivery.objects.values_list("state", "due_at", "quiet_until")) == {("pending", None, None)}
    services.enable(channel)
    pump()
    assert len(receiver.requests) == 3


def test_a_channel_that_works_again_in_its_quiet_time_stays_quiet(
    channel: Channel, record: Record, pump: Run, receiver: Receiver
) -> None:
    for each in TYPES:
        record(each)
    router.route()
    with transaction.atomic():
        pending.disable(Endpoint.objects.get(channel=channel), "for the test")
    services.enable(channel)
    pump()
    assert receiver.requests == []
    quiet_time_ends()
    assert digests.send_due() == 3


def test_where_mail_to_the_address_has_stopped_at_home_each_goes_by_itself(
    alice: User, record: Record, pump: Run, mailbox: Mailbox
) -> None:
    snooze(alice, "email")
    for _ in range(2):
        record("process.down")
    router.route()
    home = lookup.get_or_create_mail_endpoint(Organization.objects.get(pk=alice.pk), alice.email)
    Endpoint.objects.filter(pk=home.pk).update(disabled_at=clock.now())
    quiet_time_ends()
    assert digests.send_due() == 2
    pump()
    assert [mail["Subject"] for mail in mailbox.mails] == ["[Acme] A process is down"] * 2


def test_a_new_address_gets_what_waited_for_the_old_one_nowhere(alice: User, record: Record) -> None:
    snooze(alice, "email")
    for _ in range(2):
        record("process.down")
    router.route()
    User.objects.filter(pk=alice.pk).update(email="alice@new.example")
    quiet_time_ends()
    assert digests.send_due() == 2
    assert not Event.objects.filter(type=digests.TYPE).exists()


def test_news_that_passes_does_not_wait(
    channel: Channel, alice: User, record: Record, pump: Run, receiver: Receiver
) -> None:
    notification_settings.mark_urgent(alice, "job.fail", True)
    for each in TYPES:
        record(each)
    pump()
    assert [json.loads(each.data)["event_type"] for each in receiver.requests] == ["job.fail"]


def test_a_later_snooze_does_not_put_off_what_is_due(channel: Channel, alice: User, record: Record) -> None:
    """A pump may be sending the delivery."""
    record("git.push")
    router.route()
    Delivery.objects.update(quiet_until=clock.now() - DIGEST_GRACE, due_at=clock.now())
    before = Delivery.objects.get().due_at
    snooze(alice, "webhook")
    assert Delivery.objects.get().due_at == before


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


# --- Two at once, and crashes --------------------------------------------------------------------------------
@pytest.fixture
def waited(channel: Channel, record: Record) -> Channel:
    for each in TYPES:
        record(each)
    router.route()
    quiet_time_ends()
    return channel


def test_two_workers_tell_it_once(waited: Channel, meanwhile: Meanwhile, pump: Run, receiver: Receiver) -> None:
    meanwhile(digests, "_send_one", digests.send_due)
    digests.send_due()
    meanwhile.end()
    pump()
    assert len(folded()) == 3
    assert len(receiver.requests) == 1


def test_two_workers_in_the_middle_of_it_tell_it_once(
    waited: Channel, meanwhile: Meanwhile, pump: Run, receiver: Receiver
) -> None:
    meanwhile(digests, "_create_digest", digests.send_due)
    digests.send_due()
    meanwhile.end()
    pump()
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("step", ["_create_digest", "_cancel"])
def test_a_worker_that_is_killed_leaves_it_to_the_next(
    step: str, waited: Channel, monkeypatch: pytest.MonkeyPatch, pump: Run, receiver: Receiver
) -> None:
    def killed(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(digests, step, killed)
        digests.send_due()
    assert not Event.objects.filter(type=digests.TYPE).exists()
    digests.send_due()
    pump()
    assert len(receiver.requests) == 1


def test_what_is_sent_now_just_before_is_not_told_again(
    waited: Channel, alice: User, meanwhile: Meanwhile, pump: Run, receiver: Receiver
) -> None:
    one = Delivery.objects.get(event__type="git.push")
    meanwhile(digests, "_send_one", lambda: resending.redeliver(one, alice))
    digests.send_due()
    meanwhile.end()
    pump()
    sent = [json.loads(each.data) for each in receiver.requests]
    assert sorted(each["event_type"] for each in sent) == ["account.digest", "git.push"]
    assert "git.push" not in {each["event_type"] for each in json.loads(digest().event.representation)["notifications"]}


def test_what_is_turned_off_meanwhile_is_not_told(waited: Channel, alice: User, meanwhile: Meanwhile) -> None:
    off = [Choice("git.push", "webhook", False)]
    meanwhile(digests, "_send_one", lambda: notification_settings.choose(alice, off))
    digests.send_due()
    meanwhile.end()
    assert len(folded()) == 2
    assert Delivery.objects.get(event__type="git.push").outcome == "The user turned this off"


def test_what_becomes_due_while_a_worker_waits_for_its_locks_is_left_to_the_pump(
    waited: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = digests._find_waiting
    monkeypatch.setattr(
        digests, "_find_waiting", lambda now: original(now - timedelta(seconds=20))
    )  # it waited that long
    Delivery.objects.update(quiet_until=clock.now() - timedelta(minutes=1))
    soon = clock.now() + timedelta(seconds=50)
    Delivery.objects.filter(event__type="git.push").update(due_at=soon)
    digests.send_due()
    assert len(folded()) == 2
    assert Delivery.objects.get(event__type="git.push").due_at == soon


def test_a_channel_that_is_removed_meanwhile_is_told_nothing(waited: Channel, meanwhile: Meanwhile) -> None:
    meanwhile(digests, "_send_one", lambda: services.remove(waited))
    digests.send_due()
    meanwhile.end()
    assert folded() == []
    assert set(Delivery.objects.values_list("outcome", flat=True)) == {"The channel was removed"}


def test_a_digest_is_removed_with_its_channel(waited: Channel, meanwhile: Meanwhile) -> None:
    meanwhile(digests, "_create_digest", lambda: services.remove(waited))
    digests.send_due()
    meanwhile.end()
    assert digest().outcome == "The channel was removed"


def test_sending_now_what_was_told_just_before_sends_it_again(
    waited: Channel, alice: User, meanwhile: Meanwhile
) -> None:
    one = Delivery.objects.get(event__type="git.push")
    meanwhile(resending, "_send", digests.send_due)
    resending.redeliver(one, alice)
    meanwhile.end()
    one.refresh_from_db()
    assert one.state == "pending"
    assert one.due_at == lanes.AT_ONCE


def test_what_cannot_be_told_keeps_nobody_else_waiting(
    waited: Channel, dave: User, record: Record, caplog: pytest.LogCaptureFixture
) -> None:
    Event.objects.update(representation="[")
    snooze(dave, "email")
    for _ in range(2):
        record("process.down")
    router.route()
    quiet_time_ends()
    assert digests.send_due() == 2
    assert digest().endpoint.address == dave.email
    assert "it goes one by one" in caplog.text
    left = Delivery.objects.filter(endpoint=waited.endpoint_id, state="pending", quiet_until__isnull=False)
    assert [each.due_at is not None for each in left] == [True] * 3
    soon = clock.now() + timedelta(minutes=3)
    left.update(due_at=soon)
    digests.send_due()
    assert {each.due_at for each in left} == {soon}, "it is not kept for ever"


def test_two_users_are_told_their_own(
    waited: Channel, dave: User, record: Record, receiver: Receiver, pump: Run
) -> None:
    services.set_up(dave, "webhook", url=f"{receiver.url}/dave", options={})
    notification_settings.choose(dave, [Choice("git.push", "webhook", True)])
    snooze(dave, "webhook")
    for _ in range(2):
        record("git.push")
    router.route()
    quiet_time_ends()
    digests.send_due()
    pump()
    by_path = {each.path: json.loads(each.data).get("total") for each in receiver.requests}
    assert by_path["/hook/dave"] == 2


def test_a_digest_that_is_made_again_has_the_id_that_its_receiver_knows(
    channel: Channel, record: Record, pump: Run
) -> None:
    """A restored dump may not contain the digest that was sent."""
    for each in TYPES:
        record(each)
    pump()
    quiet_time_ends()
    before = list(Delivery.objects.filter(state="pending").values("pk", "due_at", "quiet_until"))
    digests.send_due()
    first = digest()
    Event.objects.filter(pk=first.event_id).delete()
    for row in before:
        waits = {"due_at": row["due_at"], "quiet_until": row["quiet_until"]}
        Delivery.objects.filter(pk=row["pk"]).update(**waits, state="pending", outcome="", settled_at=None)
    digests.send_due()
    again = digest()
    assert (again.pk, again.event_id) == (first.pk, first.event_id)
    assert json.loads(again.event.representation)["notifications"] == told_one_by_one(first)


def told_one_by_one(delivery: Delivery) -> list[object]:
    found: list[object] = json.loads(delivery.event.representation)["notifications"]
    return found
