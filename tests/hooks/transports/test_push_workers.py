"""Pushes by real worker processes, which fork before they connect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings

from hooks.endpoints import devices
from hooks.models import Delivery
from tests.conftest import person
from tests.environment import SETTINGS
from tests.hooks.fake_apns import FakeApns
from tests.project.processes import Command, until

pytestmark = pytest.mark.django_db(transaction=True)
USERS, EACH = 6, 15


@pytest.fixture
def worker(apns: FakeApns, database_url: str) -> Iterator[Command]:
    """`manage.py worker` with two worker processes, configured for the Apple of this test."""
    configured = {
        name: str(getattr(settings, name))
        for name in ("APNS_KEY", "APNS_KEY_ID", "APNS_TEAM_ID", "APNS_TOPIC", "APNS_ADDRESS", "APNS_CA_FILE")
    }
    running = Command("worker", **SETTINGS | configured | {"DATABASE_URL": database_url, "WORKERS": "2"})
    running.wait_for("Workers are running")
    yield running
    running.destroy()


def test_each_worker_process_pushes_all_over_one_connection(
    apns: FakeApns, worker: Command, owe: Callable[..., Delivery]
) -> None:
    owed = set()
    for number in range(USERS):
        device = devices.register(person(f"User{number}"), f"{number:064x}", "iPhone")[0]
        owed |= {str(owe(device).pk) for _ in range(EACH)}
    until(lambda: not Delivery.objects.exclude(state="delivered").exists(), 60, "the delivery of every push")
    assert Counter(push.headers["apns-id"] for push in apns.pushes) == dict.fromkeys(owed, 1)
    assert apns.connections <= 2
    assert len(apns.tokens) == apns.connections
    assert apns.refused == []
