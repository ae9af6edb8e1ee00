"""A user's own channels: changes to them, their secrets, deliveries that wait meanwhile, and two changes at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, time, timedelta, timezone
from functools import partial

import pytest
from django.db import connection

from events.models import Event
from hooks import clock
from hooks.channels import services
from hooks.deliveries import resending, test_sends
from hooks.endpoints import lookup
from hooks.endpoints.validation import InvalidRule
from hooks.models import Channel, Delivery, Endpoint, NotificationSetting
from hooks.preferences import notification_settings
from hooks.preferences.notification_settings import Choice
from hooks.routing import router
from notifications_project.accounts.models import AuditEntry, Organization, User
from tests.conftest import Receiver
from tests.hooks.formats.hipchat_server import OPTIONS, ROOM, TOKEN
from tests.hooks.races import Meanwhile, in_thread

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail")]
Run = Callable[[], None]
Record = Callable[..., Event]
NOWHERE = "http://127.0.0.1:9/in"


@pytest.fixture
def webhook(alice: User, receiver: Receiver) -> Channel:
    """Return a webhook channel that is told of failed jobs."""
    channel, _ = services.set_up(alice, "webhook", url=receiver.url, options={})
    notification_settings.choose(alice, [Choice("job.fail", "webhook", True), Choice("job.fail", "email", False)])
    return channel


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    return Meanwhile(monkeypatch)


def states() -> list[str]:
    return sorted(Delivery.objects.values_list("state", flat=True))


def actions(user: User) -> list[str]:
    found = AuditEntry.objects.filter(organization_id=user.pk, action__startswith="channel.")
    return list(found.order_by("pk").values_list("action", flat=True))


# --- Setting up ------------------------------------------------------------------------------------------------
def test_a_webhook_is_made_once_and_changed_from_then_on(alice: User) -> None:
    first, secret = services.set_up(alice, "webhook", url=NOWHERE, options={})
    again, none = services.set_up(alice, "webhook", url=f"{NOWHERE}/2", options={})
    assert secret.startswith("whsec_")
    assert none == ""
    assert (first.pk, first.endpoint_id) == (again.pk, again.endpoint_id)
    endpoint = Endpoint.objects.get(channel=first)
    assert (endpoint.whole_address, endpoint.organization_id) == (f"{NOWHERE}/2", alice.pk)
    assert endpoint.secrets["signing"][0]["key"] == secret
    assert actions(alice) == ["channel.set_up", "channel.changed"]


def test_what_is_not_signed_has_no_secret_to_show(alice: User) -> None:
    assert services.set_up(alice, "hipchat", options=OPTIONS)[1] == ""


@pytest.mark.parametrize("kind", ["email", "ios", "pager"])
def test_only_hipchat_and_the_webhook_are_set_up_so(alice: User, kind: str) -> None:
    with pytest.raises(InvalidRule):
        services.set_up(alice, kind, url=NOWHERE, options={})


def test_problems_are_told_by_field_and_nothing_is_made(alice: User) -> None:
    with pytest.raises(InvalidRule) as found:
        services.set_up(alice, "hipchat", url="ftp://x", options={"room": "r" * 101})
    assert set(found.value.errors) == {"url", "options.token", "options.room"}
    assert not Channel.objects.exists()
    assert not Endpoint.objects.filter(kind="webhook").exists()


def test_secret_options_are_encrypted_and_stay_when_they_are_not_sent(alice: User) -> None:
    services.set_up(alice, "hipchat", options=OPTIONS)
    services.set_up(alice, "hipchat", options={"room": "Other"})
    endpoint = Endpoint.objects.get(channel__user=alice)
    assert endpoint.options == {"token": "b0a7••••••", "room": "Other"}
    assert endpoint.secrets["options"] == {"token": TOKEN}
    with connection.cursor() as cursor:
        cursor.execute("SELECT secrets FROM hooks_endpoint WHERE format = 'hipchat'")
        assert TOKEN not in str(cursor.fetchone())
    assert TOKEN not in str(list(AuditEntry.objects.values()))


def test_a_token_does_not_follow_to_another_format(alice: User) -> None:
    services.set_up(alice, "webhook", url=NOWHERE, format="hipchat", options=OPTIONS)
    services.set_up(alice, "webhook", url=NOWHERE, format="raw", options={})
    assert Endpoint.objects.get(channel__user=alice).secrets["options"] == {}


def test_set_up_many_times_at_once_it_is_one_channel(alice: User) -> None:
    problems: list[Exception] = []
    barrier = threading.Barrier(4)

    def set_up(number: int) -> None:
        barrier.wait()
        try:
            services.set_up(alice, "webhook", url=f"{NOWHERE}/{number}", options={})
        except Exception as error:
            problems.append(error)

    threads = [in_thread(partial(set_up, number)) for number in range(4)]
    for thread in threads:
        thread.join()
    assert problems == []
    assert Channel.objects.count() == 1
    assert Endpoint.objects.filter(kind="webhook").count() == 1
    assert sorted(actions(alice)) == ["channel.changed"] * 3 + ["channel.set_up"]


# --- What waits ------------------------------------------------------------------------------------------------
def test_what_waits_follows_an_edit(
    alice: User, webhook: Channel, record: Record, pump: Run, receiver: Receiver
) -> None:
    services.set_up(alice, "webhook", url=NOWHERE, options={})
    record("job.fail")
    pump()
    assert states() == ["pending"]
    services.set_up(alice, "webhook", url=receiver.url, format="hipchat", options=OPTIONS)
    resending.redeliver(Delivery.objects.get(), alice)
    pump()
    assert states() == ["delivered"]
    assert ROOM.encode().replace(b" ", b"+")[:3] in receiver.requests[0].data


def test_a_new_address_puts_a_stopped_channel_to_work_again(
    alice: User, webhook: Channel, record: Record, pump: Run, receiver: Receiver
) -> None:
    receiver.status = 410
    record("job.fail")
    pump()
    assert Endpoint.objects.get(channel=webhook).disabled_at is not None
    waiting = Delivery.objects.get(event__type="job.fail")
    assert (waiting.state, waiting.due_at) == ("pending", None)
    receiver.status = 204
    services.set_up(alice, "webhook", url=f"{receiver.url}/new", options={})
    pump()
    assert Delivery.objects.get(event__type="job.fail").state == "delivered"


def test_what_comes_while_it_is_stopped_waits_until_it_is_enabled(
    webhook: Channel, record: Record, pump: Run, receiver: Receiver
) -> None:
    Endpoint.objects.filter(channel=webhook).update(disabled_at=clock.now(), disabled_reason="It is gone.")
    record("job.fail")
    pump()
    assert (states(), receiver.requests) == (["pending"], [])
    services.enable(webhook)
    pump()
    assert states() == ["delivered"]
    services.enable(webhook)
    assert actions(webhook.user).count("channel.enabled") == 1


def test_removing_cancels_what_waits_and_keeps_what_was_chosen(
    alice: User, webhook: Channel, record: Record, pump: Run, receiver: Receiver
) -> None:
    receiver.status = 503
    record("job.fail")
    pump()
    going = services.find_removal_impact(webhook)
    assert ([each.event_type for each in going.chosen], going.waiting) == (["job.fail"], 1)
    services.remove(webhook)
    assert states() == ["cancelled"]
    assert Endpoint.objects.get(kind="webhook").deleted_at is not None
    record("job.fail")
    pump()
    assert Delivery.objects.count() == 1, "it is told nothing any more"
    with pytest.raises(resending.CannotRedeliver, match="The channel was removed"):
        resending.redeliver(Delivery.objects.get(), alice)
    receiver.status = 204
    services.set_up(alice, "webhook", url=receiver.url, options={})
    record("job.fail")
    pump()
    assert states() == ["cancelled", "delivered"], "what was chosen for it is on again"
    assert NotificationSetting.objects.filter(channel="webhook", enabled=True).count() == 1


def test_removed_twice_is_told_once_and_spares_a_new_one(alice: User, webhook: Channel) -> None:
    same = services.list_channels(alice)["webhook"]
    services.remove(webhook)
    new, _ = services.set_up(alice, "webhook", url=NOWHERE, options={})
    services.remove(same)
    assert actions(alice).count("channel.removed") == 1
    assert services.list_channels(alice)["webhook"].pk == new.pk


@pytest.mark.parametrize(("kind", "instead"), [("email", "turn it off, or snooze it"), ("ios", "remove its devices")])
def test_what_cannot_be_removed_says_what_to_do_instead(alice: User, kind: str, instead: str) -> None:
    with pytest.raises(InvalidRule, match=instead):
        services.remove(Channel(user=alice, kind=kind))


def test_what_is_routed_while_it_is_removed_is_cancelled(
    alice: User, webhook: Channel, record: Record, pump: Run, receiver: Receiver, meanwhile: Meanwhile
) -> None:
    """Routing has read the channel when its user removes it."""
    record("job.fail")
    meanwhile(router, "_store", lambda: services.remove(services.list_channels(alice)["webhook"]))
    router.route()
    meanwhile.end()
    pump()
    assert (states(), receiver.requests) == (["cancelled"], [])


# --- Secrets ---------------------------------------------------------------------------------------------------
def test_after_a_rotation_both_secrets_sign(webhook: Channel, record: Record, pump: Run, receiver: Receiver) -> None:
    before = Endpoint.objects.get(channel=webhook).secrets["signing"][0]["key"]
    secret = services.rotate_secret(webhook)
    assert secret != before
    record("job.fail")
    pump()
    assert len(receiver.requests[0].headers["webhook-signature"].split()) == 2
    assert actions(webhook.user)[-1] == "channel.secret_rotated"


def test_a_removed_channel_gets_no_new_secret(webhook: Channel) -> None:
    services.remove(webhook)
    with pytest.raises(InvalidRule):
        services.rotate_secret(webhook)


# --- Quiet times -----------------------------------------------------------------------------------------------
def test_what_comes_during_a_snooze_waits_and_one_alone_goes_when_it_ends(
    alice: User, webhook: Channel, record: Record, pump: Run, receiver: Receiver
) -> None:
    services.snooze(alice, ["webhook"], clock.now() + timedelta(hours=1))
    record("job.fail")
    pump()
    assert (states(), receiver.requests) == (["pending"], [])
    services.snooze(alice, ["webhook"], None)
    pump()
    assert states() == ["delivered"]
    assert actions(alice)[-2:] == ["channel.snoozed", "channel.awake"]


def test_enabling_during_a_snooze_waits_for_its_end(
    alice: User, webhook: Channel, record: Record, pump: Run, receiver: Receiver
) -> None:
    Endpoint.objects.filter(channel=webhook).update(disabled_at=clock.now())
    record("job.fail")
    pump()
    services.snooze(alice, ["webhook"], clock.now() + timedelta(hours=1))
    services.enable(webhook)
    pump()
    assert (states(), receiver.requests) == (["pending"], [])
    services.snooze(alice, ["webhook"], None)
    pump()
    assert states() == ["delivered"]


def test_a_test_goes_out_during_a_snooze(alice: User, webhook: Channel, pump: Run, receiver: Receiver) -> None:

    services.snooze(alice, ["webhook"], clock.now() + timedelta(hours=1))
    assert webhook.endpoint
    test_sends.send_endpoint_test(webhook.endpoint, "job.fail", alice)
    pump()
    assert len(receiver.requests) == 1


def test_sending_again_does_not_wait_for_the_end_of_a_snooze(
    alice: User, webhook: Channel, record: Record, pump: Run, receiver: Receiver
) -> None:
    services.snooze(alice, ["webhook"], clock.now() + timedelta(hours=1))
    record("job.fail")
    pump()
    resending.redeliver(Delivery.objects.get(), alice)
    pump()
    assert states() == ["delivered"]


def test_quiet_times_that_cannot_be_are_refused(alice: User) -> None:
    with pytest.raises(InvalidRule, match="in the future"):
        services.snooze(alice, ["email"], clock.now())
    with pytest.raises(InvalidRule, match="another time"):
        services.set_quiet_hours(alice, "email", (time(8), time(8)))
    with pytest.raises(InvalidRule, match="not set up"):
        services.snooze(alice, ["hipchat"], None)
    assert not Channel.objects.exists()


# --- E-mail ----------------------------------------------------------------------------------------------------
def test_a_refused_address_is_tried_again_everywhere(alice: User, acme: Organization) -> None:
    space = Organization.objects.get(pk=alice.pk)
    for organization in (acme, space):
        endpoint = lookup.get_or_create_mail_endpoint(organization, alice.email)
        Endpoint.objects.filter(pk=endpoint.pk).update(disabled_at=clock.now(), disabled_reason="550 unknown")
    services.enable(Channel(user=alice, kind="email"))
    assert not Endpoint.objects.filter(disabled_at__isnull=False).exists()
    assert AuditEntry.objects.filter(action="address.tried_again").count() == 2


@pytest.mark.parametrize("hours", [0, 12, -12])
def test_a_snooze_has_an_end_that_calendars_know(alice: User, hours: int) -> None:
    """A time that no database can store would stop the routing of all her organizations."""
    far = datetime(9999, 12, 31, 23, 0, tzinfo=timezone(timedelta(hours=hours)))
    with pytest.raises(InvalidRule, match="within the next year"):
        services.snooze(alice, ["email"], far)
    assert not Channel.objects.filter(user=alice, snoozed_until__isnull=False).exists()


def test_what_is_routed_while_a_snooze_is_ended_goes_at_once(
    alice: User, webhook: Channel, record: Record, pump: Run, receiver: Receiver, meanwhile: Meanwhile
) -> None:
    """Routing has read the snooze when its user ends it."""
    services.snooze(alice, ["webhook"], clock.now() + timedelta(days=20))
    record("job.fail")
    meanwhile(router, "_store", lambda: services.snooze(alice, ["webhook"], None))
    router.route()
    meanwhile.end()
    pump()
    assert (states(), len(receiver.requests)) == (["delivered"], 1)


def test_what_is_routed_while_it_is_turned_off_is_cancelled(
    alice: User, webhook: Channel, record: Record, pump: Run, receiver: Receiver, meanwhile: Meanwhile
) -> None:
    """Routing has read the choice when its user changes it."""
    record("job.fail")
    off = [Choice("job.fail", "webhook", False)]
    meanwhile(router, "_store", lambda: notification_settings.choose(alice, off))
    router.route()
    meanwhile.end()
    pump()
    assert (states(), receiver.requests) == (["cancelled"], [])
