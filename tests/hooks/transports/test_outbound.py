"""Forbidden addresses: this machine, private networks, and addresses that embed one of these."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest
from django.conf import LazySettings

from hooks.manage import rules
from hooks.transports import http, outbound
from notifications_project.accounts.models import Organization
from tests.conftest import Receiver
from tests.hooks.transports.test_hostile_receivers import notification

INSIDE = [
    "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "100.100.100.200", "168.63.129.16", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9",
    "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.88.99.1",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1",
    "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::1", "2620:4f:8000::1", "3fff::1", "fc00::1", "fd00::1",
    "fe80::1", "fec0::1", "ff02::1", "2a00::5efe:7f00:1", "5f00::1",
]  # fmt: skip
OUTSIDE = ["1.1.1.1", "93.184.216.34", "192.0.1.1", "2606:4700::1111", "2a00:1450:4007::200e"]


@pytest.fixture(autouse=True)
def nothing_allowed(settings: LazySettings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = []


@pytest.mark.parametrize("address", INSIDE)
def test_what_lies_inside_is_not_dialled(address: str) -> None:
    assert not outbound.is_permitted(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", OUTSIDE)
def test_what_lies_outside_may_be_dialled(address: str) -> None:
    assert outbound.is_permitted(ipaddress.ip_address(address))


def test_the_operator_may_allow_a_network(settings: LazySettings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = [ipaddress.ip_network("10.1.0.0/16")]
    assert outbound.is_permitted(ipaddress.ip_address("10.1.2.3"))
    assert outbound.is_permitted(ipaddress.ip_address("::ffff:10.1.2.3"))
    assert not outbound.is_permitted(ipaddress.ip_address("10.2.2.3"))


@pytest.mark.parametrize(
    "host", ["127.1", "0177.0.0.1", "0x7f.1", "2130706433", "localhost", "[::1]", "[::ffff:7f00:1]"]
)
def test_however_it_is_spelt_a_hook_into_the_machine_is_refused(acme: Organization, host: str) -> None:
    with pytest.raises(rules.InvalidRule) as refusal:
        rules.create_webhook(
            organization=acme, actor=None, spec=rules.WebhookSpec.of(name="Inside", url=f"http://{host}:8000/")
        )
    assert "not permitted" in refusal.value.errors["url"]


@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "example.com", "https://", "https://exa mple.com/", "http://a:b", "javascript:x", ""]
)
def test_what_is_no_web_address_is_refused(acme: Organization, url: str) -> None:
    with pytest.raises(rules.InvalidRule) as refusal:
        rules.create_webhook(organization=acme, actor=None, spec=rules.WebhookSpec.of(name="Nowhere", url=url))
    assert set(refusal.value.errors) == {"url"}


def test_the_address_is_judged_again_when_the_socket_is_opened(receiver: Receiver) -> None:
    answer = http.post(notification(receiver.url))
    assert answer.code == "refused"
    assert receiver.requests == []


def test_a_name_with_one_good_and_one_bad_address_is_refused_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    def both(host: str, port: int, **kwargs: Any) -> list[tuple[Any, ...]]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("93.184.216.34", "127.0.0.1")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with pytest.raises(outbound.ForbiddenAddress):
        outbound.resolve("rebinding.example", 80)


def test_a_refusal_does_not_tell_what_is_there(receiver: Receiver) -> None:
    there, not_there = http.post(notification(receiver.url)), http.post(notification("http://127.0.0.1:9/"))
    assert (there.code, there.text) == (not_there.code, not_there.text)
