"""The one place where every outgoing connection to a receiver is checked.

What counts is the address that is dialled, never the string that names it: a name is resolved once, each of
its addresses is judged, and the socket is opened to the very address that was judged. A name with one good
and one bad address is refused whole (facts/practice.md).
"""

from __future__ import annotations

import ipaddress
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
SockAddr = tuple[socket.AddressFamily, Any]

_LOOK_UP_SECONDS = 3
_lookups = ThreadPoolExecutor(max_workers=4, thread_name_prefix="look-up")

_IPV4_REFUSED = [
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # a cloud's metadata address that is formally global
    )
]  # fmt: skip
# Everything outside global unicast is refused; inside it, what is special or carries an IPv4 address.
_IPV6_GLOBAL = ipaddress.ip_network("2000::/3")
_IPV6_REFUSED = [
    ipaddress.ip_network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
]
_ISATAP = {0x00005EFE, 0x02005EFE}


class Refused(Exception):
    """The target is inside the machine or a private network. The message is fit for a tenant's eyes."""

    def __init__(self) -> None:
        super().__init__("This address is not permitted: it lies inside a private network or this machine.")


class BadAddress(Exception):
    """Not a URL that can be posted to; the message says why."""


def permitted(address: Address) -> bool:
    """Whether this very address may be dialled."""
    inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    if any((inner or address) in network for network in settings.OUTBOUND_ALLOWED_NETWORKS):
        return True
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _IPV4_REFUSED)
    if address not in _IPV6_GLOBAL or any(address in network for network in _IPV6_REFUSED):
        return False
    return (int(address) >> 32) & 0xFFFFFFFF not in _ISATAP


def resolve(host: str, port: int) -> list[SockAddr]:
    """Every socket address of `host`, all of them permitted. Raises Refused, or OSError if there is none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses: list[SockAddr] = [(family, sockaddr) for family, _, _, _, sockaddr in found]
    for _, sockaddr in addresses:
        if not permitted(ipaddress.ip_address(str(sockaddr[0]).partition("%")[0])):
            raise Refused
    return addresses


def connect(host: str, port: int, timeout: float) -> tuple[socket.socket, str]:
    """An open socket to a permitted address of `host`, and that address as text. Raises Refused or OSError.

    `timeout` is for all of it: the look-up, and the addresses, which share what is left.
    """
    deadline = time.monotonic() + timeout
    problem: OSError | None = None
    addresses = resolve(host, port)
    for tried, (family, sockaddr) in enumerate(addresses):
        left = deadline - time.monotonic()
        if left <= 0:
            raise problem or TimeoutError("the name was not looked up in time")
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


def check_url(url: str) -> None:
    """Refuse, when a rule is written, what could not be dialled anyway. Raises BadAddress or Refused.

    A name that does not resolve just now is accepted: it is judged again whenever a socket is opened.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BadAddress("This is not a URL.") from error
    if parts.scheme not in {"http", "https"}:
        raise BadAddress("The URL must begin with https:// or http://.")
    if not host or any(character.isspace() or ord(character) < 32 for character in url):
        raise BadAddress("The URL needs a host, and no spaces.")
    if len(url) > 2048:
        raise BadAddress("The URL is longer than 2048 characters.")
    look_up = _lookups.submit(resolve, host, port or (443 if parts.scheme == "https" else 80))
    try:
        look_up.result(timeout=_LOOK_UP_SECONDS)
    except (OSError, FutureTimeout):
        return
    except UnicodeError as error:
        raise BadAddress("The URL's host name is not valid.") from error
