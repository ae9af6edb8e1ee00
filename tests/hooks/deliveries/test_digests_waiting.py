"""Digests leave out deliveries that wait on, were tried before, or go by themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import transaction

from events.models import Event
from hooks import clock
from hooks.audience.quiet_times import DIGEST_GRACE
from hooks.channels import services
from hooks.deliveries import digests, resending, test_sends
from hooks.endpoints import lookup
from hooks.engine.sweep import sweep
from hooks.models import Channel, Delivery, Endpoint
from hooks.preferences import notification_settings
from hooks.preferences.notification_settings import Choice
from hooks.queue import lanes, pending
from hooks.routing import router
from notifications_project import bulk
from notifications_project.accounts.models import Organization, User
from tests.conftest import Api, Receiver
from tests.hooks.conftest import Mailbox
from tests.hooks.deliveries.digesting import TYPES, quiet_time_ends, snooze

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail")]
Record = Callable[..., Event]
Run = Callable[[], None]


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
