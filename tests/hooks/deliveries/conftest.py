"""Fixtures for tests of digests: a snoozed channel, and one with deliveries that are due."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from events.models import Event
from hooks.channels import services
from hooks.models import Channel
from hooks.preferences import notification_settings
from hooks.preferences.notification_settings import Choice
from hooks.routing import router
from notifications_project.accounts.models import User
from tests.conftest import Receiver
from tests.hooks.deliveries.digesting import TYPES, quiet_time_ends, snooze
from tests.hooks.races import Meanwhile

Record = Callable[..., Event]
Run = Callable[[], None]


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


# --- Two at once, and crashes --------------------------------------------------------------------------------
@pytest.fixture
def waited(channel: Channel, record: Record) -> Channel:
    for each in TYPES:
        record(each)
    router.route()
    quiet_time_ends()
    return channel
