"""Members' own channels as organizations see them: a member was told, but never where, what, or the answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from events import intake
from events.models import Event
from events.representation import Source
from hooks import clock
from hooks.channels import services
from hooks.deliveries import resending
from hooks.endpoints import devices
from hooks.models import Attempt, Channel, Delivery, Device, Endpoint
from hooks.preferences import notification_settings
from hooks.preferences.notification_settings import Choice
from notifications_project import ids
from notifications_project.accounts import organizations
from notifications_project.accounts.models import AuditEntry, Organization, User
from tests.conftest import Receiver
from tests.hooks.pages import ClientOf
from tests.pages import get, read

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail")]
Run = Callable[[], None]
Record = Callable[..., Event]
OWN = "/account/notifications/deliveries/"
TOKEN, ROOM, DEVICE = "tok-secret-4711", "Secret room", "5ec2e7de71ce" * 6
ANSWER = "answer-nobody-shall-read"


@dataclass
class Told:
    """The deliveries of one event to each of Dave's channels; `secrets` are the texts that only he may see."""

    hipchat: Delivery
    webhook: Delivery
    device: Delivery
    secrets: list[str]

    @property
    def all(self) -> list[Delivery]:
        return [self.hipchat, self.webhook, self.device]


@pytest.fixture
def told(dave: User, record: Record, pump: Run, receiver: Receiver, settings: LazySettings) -> Told:
    settings.PUSH_CONFIGURED = False
    receiver.status, receiver.body = 404, ANSWER
    address = receiver.url.replace("http://", "http://dave:url-secret@")
    services.set_up(dave, "hipchat", url=f"{address}-chat", options={"token": TOKEN, "room": ROOM})
    services.set_up(dave, "webhook", url=f"{address}-raw?key=url-secret", options={})
    device, _ = devices.register(dave, DEVICE, "Dave's iPhone")
    wanted = [Choice("job.fail", kind, True) for kind in ("hipchat", "webhook", "ios")]
    notification_settings.choose(dave, [*wanted, Choice("job.fail", "email", False)])
    settings.PUSH_CONFIGURED = True
    event = record("job.fail", name="invoices")
    pump()
    settings.PUSH_CONFIGURED = False
    found = {each.endpoint.format: each for each in Delivery.objects.filter(event=event).select_related("endpoint")
             if each.endpoint.organization_id == dave.pk}  # fmt: skip
    Attempt.objects.create(
        delivery=found["apns"], number=1, started_at=clock.now(), duration_ms=1, verdict="retry", code="503",
        explanation=f"503 {ANSWER}", request={"url": f"https://push/{DEVICE}", "body": "{}"}, response={"body": ANSWER},
    )  # fmt: skip
    Delivery.objects.filter(pk=found["apns"].pk).update(outcome=ANSWER)
    secrets = [TOKEN, ROOM, DEVICE, "Dave's iPhone", "Dave&#x27;s iPhone", "url-secret", "-chat", "-raw", ANSWER]
    secrets.append("404 ")
    return Told(found["hipchat"], found["raw"], found["apns"], [*secrets, device.public_id])


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html.partition("<main")[2]).split())


def assert_private(text: str, told: Told) -> None:
    assert [secret for secret in told.secrets if secret in text] == []


# --- What the organization sees --------------------------------------------------------------------------------
def test_the_fixture_is_as_it_says(told: Told, receiver: Receiver, dave: User) -> None:
    assert len(receiver.requests) == 2
    assert ROOM.replace(" ", "+") in receiver.requests[0].data.decode() + receiver.requests[1].data.decode()
    assert all(each.organization_id != dave.pk for each in told.all)
    assert all(each.attempts.exists() for each in told.all)


@pytest.mark.parametrize(
    "path", ["deliveries/", "deliveries/?state=pending", "deliveries/?event={event}", "events/{event}/"]
)
def test_lists_name_the_member_and_the_channel_only(
    told: Told, alice: User, client_of: ClientOf, home: str, path: str
) -> None:
    html = get(client_of(alice), f"{home}/{path.format(event=told.webhook.event.public_id)}")
    for name in ("HipChat of Dave", "Webhook of Dave", "iOS of Dave"):
        assert name in words(html)
    assert_private(html, told)


def test_the_page_of_a_delivery_says_whether_it_arrived_and_no_more(
    told: Told, alice: User, client_of: ClientOf, home: str
) -> None:
    for delivery, name in zip(told.all, ("HipChat of Dave", "Webhook of Dave", "iOS of Dave"), strict=True):
        html = get(client_of(alice), f"{home}/deliveries/{delivery.public_id}/")
        assert f"Job run failed, to {name}" in words(html)
        assert "the member’s own setting asks for it" in html
        assert_private(html, told)
        for gone in ("Redeliver", "Retry now", "Request", "webhook-id", "curl", "Show all of it"):
            assert gone not in words(html), gone


def test_the_same_by_api(told: Told, alice: User, api: Callable[..., Any], home: str) -> None:
    deliveries = f"/api/v1{home}/deliveries/"
    whole = api(alice).get(deliveries)
    assert_private(json.dumps(whole.json(), ensure_ascii=False), told)
    found = {each["id"]: each for each in whole.json()["results"]}
    assert found[told.webhook.public_id]["endpoint"] == {
        "kind": "private",
        "address": "Webhook of Dave",
        "format": None,
    }
    assert found[told.webhook.public_id]["explanation"] == "Waits"
    one = api(alice).get(f"{deliveries}{told.hipchat.public_id}/").json()
    assert one["attempts"] == []
    assert (one["tries"], one["outcome"], one["next_try_at"]) == (None, "", None)
    assert_private(json.dumps(one, ensure_ascii=False), told)


def test_other_pages_of_the_organization_say_nothing_of_it(
    told: Told, alice: User, client_of: ClientOf, api: Callable[..., Any], home: str
) -> None:
    client = client_of(alice)
    event = told.webhook.event.public_id
    pages = (
        "audit/",
        "members/",
        "events/",
        "notifications/webhooks/",
        "notifications/emails/",
        f"events/{event}/explain/",
    )
    for path in pages:
        assert_private(get(client, f"{home}/{path}"), told)
    for path in ("hooks/", "events/", "formats/"):
        answer = api(alice).get(f"/api/v1{home}/{path}" if path != "formats/" else "/api/v1/formats/")
        assert_private(read(answer), told)
    assert_private(str(list(AuditEntry.objects.filter(organization=told.webhook.organization).values())), told)


def test_names_are_looked_up_at_once_for_a_whole_list(
    told: Told, alice: User, client_of: ClientOf, home: str, api: Callable[..., Any],
    django_assert_max_num_queries: Callable[..., Any], record: Record, pump: Run,
) -> None:  # fmt: skip
    for _ in range(10):
        record("job.fail")
    pump()
    client = client_of(alice)
    get(client, f"{home}/deliveries/")
    with django_assert_max_num_queries(20):
        get(client, f"{home}/deliveries/")
    caller = api(alice)
    with django_assert_max_num_queries(12):
        assert len(caller.get(f"/api/v1{home}/deliveries/").json()["results"]) >= 20


def test_a_channel_that_was_removed_is_not_named_and_still_private(
    told: Told, dave: User, alice: User, client_of: ClientOf, home: str
) -> None:
    services.remove(services.list_channels(dave)["hipchat"])
    devices.remove(Device.objects.get(user=dave))
    html = get(client_of(alice), f"{home}/deliveries/")
    assert "A former channel of Dave" in words(html)
    assert "iOS of Dave" in words(html)
    assert_private(html, told)


def test_a_member_s_mail_stays_as_it_is(
    alice: User, dave: User, client_of: ClientOf, home: str, record: Record, pump: Run
) -> None:
    record("server.stopped")
    pump()
    assert f"to {dave.email}" in words(get(client_of(alice), f"{home}/deliveries/"))


# --- Sending again ---------------------------------------------------------------------------------------------
def test_an_administrator_cannot_send_it_again(
    told: Told, alice: User, client_of: ClientOf, api: Callable[..., Any], home: str, receiver: Receiver, pump: Run
) -> None:
    client, sent = client_of(alice), len(receiver.requests)
    for delivery in told.all:
        with pytest.raises(resending.CannotRedeliver, match="only that member can send it again"):
            resending.redeliver(delivery, alice)
        answer = client.post(f"{home}/deliveries/{delivery.public_id}/redeliver/", follow=True)
        assert "only that member can send it again" in read(answer)
        assert api(alice).post(f"/api/v1{home}/deliveries/{delivery.public_id}/redeliver/").status_code == 409
    refused = api(alice).post(f"/api/v1{home}/deliveries/redeliver/", {"ids": [each.public_id for each in told.all]})
    assert refused.json()["sent"] == []
    assert len(refused.json()["refused"]) == 3
    client.post(f"{home}/deliveries/redeliver/", {"delivery": [each.public_id for each in told.all]})
    pump()
    assert len(receiver.requests) == sent


def test_the_list_lets_nobody_tick_what_only_the_member_may_send_again(
    told: Told, alice: User, client_of: ClientOf, home: str
) -> None:
    html = get(client_of(alice), f"{home}/deliveries/")
    assert f'value="{told.webhook.public_id}"' not in html


def test_the_member_sends_it_again(told: Told, dave: User, client_of: ClientOf, receiver: Receiver, pump: Run) -> None:
    receiver.status = 204
    client = client_of(dave)
    page = client.post(f"{OWN}{told.webhook.public_id}/redeliver/", follow=True)
    assert "It is on its way." in read(page)
    listed = "/account/notifications/channels/hipchat/deliveries/"
    assert told.hipchat.public_id in get(client, listed)
    answer = client.post(f"{listed}redeliver/", {"delivery": [told.hipchat.public_id]}, follow=True)
    assert "1 delivery is on the way." in read(answer)
    pump()
    assert {Delivery.objects.get(pk=each.pk).state for each in (told.webhook, told.hipchat)} == {"delivered"}
    own = AuditEntry.objects.filter(action="delivery.redelivered")
    assert set(own.values_list("organization", flat=True)) == {dave.pk}, "it is no matter of the organization's"


def test_nothing_selected_nothing_sent(told: Told, dave: User, client_of: ClientOf) -> None:
    page = "/account/notifications/channels/webhook/deliveries/redeliver/"
    assert "Nothing was selected." in read(client_of(dave).post(page, follow=True))
    assert client_of(dave).post(page, {"delivery": ["dlv_1"]}).status_code == 404


# --- What the member sees --------------------------------------------------------------------------------------
def test_the_member_sees_all_of_it(told: Told, dave: User, client_of: ClientOf, home: str) -> None:
    client = client_of(dave)
    html = get(client, f"{OWN}{told.webhook.public_id}/")
    for shown in (
        "Told because you turned it on.",
        "to your Webhook",
        ANSWER,
        "url-secret",
        "-raw",
        "job.fail",
        "Retry now",
        "curl -X POST",
    ):
        assert shown in html, shown
    assert ANSWER in get(client, f"{OWN}{told.device.public_id}/")
    assert DEVICE not in words(get(client, f"{OWN}{told.device.public_id}/")).replace(f"push/{DEVICE}", "")
    assert "Show all of it to me" in get(client, f"{home}/deliveries/{told.webhook.public_id}/")


def test_nobody_else_does(told: Told, alice: User, olga: User, client_of: ClientOf) -> None:
    for user in (alice, olga):
        for delivery in told.all:
            assert client_of(user).get(f"{OWN}{delivery.public_id}/").status_code == 404
            assert client_of(user).post(f"{OWN}{delivery.public_id}/redeliver/").status_code == 404
    assert Client().get(f"{OWN}{told.webhook.public_id}/").status_code == 302


def test_an_administrator_s_own_are_found_as_well(alice: User, client_of: ClientOf, record: Record, pump: Run) -> None:
    record("server.stopped")
    pump()
    mine = Delivery.objects.get(endpoint__address=alice.email)
    assert alice.email in get(client_of(alice), f"{OWN}{mine.public_id}/")
    assert mine.public_id in get(client_of(alice), "/account/notifications/channels/email/deliveries/")


def test_another_s_mail_is_not_one_s_own(
    alice: User, dave: User, client_of: ClientOf, record: Record, pump: Run
) -> None:
    record("server.stopped")
    pump()
    other = Delivery.objects.get(endpoint__address=dave.email)
    assert client_of(alice).get(f"{OWN}{other.public_id}/").status_code == 404


def test_who_left_no_longer_reads_what_the_organization_sent(
    told: Told, acme: Organization, alice: User, dave: User, client_of: ClientOf
) -> None:
    organizations.remove_member(organization=acme, user=dave, actor=alice)
    assert client_of(dave).get(f"{OWN}{told.webhook.public_id}/").status_code == 404
    assert told.webhook.public_id not in get(client_of(dave), "/account/notifications/channels/")


def test_in_the_personal_space_everything_is_shown(
    dave: User, client_of: ClientOf, receiver: Receiver, pump: Run
) -> None:
    services.set_up(dave, "webhook", url=receiver.url, options={})
    notification_settings.choose(dave, [Choice("app.auth", "webhook", True)])
    space = Organization.objects.get(pk=dave.pk)
    intake.record(space, [intake.NewEvent(type="app.auth", data={"app": "cli"})], source=Source.CONSOLE)
    pump()
    delivery = Delivery.objects.get(endpoint__kind="webhook")
    html = get(client_of(dave), f"/organizations/{space.public_id}/deliveries/{delivery.public_id}/")
    assert receiver.url.removeprefix("http://") in html.replace("<wbr>", "")


# --- Trouble ---------------------------------------------------------------------------------------------------
def fail_for(channel: Channel, length: timedelta) -> None:
    Endpoint.objects.filter(channel=channel).update(failing_since=clock.now() - length)


def due_now() -> None:
    for delivery in Delivery.objects.filter(state="pending", due_at__isnull=False):
        resending.redeliver(delivery, User.objects.get(pk=delivery.endpoint.organization_id))


def test_trouble_is_told_to_its_user_in_the_personal_space_and_to_nobody_else(
    told: Told, dave: User, acme: Organization, pump: Run, receiver: Receiver
) -> None:
    channel = services.list_channels(dave)["hipchat"]
    notification_settings.choose(dave, [Choice("hook.failing", kind, True) for kind in ("hipchat", "webhook")])
    fail_for(channel, timedelta(hours=2))
    resending.redeliver(told.hipchat, dave)
    pump()
    event = Event.objects.get(type="hook.failing")
    data = json.loads(event.representation)
    assert event.organization_id == dave.pk
    assert data["channel"] == {"id": channel.public_id, "kind": "hipchat", "name": "HipChat"}
    assert ANSWER in data["reason"] or "404" in data["reason"]
    assert "failing_since" in data
    to = {each.endpoint.format for each in event.deliveries.select_related("endpoint")}
    assert to == {"mail", "raw"}, "by e-mail as by default, by the webhook as chosen, never to the channel itself"
    assert not Event.objects.filter(organization=acme, type__startswith="hook.").exists()


def test_a_channel_that_fails_for_days_is_stopped_and_a_test_puts_it_to_work_again(
    told: Told, dave: User, client_of: ClientOf, pump: Run, receiver: Receiver
) -> None:
    channel = services.list_channels(dave)["webhook"]
    fail_for(channel, timedelta(days=6))
    resending.redeliver(told.webhook, dave)
    pump()
    stopped = Endpoint.objects.get(channel=channel)
    assert stopped.disabled_at is not None
    assert Delivery.objects.get(pk=told.webhook.pk).due_at is None, "it waits"
    event = Event.objects.get(type="hook.disabled")
    assert (event.organization_id, json.loads(event.representation)["state"]) == (dave.pk, "channel_disabled")
    with pytest.raises(resending.CannotRedeliver, match="Its channel is disabled"):
        resending.redeliver(told.webhook, dave)
    receiver.status = 204
    client_of(dave).post("/account/notifications/channels/webhook/test/")
    pump()
    assert Endpoint.objects.get(channel=channel).disabled_at is None
    assert Delivery.objects.get(pk=told.webhook.pk).state == "delivered"
    assert Event.objects.get(type="hook.recovered").organization_id == dave.pk


@pytest.mark.parametrize("kind", ["failing", "disabled", "recovered"])
def test_it_is_told_in_words_of_its_own(dave: User, kind: str) -> None:
    from hooks.wording import tell
    from tests.hooks.notifications import notification

    data = {"channel": {"id": ids.encode("chan", ids.uuid7()), "kind": "hipchat", "name": "HipChat"},
            "state": f"channel_{kind}", "reason": "503 Away", "failing_since": "2026-01-05T12:20:03+00:00"}  # fmt: skip
    story = tell(notification(f"hook.{kind}", data, resource=None))
    assert story.title.startswith("Your channel HipChat")
    assert ("Channel", "HipChat") in story.facts
    assert "hook" not in (story.title + story.line).lower()
