"""The parser of web addresses, whose result is checked, stored, shown and connected to.

It follows the URL standard of the browsers (WHATWG) where that is safe, and refuses URLs that other parsers read in
another way: with a backslash, a percent sign in the host, a second `@`. Path and query stay as they were typed, byte
for byte; only characters that a request cannot contain are escaped.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_to_bytes

import idna

from notifications_project.network.problems import Problem, _

LONGEST = 2048
DEFAULT_PORTS = {"http": 80, "https": 443}

_BEGINNING = re.compile(r"(https?)://", re.IGNORECASE)
_AUTHORITY = re.compile(r"[^/?#]*")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NOT_IN_A_REQUEST = re.compile(r"[^A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]")  # RFC 3986
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class BadAddress(Problem):
    """Raised for a text that is no URL to post to."""


@dataclass(frozen=True, slots=True)
class WebAddress:
    """The parts of a web address. `host` is ASCII in lower case; an IPv6 address has no brackets."""

    scheme: str
    userinfo: str  # `name`, or `name:password`, escaped; empty if there is none
    host: str
    port: int
    path: str  # as it was typed: empty, or with a slash first
    query: str | None

    def __str__(self) -> str:
        user = f"{self.userinfo}@" if self.userinfo else ""
        query = "" if self.query is None else f"?{self.query}"
        return f"{self.scheme}://{user}{self.netloc}{self.path}{query}"

    def __repr__(self) -> str:
        return f"<{self.origin}>"  # the rest may be secret

    @property
    def netloc(self) -> str:
        """Return host and port as they stand in a URL, without the scheme's default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.netloc}"

    @property
    def target(self) -> str:
        """Return path and query, the target of a request (RFC 9112, section 3.2.1)."""
        path = self.path or "/"
        return path if self.query is None else f"{path}?{self.query}"

    @property
    def authorization(self) -> str:
        """Return the Authorization header for name and password (RFC 7617, UTF-8); empty without them."""
        if not self.userinfo:
            return ""
        name, __, password = self.userinfo.partition(":")
        pair = b"%b:%b" % (unquote_to_bytes(name), unquote_to_bytes(password))
        return f"Basic {base64.b64encode(pair).decode()}"


@lru_cache(maxsize=1024)
def parse(url: str) -> WebAddress:
    """Return the parts of a URL, without the fragment, which is never sent. Raises BadAddress."""
    if len(url) > LONGEST:
        raise BadAddress(_("The URL is longer than %(number)s characters."), number=LONGEST)
    if any(character.isspace() or not character.isprintable() for character in url):
        raise BadAddress(_("The URL must have no spaces, line ends or invisible characters."))
    beginning = _BEGINNING.match(url)
    if beginning is None:
        raise BadAddress(_("The URL must begin with https:// or http://."))
    authority = _AUTHORITY.match(url, beginning.end())
    assert authority
    userinfo, host, port = _split(authority[0])
    path, mark, query = url[authority.end() :].partition("#")[0].partition("?")
    if "\\" in path:
        raise BadAddress(_("The URL has a backslash: write / or %(escaped)s."), escaped="%5C")
    scheme = beginning[1].lower()
    found = WebAddress(
        scheme=scheme,
        userinfo=_check_userinfo(userinfo),
        host=_check_host(host),
        port=_check_port(port) or DEFAULT_PORTS[scheme],
        path=_escape(path),
        query=_escape(query) if mark else None,
    )
    if len(str(found)) > LONGEST:
        raise BadAddress(_("The URL is longer than %(number)s characters when it is escaped."), number=LONGEST)
    return found


def get_host(url: str) -> str:
    """Return the host of a URL; empty if the text is no URL."""
    try:
        return parse(url).host.rstrip(".")
    except BadAddress:
        return ""


def get_path(url: str) -> str:
    """Return the path of a URL; empty if the text is no URL."""
    try:
        return parse(url).path
    except BadAddress:
        return ""


def _split(authority: str) -> tuple[str, str, str]:
    """Return user, host and port of an authority as they were typed."""
    if "\\" in authority:
        raise BadAddress(_("The URL has a backslash in its host: write / where the path begins."))
    userinfo, __, place = authority.rpartition("@")
    if "@" in userinfo:
        raise BadAddress(
            _("The URL has more than one @ before its path: write %(escaped)s for one in a name or password."),
            escaped="%40",
        )
    if place.startswith("["):
        host, bracket, rest = place.partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise BadAddress(_("This is not a URL: the brackets around its host are not closed."))
        return userinfo, f"{host}]", rest[1:]
    host, __, port = place.partition(":")
    return userinfo, host, port


def _check_userinfo(userinfo: str) -> str:
    """Return name and password, escaped.

    Refuses control characters, and a colon in the name, which an Authorization header cannot carry (RFC 7617).
    """
    escaped = _escape(userinfo)
    name, __, password = escaped.partition(":")
    decoded = unquote_to_bytes(name)
    if b":" in decoded:
        raise BadAddress(
            _("The name before the @ of the URL has a colon, which no server can tell from the password's.")
        )
    if any(byte < 0x20 or byte == 0x7F for byte in decoded + unquote_to_bytes(password)):
        raise BadAddress(_("The name or password in the URL has a control character."))
    return escaped if name or password else ""


def _check_port(port: str) -> int | None:
    if not port:
        return None
    if not (port.isascii() and port.isdigit()):
        raise BadAddress(_("This is not a URL: the port is not a number."))
    number = int(port[-6:]) if not port[:-6].strip("0") else 0
    if not 1 <= number <= 65535:
        raise BadAddress(_("The port in the URL must be a number from 1 to 65535."))
    return number


def _check_host(host: str) -> str:
    if not host:
        raise BadAddress(_("The URL needs a host."))
    if host.startswith("["):
        return _check_ipv6(host[1:-1])
    if "%" in host:
        raise BadAddress(_("The URL's host name has a percent sign: write the name itself."))
    if not host.isascii():
        host = _encode(host)
    host = host.lower()
    labels = host.removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _check_ipv4(labels)
    if len(host) > 254 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadAddress(_("The URL's host name is not valid."))
    return host


def _encode(host: str) -> str:
    """Encode a host name by IDNA 2008, as browsers do: `faß.example` does not become `fass.example`."""
    try:
        return idna.encode(host, uts46=True, std3_rules=True).decode()
    except (idna.IDNAError, UnicodeError):
        pass
    try:  # IDNA refuses numbers in other scripts' digits, which browsers read as an IPv4 address
        mapped = idna.uts46_remap(host, std3_rules=True)
    except (idna.IDNAError, UnicodeError):
        mapped = ""
    if mapped.isascii() and mapped:
        return mapped
    raise BadAddress(_("The URL's host name is not valid."))


def _check_ipv4(labels: list[str]) -> str:
    """Normalize an IPv4 address of any form: `127.1`, `0x7f.1`, `0177.0.0.1`, `2130706433` are all `127.0.0.1`."""
    problem = BadAddress(_("The URL's host ends in a number and is no IPv4 address."))
    if len(labels) > 4 or not all(_NUMBER.fullmatch(label) and len(label) < 16 for label in labels):
        raise problem
    try:
        numbers = [_number(label) for label in labels]
    except ValueError:
        raise problem from None
    *first, last = numbers
    if any(number > 255 for number in first) or last >= 256 ** (5 - len(labels)):
        raise problem
    value = last + sum(number * 256 ** (3 - place) for place, number in enumerate(first))
    return str(ipaddress.IPv4Address(value))


def _number(label: str) -> int:
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    return int(label, 8 if len(label) > 1 and label.startswith("0") else 10)


def _check_ipv6(inside: str) -> str:
    if "%" in inside:
        raise BadAddress(
            _("An address with a zone (%(sign)s) is good on one machine only: leave the zone out."), sign="%"
        )
    try:
        address = ipaddress.IPv6Address(inside)
    except ValueError:
        raise BadAddress(_("This is not a URL: what stands in the brackets is no IPv6 address.")) from None
    if address.ipv4_mapped:  # Python 3.13 would write its end with dots, and one address would have two spellings
        number = int(address.ipv4_mapped)
        return f"::ffff:{number >> 16:x}:{number & 0xFFFF:x}"
    return str(address)


def _escape(text: str) -> str:
    """Escape the characters of a typed part of a URL that a request cannot contain."""
    text = _STRAY_PERCENT.sub("%25", text)
    return _NOT_IN_A_REQUEST.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), text)
