"""The one place where every outgoing connection to a receiver is checked.

The check is on the address that is dialled, never on the name: a name is resolved once, each of its addresses is
checked, and the socket is opened to an address that was checked. A second look-up could give another address. A name
with one good and one bad address is refused.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_noop

from hooks.remarks import Remark, RemarkCode
from notifications_project.network import lookups
from notifications_project.network.web_address import BadAddress, WebAddress, parse
from notifications_project.runtime.waiting import release_database

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
SockAddr = tuple[socket.AddressFamily, Any]

_LOOK_UP_SECONDS = 3
_AT_ONCE = 0.1
_requests_waiting = threading.BoundedSemaphore(24)  # of the web server's 100 threads: slow names must not hold them all
_CHECKED_AT_ONCE = 16  # look-ups for rules that are being written

_IPV4_REFUSED = [
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # a cloud's metadata address that is formally global
    )
]  # fmt: skip
# Everything outside global unicast is refused, and inside it special networks and those that embed an IPv4 address.
_IPV6_GLOBAL = ipaddress.ip_network("2000::/3")
_IPV6_REFUSED = [
    ipaddress.ip_network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
]
_ISATAP = {0x00005EFE, 0x02005EFE}


# Ports of services that are no web servers: the text of a request could make them do something.
_PORTS_REFUSED = frozenset({
    # The bad ports of the Fetch standard, which browsers refuse.
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
    110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530,
    531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190,
    5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
    # File shares, remote desktops, databases, caches, queues and container engines.
    445, 873, 1433, 1434, 1521, 1883, 2181, 2375, 2376, 2377, 2379, 2380, 3306, 3389, 4222, 4369, 5432, 5433, 5671,
    5672, 5900, 5984, 6379, 6380, 6432, 7687, 8883, 9042, 9092, 9200, 9300, 10250, 11211, 26379, 27017, 27018, 27019,
    61613, 61616,
    26, 2525,  # alternative ports for mail
})  # fmt: skip


class ForbiddenAddress(Exception):
    """The target may not be dialled. The message is safe to show to tenants."""

    def __init__(self, remark: Remark | None = None) -> None:
        self.remark = remark or Remark(RemarkCode.PRIVATE_ADDRESS)
        super().__init__(str(self.remark))


def is_permitted(address: Address) -> bool:
    """Tell whether an address may be dialled: the operator has allowed it, or it is public."""
    inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    if any((inner or address) in network for network in settings.OUTBOUND_ALLOWED_NETWORKS):
        return True
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _IPV4_REFUSED)
    if address not in _IPV6_GLOBAL or any(address in network for network in _IPV6_REFUSED):
        return False
    return (int(address) >> 32) & 0xFFFFFFFF not in _ISATAP


def check_port(port: int) -> None:
    """Raise ForbiddenAddress for the port of another protocol, unless the operator allows it."""
    if port in _PORTS_REFUSED and port not in settings.OUTBOUND_ALLOWED_PORTS:
        raise ForbiddenAddress(Remark(RemarkCode.FORBIDDEN_PORT, port=port))


def resolve(host: str, port: int) -> list[SockAddr]:
    """Return all socket addresses of `host`. Raises ForbiddenAddress if any is forbidden, OSError if it has none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses: list[SockAddr] = [(family, sockaddr) for family, _, _, _, sockaddr in found]
    for _, sockaddr in addresses:
        if not is_permitted(ipaddress.ip_address(str(sockaddr[0]).partition("%")[0])):
            raise ForbiddenAddress
    check_port(port)
    return addresses


def connect(host: str, port: int, timeout: float, owner: str = "") -> tuple[socket.socket, str]:
    """Return an open socket to a permitted address of `host`, and that address as text.

    `timeout` in seconds covers the look-up and all addresses, which share what is left. `owner` is the id of the
    organization: the number of simultaneous look-ups for it is limited. Raises ForbiddenAddress or OSError.
    """
    deadline = time.monotonic() + timeout
    problem: OSError | None = None
    addresses = lookups.look_up(resolve, host, port, timeout, owner)
    for tried, (family, sockaddr) in enumerate(addresses):
        left = deadline - time.monotonic()
        if left <= 0:
            raise problem or lookups.TooSlow
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(left / (len(addresses) - tried))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(sockaddr)
            sock.settimeout(timeout)
        except OSError as error:
            sock.close()
            problem = error
            continue
        shown = f"[{sockaddr[0]}]" if family == socket.AF_INET6 else sockaddr[0]
        return sock, f"{shown}:{sockaddr[1]}"
    raise problem or OSError("the name has no address")


def check_url(url: str) -> WebAddress:
    """Check the URL of a rule that is being written. Raises BadAddress or ForbiddenAddress.

    A name that does not resolve now is accepted, as each connection checks it again.
    """
    found = parse(url)
    if "#" in url:
        raise BadAddress(
            gettext_noop(
                "What follows # in a URL is never sent: leave it out, or write %(escaped)s if it belongs to the URL."
            ),
            escaped="%23",
        )
    waits = _requests_waiting.acquire(blocking=False)  # if too many wait, slow names are accepted
    try:
        with release_database(), suppress(OSError):
            within = _LOOK_UP_SECONDS if waits else _AT_ONCE
            lookups.look_up(resolve, found.host, found.port, within, "rules", _CHECKED_AT_ONCE)
    finally:
        if waits:
            _requests_waiting.release()
    check_port(found.port)
    return found
