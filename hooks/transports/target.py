"""What a request needs to know of the URL that it goes to, made once for all requests to it."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from notifications_project.network.web_address import DEFAULT_PORTS, parse


class Target(NamedTuple):
    """To whom a connection is needed, and how each request over it begins."""

    url: str
    connection: tuple[str, str, int]  # scheme, host, port
    head: bytes
    authorization: str  # a header line of the URL's name and password, for a request that has no other


@lru_cache(maxsize=1024)
def target(address: str) -> Target:
    """The target that a URL names. Raises BadAddress for one that cannot be posted to."""
    found = parse(address)
    host = f"[{found.host}]" if ":" in found.host else found.host.rstrip(".")
    named = host if found.port == DEFAULT_PORTS[found.scheme] else f"{host}:{found.port}"
    return Target(
        url=str(found),
        connection=(found.scheme, found.host, found.port),
        head=f"POST {found.target} HTTP/1.1\r\nHost: {named}\r\n".encode("ascii"),
        authorization=f"Authorization: {found.authorization}\r\n" if found.userinfo else "",
    )
