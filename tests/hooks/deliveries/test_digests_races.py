"""Digests are sent once by two workers, after a crash, and whatever a user changes meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from events.models import Event
from hooks import clock
from hooks.channels import services
from hooks.deliveries import digests, resending
from hooks.models import Channel, Delivery
from hooks.preferences import notification_settings
from hooks.preferences.notification_settings import Choice
from hooks.queue import lanes
from hooks.routing import router
from notifications_project.accounts.models import User
from tests.conftest import Receiver
from tests.hooks.deliveries.digesting import TYPES, digest, folded, quiet_time_ends, snooze
from tests.hooks.races import Meanwhile

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail")]
Record = Callable[..., Event]
Run = Callable[[], None]


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
