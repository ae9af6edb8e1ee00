"""*Snooze* and quiet hours on the page: channels, ends, time zones and texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

import pytest
from django.test import Client

from events import intake
from hooks import clock
from hooks.channels import services
from hooks.forms.channels import get_tomorrow_morning
from hooks.models import Channel, Delivery
from notifications_project.accounts.models import AuditEntry, Organization, User
from tests.hooks.pages import ClientOf
from tests.pages import assert_strict, get

pytestmark = pytest.mark.django_db
SNOOZE = "/account/notifications/snooze/"
CHANNELS = "/account/notifications/channels/"
Send = Callable[..., str]


@pytest.fixture
def webhook(alice: User) -> Channel:
    return services.set_up(alice, "webhook", url="http://127.0.0.1:9/in", options={})[0]


@pytest.fixture
def client(alice: User, client_of: ClientOf) -> Client:
    alice.time_zone = "Europe/Berlin"
    alice.save()
    return client_of(alice)


@pytest.fixture
def send(client: Client) -> Send:
    """Send one of the page's forms; return the text of the next page."""

    def post(status: int = 200, **fields: object) -> str:
        answer = client.post(SNOOZE, fields, follow=True)
        assert answer.status_code == status
        return words(assert_strict(answer))

    return post


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html.partition("<main")[2]).split())


def stored(kind: str = "webhook") -> Channel:
    return Channel.objects.get(kind=kind)


def test_the_page_says_what_becomes_of_what_waits_and_whose_zone_it_is(client: Client, webhook: Channel) -> None:
    page = words(get(client, SNOOZE))
    assert "afterwards you get one digest of what waited" in page
    assert "marked Always" in page
    assert "Europe/Berlin" in page
    assert "/account/profile/" in get(client, SNOOZE)
    assert "HipChat" not in page, "it is not set up"


def test_an_hour(send: Send, webhook: Channel, alice: User) -> None:
    page = send(do="snooze", channels=["webhook"], length="hour")
    until = stored().snoozed_until
    assert until is not None
    assert timedelta(minutes=59) < until - clock.now() <= timedelta(hours=1)
    assert "Webhook is snoozed until" in page
    assert "Webhook: Snoozed until" in page
    assert "End the snooze" in page
    assert AuditEntry.objects.filter(organization_id=alice.pk).last().action == "channel.snoozed"


def test_until_tomorrow_morning_in_the_user_s_zone(send: Send, webhook: Channel) -> None:
    send(do="snooze", channels=["webhook", "email"], length="tomorrow")
    assert stored().snoozed_until == stored("email").snoozed_until == get_tomorrow_morning(clock.now(), "Europe/Berlin")


@pytest.mark.parametrize(
    ("now", "zone", "morning"),
    [
        (datetime(2026, 11, 22, 12, tzinfo=UTC), "Europe/Berlin", datetime(2026, 11, 23, 7, tzinfo=UTC)),
        (datetime(2026, 11, 22, 23, 30, tzinfo=UTC), "Europe/Berlin", datetime(2026, 11, 24, 7, tzinfo=UTC)),
        (datetime(2026, 11, 22, 12, tzinfo=UTC), "America/Los_Angeles", datetime(2026, 11, 23, 16, tzinfo=UTC)),
        (datetime(2026, 3, 28, 12, tzinfo=UTC), "Europe/Berlin", datetime(2026, 3, 29, 6, tzinfo=UTC)),
    ],
)
def test_the_morning_is_at_eight_of_the_wall_clock(now: datetime, zone: str, morning: datetime) -> None:
    assert get_tomorrow_morning(now, zone) == morning


def test_until_a_date_and_time_of_the_user_s_zone(send: Send, webhook: Channel) -> None:
    today = clock.now()
    year = today.year if today.month < 7 else today.year + 1  # the next summer: clocks are two hours ahead of UTC
    send(do="snooze", channels=["webhook"], length="until", until=f"{year}-07-01T09:30")
    assert stored().snoozed_until == datetime(year, 7, 1, 7, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (
            {"channels": ["webhook"], "length": "until", "until": "2001-01-01T09:30"},
            "Choose a time in the future.",
        ),
        ({"channels": ["webhook"], "length": "until"}, "Enter the date and time at which the snooze ends."),
        ({"channels": ["webhook"], "length": "until", "until": "soon"}, "Enter a date and a time"),
        ({"channels": ["webhook"], "length": "until", "until": "2027-03-28T02:30"}, "2027-03-28 02:30"),
        ({"channels": [], "length": "hour"}, "Choose at least one channel."),
        ({"channels": ["hipchat"], "length": "hour"}, "hipchat is not one of the available choices"),
        ({"channels": ["webhook"], "length": "for ever"}, "for ever is not one of the available choices"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_saved(
    send: Send, webhook: Channel, fields: dict[str, object], problem: str
) -> None:
    assert problem in send(422, do="snooze", **fields)
    assert stored().snoozed_until is None


def test_the_snooze_is_ended_and_what_waits_is_counted_until_then(
    send: Send, client: Client, webhook: Channel, acme: Organization, alice: User
) -> None:
    until = clock.now() + timedelta(days=2)
    services.snooze(alice, ["webhook"], until)
    assert webhook.endpoint
    for _ in range(3):
        event = intake.record(acme, [intake.NewEvent(type="job.fail", data={})])[0]
        Delivery.objects.create(
            organization=acme, event=event, endpoint=webhook.endpoint, lane_id=webhook.endpoint.lane_id,
            quiet_until=until, due_at=until,
        )  # fmt: skip
    page = words(get(client, CHANNELS))
    assert re.search(r"Snoozed until \w+ \d+ \w+, \d\d:\d\d, 3 wait\.", page)
    assert "Webhook: the snooze is over." in send(do="wake", channel="webhook")
    assert stored().snoozed_until is None
    assert AuditEntry.objects.filter(organization_id=alice.pk, action="channel.awake").exists()


def test_quiet_hours_are_set_changed_and_ended_for_each_channel(send: Send, client: Client, webhook: Channel) -> None:
    none = {"email-begin": "", "email-end": "", "webhook-begin": "", "webhook-end": ""}
    page = send(do="hours", **none | {"webhook-begin": "22:00", "webhook-end": "07:00"})
    assert "Quiet hours are saved." in page
    assert (stored().quiet_from, stored().quiet_until) == (time(22), time(7))
    assert not Channel.objects.filter(kind="email").exists(), "nothing was said about it"
    assert "Quiet each day from 22:00 until 07:00" in words(get(client, CHANNELS))
    assert 'value="22:00"' in get(client, SNOOZE)
    send(do="hours", **none | {"email-begin": "00:00", "email-end": "06:00"})
    assert (stored().quiet_from, stored("email").quiet_from) == (None, time(0))
    assert "Quiet each day from 00:00 until 06:00" in words(get(client, CHANNELS))
    assert "Nothing was changed." in send(do="hours", **none | {"email-begin": "00:00", "email-end": "06:00"})


@pytest.mark.parametrize(
    ("begin", "end", "problem"),
    [
        ("22:00", "", "Enter both times, or neither."),
        ("", "07:00", "Enter both times, or neither."),
        ("22:00", "22:00", "Quiet hours must end at another time than they begin."),
        ("25:00", "07:00", "Enter a valid time."),
    ],
)
def test_hours_that_cannot_be_are_told_and_what_was_typed_stays(
    send: Send, webhook: Channel, client: Client, begin: str, end: str, problem: str
) -> None:
    fields = {"do": "hours", "email-begin": "", "email-end": "", "webhook-begin": begin, "webhook-end": end}
    answer = client.post(SNOOZE, fields)
    assert answer.status_code == 422
    html = assert_strict(answer)
    assert problem in words(html)
    assert f'value="{begin or end}"' in html
    assert stored().quiet_from is None


def test_something_else_that_was_sent_changes_nothing(send: Send, webhook: Channel) -> None:
    send(do="nothing")
    send(do="wake")
    assert stored().snoozed_until is None
