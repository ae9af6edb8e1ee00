"""Fixtures for tests of accounts."""

from __future__ import annotations

import pytest


@pytest.fixture
def a_mail_server(settings):
    settings.MAIL_CONFIGURED = True
