"""Fixtures for tests of channels: a HipChat room and a webhook of Alice's."""

from __future__ import annotations

import pytest
from pytest_httpserver import HTTPServer

from hooks.channels import services
from hooks.models import Channel
from notifications_project.accounts.models import User
from tests.hooks.channels.channel_pages import URL
from tests.hooks.formats.hipchat_server import OPTIONS, HipChatServer


@pytest.fixture
def hipchat(httpserver: HTTPServer) -> HipChatServer:
    return HipChatServer(httpserver)


@pytest.fixture
def room(alice: User, hipchat: HipChatServer) -> Channel:
    return services.set_up(alice, "hipchat", url=hipchat.url, options=OPTIONS)[0]


@pytest.fixture
def webhook(alice: User) -> Channel:
    return services.set_up(alice, "webhook", url=URL, options={})[0]
