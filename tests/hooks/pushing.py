"""Fixtures for tests of push: Apple on loopback, a device, and deliveries to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import transaction

from events import intake
from events.models import Event
from hooks import clock
from hooks.endpoints import devices
from hooks.messages import Answer
from hooks.models import Circuit, Delivery, Device, Lane
from hooks.queue import lanes
from hooks.transports import apns as transport
from notifications_project.accounts.models import Organization, User
from tests.hooks.fake_apns import KEY_ID, TEAM_ID, TOPIC, FakeApns, certificate, new_key, pem
from tests.hooks.notifications import notification

TOKEN = "0123456789abcdef" * 4


@pytest.fixture(scope="session")
def apns_certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("apns"))


@pytest.fixture
def apns(apns_certificate: tuple[Path, Path], settings: LazySettings) -> Iterator[FakeApns]:
    """Start a fake of Apple's service and configure the console for it, without mail."""
    key = new_key()
    fake = FakeApns(*apns_certificate, key)
    settings.PUSH_CONFIGURED, settings.MAIL_CONFIGURED = True, False
    settings.APNS_KEY, settings.APNS_KEY_ID, settings.APNS_TEAM_ID = pem(key), KEY_ID, TEAM_ID
    settings.APNS_TOPIC, settings.APNS_ADDRESS, settings.APNS_CA_FILE = TOPIC, fake.address, fake.ca_file
    yield fake
    hang_up()
    fake.close()


def hang_up() -> None:
    """Close the push connection of this process."""
    if transport._provider:
        transport._provider.connection.close()
        transport._provider = None


@pytest.fixture
def device(alice: User) -> Device:
    return devices.register(alice, TOKEN, "Alice's iPhone")[0]


@pytest.fixture
def owe() -> Callable[..., Delivery]:
    """Return a function that creates a pending delivery of an event to a device: `owe(device, "job.fail")`."""

    def owe_one(device: Device, event_type: str = "job.fail", **data: Any) -> Delivery:
        space = Organization.objects.get(pk=device.user_id)
        with transaction.atomic():  # or a worker that runs beside the test might route the event before
            event = intake.record(space, [intake.NewEvent(type=event_type, data=data)])[0]
            Event.objects.filter(pk=event.pk).update(routed_at=clock.now())
        endpoint = device.endpoint
        delivery = Delivery.objects.create(
            organization=space,
            event=event,
            endpoint=endpoint,
            lane_id=endpoint.lane_id,
            reasons=[{"rule": "setting"}],
            due_at=clock.now(),
        )
        lanes.touch([endpoint.lane_id])
        return delivery

    return owe_one


def pushed(**fields: Any) -> Answer:
    """Push one notification without a database, and return the answer."""
    about = notification("job.fail", address=TOKEN, format="apns", options={"registered_at": 1_000}, **fields)
    return transport.push(about)


def again(lane: int) -> None:
    """Make all pending deliveries due now."""
    Circuit.objects.update(not_before=clock.now() - timedelta(seconds=1))
    Delivery.objects.filter(state="pending").update(due_at=clock.now())
    Lane.objects.filter(pk=lane).update(not_before=None)
    lanes.touch([lane])
