"""The parts of a URL that each request to it needs, parsed once for all of them."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from notifications_project.network.web_address import DEFAULT_PORTS, parse


class Target(NamedTuple):
    """The peer to connect to, and the first lines of each request."""

    url: str
    connection: tuple[str, str, int]  # scheme, host, port
    head: bytes
    authorization: str  # a header line with the URL's name and password, for requests without their own


@lru_cache(maxsize=1024)
def parse_target(address: str) -> Target:
    """Parse a URL into a target. Raises BadAddress if it is not a URL to post to."""
    found = parse(address)
    host = f"[{found.host}]" if ":" in found.host else found.host.rstrip(".")
    named = host if found.port == DEFAULT_PORTS[found.scheme] else f"{host}:{found.port}"
    return Target(
        url=str(found),
        connection=(found.scheme, found.host, found.port),
        head=f"POST {found.target} HTTP/1.1\r\nHost: {named}\r\n".encode("ascii"),
        authorization=f"Authorization: {found.authorization}\r\n" if found.userinfo else "",
    )
