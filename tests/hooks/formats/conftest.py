"""Fixtures for tests of formats: a delivery to a receiver that answers like a service."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from events.models import Event
from hooks.models import Hook
from tests.conftest import Receiver
from tests.hooks.formats.services import Delivering


@pytest.fixture
def delivering(
    no_default_mail: None,
    webhook: Callable[..., Hook],
    record: Callable[..., Event],
    pump: Callable[[], None],
    receiver: Receiver,
) -> Delivering:
    return Delivering(webhook, record, pump, receiver)
