"""Services that limit one sender's requests together: one hold and one pace for all webhooks there.

Discord's host is 127.0.0.1 in these tests; "localhost" is the name of another host.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test import Client
from werkzeug import Request

from events import intake
from events.models import Event
from events.representation import Source
from hooks import clock, formats
from hooks.endpoints import webhooks
from hooks.engine import host_limits
from hooks.formats.discord import Discord
from hooks.manage import rules
from hooks.messages import Answer
from hooks.models import Circuit, Delivery, Hook, Lane
from notifications_project.accounts.models import Organization, User
from tests.conftest import Api, Receiver
from tests.pages import get

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_default_mail", "discord")]
Make = Callable[..., Hook]
Record = Callable[..., Event]
Run = Callable[[], None]
LIMIT = formats.LIMITED_HOSTS["discord"]
GLOBAL = {"X-RateLimit-Global": "true", "Retry-After": "40"}


@pytest.fixture
def discord(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Discord, "hosts", ("127.0.0.1",))


@pytest.fixture
def elsewhere(receiver: Receiver) -> str:
    """Return the receiver's URL under a name that is no limited host."""
    return receiver.url.replace("127.0.0.1", "localhost")


@pytest.fixture
def other(webhook: Make, receiver: Receiver, alice: User) -> Organization:
    """Create another organization with a webhook to this service in another format."""
    other = Organization.objects.create(name="Other")
    for hook in Hook.objects.existing().filter(organization=other):
        rules.delete_hook(hook, None)
    rules.create_webhook(
        organization=other, actor=None, spec=rules.WebhookSpec.of(name="Theirs", url=receiver.url, format="slack")
    )
    return other


def tell(organization: Organization) -> None:
    intake.record(organization, [intake.NewEvent(type="git.push", resource=None, data={})], source=Source.CONSOLE)


def deliveries(organization: Organization) -> list[Delivery]:
    return list(Delivery.objects.filter(organization=organization).order_by("pk"))


def held_for(name: str = "discord") -> timedelta:
    until = Circuit.objects.get(pk=name).not_before
    assert until is not None
    return until - clock.now()


def hold_is_over() -> None:
    Circuit.objects.update(not_before=clock.now())


def test_a_global_limit_holds_everybodys_webhooks_there_and_no_others(
    webhook: Make,
    record: Record,
    pump: Run,
    receiver: Receiver,
    acme: Organization,
    other: Organization,
    elsewhere: str,
) -> None:
    webhook()
    receiver.status, receiver.headers = 429, GLOBAL
    record("git.push")
    pump()
    assert len(receiver.requests) == 1
    assert timedelta(seconds=30) < held_for() <= timedelta(seconds=40)
    (delivery,) = deliveries(acme)
    assert (delivery.state, delivery.tries) == ("pending", 0), "it is not about this delivery: no try is used up"
    # Another organization's, in another format, waits as well; what goes to another host does not.
    receiver.status, receiver.headers = 204, {}
    rules.create_webhook(organization=other, actor=None, spec=rules.WebhookSpec.of(name="Elsewhere", url=elsewhere))
    tell(other)
    pump()
    assert sorted(each.state for each in deliveries(other)) == ["delivered", "pending"]
    assert receiver.requests[-1].host.startswith("localhost")
    assert len(receiver.requests) == 2
    # After it one attempt looks whether the service takes something again; then all goes out.
    hold_is_over()
    pump()
    assert {each.state for each in [*deliveries(acme), *deliveries(other)]} == {"delivered"}
    assert Circuit.objects.get(pk="discord").not_before is None


@pytest.mark.parametrize(
    ("headers", "body", "holds"),
    [
        ({"x-ratelimit-global": "true", "Retry-After": "7"}, "", True),
        ({"X-RateLimit-Scope": "global", "Retry-After": "7"}, '{"retry_after": 7, "global": false}', True),
        ({}, '{"message": "You are being rate limited.", "retry_after": 7, "global": true}', True),
        ({"Retry-After": "7"}, "error code: 1015", True),  # a ban: not said by Discord's API
        ({"Retry-After": "7", "X-RateLimit-Scope": "user"}, '{"retry_after": 7.0, "global": false}', False),
    ],
)
def test_only_what_is_about_all_requests_holds_the_host(
    webhook: Make,
    record: Record,
    pump: Run,
    receiver: Receiver,
    headers: dict[str, str],
    body: str,
    holds: bool,
) -> None:
    webhook(format="discord")
    receiver.status, receiver.headers, receiver.body = 429, headers, body
    record("git.push")
    pump()
    assert Circuit.objects.filter(pk="discord", not_before__isnull=False).exists() == holds
    assert Delivery.objects.get().tries == (0 if holds else 1)
    if holds:
        assert timedelta(seconds=3) < held_for() <= timedelta(seconds=7)


def test_a_failing_probe_holds_it_longer(webhook: Make, record: Record, pump: Run, receiver: Receiver) -> None:
    webhook()
    webhook(name="Second")
    receiver.status, receiver.headers = 429, {"Retry-After": "600"}
    record("git.push")
    pump()
    sent = len(receiver.requests)
    hold_is_over()
    pump()
    assert len(receiver.requests) == sent + 1, "one attempt speaks for all"
    assert held_for() > timedelta(seconds=590)


def test_all_lanes_and_workers_together_keep_the_pace_of_the_host(
    webhook: Make, record: Record, pump: Run, receiver: Receiver, other: Organization, elsewhere: str
) -> None:
    arrived: list[float] = []
    first_elsewhere: list[float] = []

    def see(request: Request) -> None:
        (first_elsewhere if request.host.startswith("localhost") else arrived).append(time.monotonic())

    receiver.before_answer = see
    for number in range(12):
        webhook(name=f"Hook {number}")
    webhook(name="Elsewhere", url=elsewhere)
    for _ in range(5):
        record("git.push")
        tell(other)
    pump()
    assert len(arrived) == 12 * 5 + 5
    assert not Delivery.objects.exclude(state="delivered").exists()
    most = max(sum(begin <= at < begin + 1 for at in arrived) for begin in arrived)
    assert most < 50
    assert len(first_elsewhere) == 5
    assert first_elsewhere[-1] < arrived[30], "what is for another host waits for none of it"


def test_two_workers_share_one_allowance() -> None:
    begun, taken = time.monotonic(), []

    def work() -> None:
        try:
            while time.monotonic() - begun < 0.7:
                taken.append(host_limits.grant("discord", LIMIT) or 0)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lasted = time.monotonic() - begun
    assert 0 < sum(taken) <= LIMIT.burst + LIMIT.rate * lasted + 1


def note(*statuses: int, now: datetime) -> None:
    """Count refusals as a worker does that records such answers."""
    answers = [Answer(str(status), "", time.monotonic(), 1, status=status) for status in statuses]
    with transaction.atomic():
        host_limits.note_answers("discord", answers, now, is_probe=False)


def test_it_stops_long_before_the_answers_that_bring_a_ban() -> None:
    now = clock.now()
    for _ in range(9):
        note(*[403, 401] * 50, now=now)
    assert host_limits.grant("discord", LIMIT), "not yet"
    note(*[403] * 100, now=now)
    assert host_limits.grant("discord", LIMIT) is None
    assert held_for() > timedelta(seconds=590)


def test_answers_of_long_ago_and_good_ones_do_not_count() -> None:
    now = clock.now()
    note(*[403] * 900, now=now - timedelta(minutes=11))
    note(*[403] * 900, now=now)
    note(*[204, 404, 500] * 900, now=now)
    assert Circuit.objects.get(pk="discord").not_before is None


def test_answers_on_both_sides_of_a_windows_end_count_together() -> None:
    now = clock.now()
    note(403, now=now - timedelta(minutes=9))  # its window ends in a minute
    note(*[403] * 600, now=now)
    note(*[403] * 600, now=now + timedelta(minutes=2))
    assert host_limits.grant("discord", LIMIT) is None


def test_a_steady_trickle_is_held_as_soon_as_ten_minutes_have_too_many() -> None:
    begun, minutes = clock.now() - timedelta(hours=2), 0
    while not Circuit.objects.filter(not_before__isnull=False).exists():
        note(*[401] * 95, now=begun + timedelta(minutes=minutes))
        minutes += 1
        assert minutes < 30, "it is never held"
    assert minutes == 11, "at eleven minutes of which ten are over: rounded up"


def test_what_was_counted_stays_counted_when_the_clock_is_set_back() -> None:
    now = clock.now()
    note(*[403] * 600, now=now)
    note(*[403] * 600, now=now - timedelta(hours=1))
    assert Circuit.objects.get(pk="discord").not_before is not None


def test_a_slow_trickle_is_never_held() -> None:
    now = clock.now()
    for minutes in range(0, 120, 3):
        note(*[429] * 200, now=now + timedelta(minutes=minutes))
    assert Circuit.objects.get(pk="discord").not_before is None


def test_refused_deliveries_add_up_over_organizations(
    webhook: Make,
    record: Record,
    pump: Run,
    receiver: Receiver,
    other: Organization,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(formats.LIMITED_HOSTS, "discord", replace(LIMIT, most_refusals=2))
    webhook()
    webhook(name="Waits")
    receiver.status = 403
    tell(other)
    pump()
    assert Circuit.objects.get(pk="discord").not_before is None
    record("git.push")
    pump()
    assert held_for() > timedelta(minutes=9)
    assert "403" in Circuit.objects.get(pk="discord").last_error


def test_pages_and_api_say_why_it_waits(
    webhook: Make,
    record: Record,
    pump: Run,
    receiver: Receiver,
    alice: User,
    client_of: Callable[[User], Client],
    home: str,
    acme: Organization,
) -> None:
    webhook()
    receiver.status, receiver.headers = 429, GLOBAL
    record("git.push")
    pump()
    delivery = Delivery.objects.get()
    said = Api(alice).get(f"/api/v1/organizations/{acme.public_id}/deliveries/{delivery.public_id}/").json()
    assert said["explanation"].startswith("Discord limits all that this server sends. Next try in ")
    assert datetime.fromisoformat(said["next_try_at"]) == Circuit.objects.get(pk="discord").not_before
    assert "What is for Discord waits until" in get(client_of(alice), f"{home}/notifications/webhooks/")


def test_a_lane_follows_its_url(webhook: Make, elsewhere: str, receiver: Receiver) -> None:
    hook = webhook(url=elsewhere)
    assert Lane.objects.get(endpoints=hook.endpoint).transport == "http"
    assert hook.endpoint
    webhooks.update_endpoint(hook.endpoint, {"url": receiver.url})
    assert Lane.objects.get(endpoints=hook.endpoint).transport == "discord"
    webhooks.update_endpoint(hook.endpoint, {"url": elsewhere})
    assert Lane.objects.get(endpoints=hook.endpoint).transport == "http"


def test_the_limits_are_those_of_discords_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert formats.get_transport("https://ptb.discord.com/api/webhooks/1/x/slack") == "discord"
    assert formats.get_transport("https://discordapp.com/api/webhooks/1/x") == "discord"
    assert formats.get_transport("https://discord.com.example.org/x") == "http"
    assert formats.get_transport("https://hooks.slack.com/x") == "http"


def test_webhooks_that_were_there_before_keep_to_the_limits(
    acme: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    key = {"routing_key": "a" * 32}

    def make(url: str, format: str, **more: object) -> Lane:
        options = key if format == "pagerduty" else {}
        fields: dict[str, Any] = {"name": url[:40], "url": url, "format": format, "options": options, **more}
        endpoint = rules.create_webhook(organization=acme, actor=None, spec=rules.WebhookSpec.of(**fields))[0].endpoint
        assert endpoint
        return endpoint.lane

    discords = [make("https://discord.com/api/webhooks/1/a", "discord"), make("https://discord.com/x/slack", "slack")]
    others = [make("https://discord.com.example.org/x", "raw"), make("https://proxy.example.org/x", "discord")]
    paged = make("https://events.pagerduty.com/v2/enqueue", "pagerduty")
    chosen = make("https://events.eu.pagerduty.com/v2/enqueue", "pagerduty", rate_limit=rules.RateLimit(0.5, 3))
    Lane.objects.filter(pk__in=[lane.pk for lane in discords]).update(transport="http")
    Lane.objects.filter(pk=paged.pk).update(rate=None, burst=1)
    migration = import_module("hooks.migrations.0018_lanes_of_limited_hosts")
    monkeypatch.setattr(migration, "_BATCH", 1)
    editor = connection.schema_editor()
    for _ in range(2):
        migration.give_discord_its_transport(apps, editor)
        migration.pace_pagerduty(apps, editor)

    def stored(lane: Lane) -> tuple[str, float | None, int]:
        return Lane.objects.values_list("transport", "rate", "burst").get(pk=lane.pk)

    assert [stored(lane)[0] for lane in discords] == ["discord", "discord"]
    assert [stored(lane)[0] for lane in others] == ["http", "http"]
    assert (stored(paged), stored(chosen)) == (("http", 2.0, 10), ("http", 0.5, 3))
    migration.take_discord_its_transport(apps, editor)
    assert not Lane.objects.filter(transport="discord").exists()
