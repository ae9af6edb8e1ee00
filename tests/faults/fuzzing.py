"""Hostile requests to every route of the console, from a seeded generator, over a real connection."""

from __future__ import annotations

import http.client
import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import IntConverter, StringConverter

LONG = 10_000
TEXTS = [
    "",
    " ",
    "a",
    "0",
    "-1",
    "1",
    "true",
    "null",
    "None",
    "\0",
    "a\0b",
    "\n",
    "\r\nX-Evil: 1",
    "\x1b[2J",
    "\x7f",
    "é",
    "e\u0301",
    "ß",
    "\u202e",
    "\ufeff",
    "\uffff",
    "\U0010ffff",
    "👩‍👩‍👧",
    "x" * LONG,
    "é" * LONG,
    "9" * 400,
    "-9223372036854775809",
    "1e400",
    "NaN",
    "Infinity",
    "0x1f",
    "١٢",
    "2026-11-30T10:00:00Z",
    "0001-01-01",
    "9999-12-31T23:59:59+14:00",
    "2026-02-30",
    "25:61",
    "24:00",
    "../../etc/passwd",
    "..%2f",
    "%00",
    "%",
    "%zz",
    "'",
    '"',
    "';--",
    "{{7*7}}",
    "<script>",
    "\\",
    "\ud800",
    "a@b",
    "a@b@c",
    "@",
    "http://[",
    "http://a:99999999/",
    "//",
    "javascript:1",
    "http://127.0.0.1:9/",
    "https://\u202cexample.com/",
    "orga_",
    "evt_0",
    "orga_00000000-0000-0000-0000-000000000000",
    "dlv_ffffffff-ffff-ffff-ffff-ffffffffffff",
    "me",
    "everything",
    "webhook",
    "email",
    "hipchat",
    "ios",
    "raw",
    "slack",
    "stack.redeploy.ok",
    "deployment-result",
    "Europe/Paris",
    "developer",
    "on",
    "off",
]  # fmt: skip
BYTES = [b"\xff\xfe", b"\xed\xa0\x80", b"\xc3", b"\xf8\x88\x80\x80\x80", b"\x80", b"%c0%af"]
BROKEN = [
    b"", b"{", b"[" * 5000, b"\x00", b"\xff\xfe{}", b"null", b'{"a":1,"a":2}', b'"\\ud800"', b"a=1;b=2", b"--b\r\n",
]  # fmt: skip
TYPES = [
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=utf-8",
    "application/json",
    "application/x-www-form-urlencoded; charset=latin-1",
    "application/json; charset=utf-16",
    "application/json; charset=nothing",
    "multipart/form-data; boundary=b",
    "multipart/form-data",
    "multipart/form-data; boundary=" + "b" * 300,
    "text/plain",
    "",
    "/",
    "é",
    "application/xml",
    'application/json; charset="',
]  # fmt: skip
METHODS = ["GET"] * 6 + ["POST"] * 8 + ["PUT", "PATCH", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND"]


@dataclass(frozen=True)
class Route:
    """A path with a `{name}` for each value, and the converters of these values."""

    path: str
    holes: dict[str, str] = field(default_factory=dict)  # the converter of each name


def routes(resolver: Any = None, before: str = "/", holes: dict[str, str] | None = None) -> Iterator[Route]:
    """Yield every route that the URL resolver knows."""
    for each in (resolver or get_resolver()).url_patterns:
        path, found = _path(each)
        known = {**(holes or {}), **found}
        if isinstance(each, URLResolver):
            yield from routes(each, before + path, known)
        elif isinstance(each, URLPattern):
            yield Route(before + path, known)


def _path(pattern: Any) -> tuple[str, dict[str, str]]:
    holes = {name: type(converter).__name__ for name, converter in pattern.pattern.converters.items()}
    written = str(pattern.pattern)
    if hasattr(pattern.pattern, "_route"):
        return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", written), holes
    # The regular expression of a library: its groups are the values.
    names = list(pattern.pattern.regex.groupindex)
    plain = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"{\1}", written).strip("^$").replace("\\", "")
    return plain, holes | dict.fromkeys(names, StringConverter.__name__)


class Generator:
    """A generator of requests. `right` has existing values for each name in a path."""

    def __init__(self, seed: int, right: dict[str, list[str]], fields: list[str]) -> None:
        self.random = random.Random(seed)
        self.right, self.fields = right, fields
        self.routes = list(routes())

    def request(self) -> tuple[str, str, bytes, dict[str, str]]:
        """Return the method, target, body and headers of a request."""
        route = self.random.choice(self.routes)
        method = self.random.choice(METHODS)
        target = self._target(route)
        headers = {"Accept": self.random.choice(["*/*", "application/json", "text/html", "image/webp", "é", ""])}
        body = b""
        if method in {"POST", "PUT", "PATCH", "DELETE"}:
            headers["Content-Type"], body = self._body(target.startswith("/api/"))
        for name, values in _HEADERS.items():
            if self.random.random() < 0.05:
                headers[name] = self.random.choice(values)
        return method, target, body, headers

    def _target(self, route: Route) -> str:
        path = route.path
        for name in route.holes:
            path = path.replace(f"{{{name}}}", self._value_in_path(name, route.holes[name]))
        if self.random.random() < 0.03:
            path = path.rstrip("/") or "/"
        if self.random.random() < 0.3:
            path += "?" + self._query()
        return path

    def _value_in_path(self, name: str, converter: str) -> str:
        values = self.right.get(name, [])
        if values and self.random.random() < 0.75:
            return self.random.choice(values)
        if converter == IntConverter.__name__ and self.random.random() < 0.5:
            return str(self.random.choice([0, 1, 2**31, 2**63, 10**30]))
        if self.random.random() < 0.2:
            return quote_from_bytes(self.random.choice(BYTES))
        return quote_from_bytes(self._text().encode("utf-8", "surrogatepass"), safe="") or "-"

    def _query(self) -> str:
        if self.random.random() < 0.1:
            return quote_from_bytes(self.random.choice(BYTES)) + "&=&&" + "a=" * 50
        pairs = [(self.random.choice(self.fields), self._text()[:5000]) for _ in range(self.random.randint(1, 3))]
        return urlencode(pairs, errors="surrogatepass")

    def _text(self) -> str:
        if self.random.random() < 0.15:
            return "".join(chr(self.random.choice([0, 10, 65, 233, 0x202E, 0x1F600])) for _ in range(5))
        return self.random.choice(TEXTS)

    def _json(self, depth: int = 0) -> Any:
        kind = self.random.random()
        if depth < 3 and kind < 0.45:
            names = self.random.sample(self.fields, self.random.randint(0, min(6, len(self.fields))))
            return {name: self._json(depth + 1) for name in names}
        if depth < 3 and kind < 0.6:
            return [self._json(depth + 1) for _ in range(self.random.randint(0, 3))]
        numbers = [None, True, False, 0, -1, 2**31, 2**63, 10**50, 1.5, 1e308, -0.0]
        return self.random.choice(numbers) if kind < 0.75 else self._text()

    def _body(self, api: bool) -> tuple[str, bytes]:
        wild = self.random.random()
        if wild < 0.1:
            broken = [
                b"",
                b"{",
                b"[" * 5000,
                b"\x00",
                b"\xff\xfe{}",
                b"null",
                b'{"a":1,"a":2}',
                b'"\\ud800"',
                b"a=1;b=2",
                b"--b\r\n",
            ]
            return self.random.choice(TYPES), self.random.choice(broken)
        if api:
            return ("application/json" if wild < 0.9 else self.random.choice(TYPES)), json.dumps(self._json()).encode()
        pairs = [(name, self._text()) for name in self.random.sample(self.fields, min(12, len(self.fields)))]
        body = urlencode(pairs, errors="surrogatepass").encode()
        return ("application/x-www-form-urlencoded" if wild < 0.9 else self.random.choice(TYPES)), body


_HEADERS = {
    "HX-Request": ["true", "false", "é"],
    "HX-Boosted": ["true"],
    "HX-Current-URL": ["http://[", "x" * 5000, "%"],
    "HX-Target": ["preview", "\x80"],
    "Idempotency-Key": ["", "k" * 300, "é", "a b", "x" * 10_000],
    "Accept-Language": ["fr", "xx-" + "y" * 4000, "*;q=é"],
    "Cookie": ['console_session="\\000"; console_csrf=x', "a" * 5000, "=;=;", "console_session=é"],
    "Referer": ["http://[", "é" * 100],
    "Origin": ["null", "http://[", "https://evil.example"],
    "X-Forwarded-For": ["1.2.3.4, é", "x" * 5000],
    "X-Forwarded-Proto": ["https"],
    "Host": ["evil.example", "localhost:99999", "[", "é", "a" * 300],
    "Range": ["bytes=0-", "bytes=-1,é"],
    "If-Modified-Since": ["x", "Mon, 30 Feb 0000 99:99:99 GMT"],
    "X-HTTP-Method-Override": ["DELETE"],
    "Authorization": ["Bearer", "Bearer é", "Bearer " + "x" * 5000, "Basic ===", ""],
}


class Fuzzer:
    """A sender of requests. It reopens its connection when the server closes it, and counts the answers."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.statuses: Counter[int] = Counter()
        self.failures: list[str] = []

    def send(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> None:
        what = f"{method} {target[:300]} {headers} {body[:500]!r}"
        try:
            status = self._exchange(method, target, body, headers)
        except (OSError, http.client.HTTPException) as error:
            self.failures.append(f"{type(error).__name__}: {what}")
            self.connection.close()
            return
        self.statuses[status] += 1
        if status >= 500 and status != 501:
            self.failures.append(f"{status}: {what}")

    def _exchange(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> int:
        try:
            return self._ask(method, target, body, headers)
        except http.client.RemoteDisconnected:  # the connection was idle for too long
            self.connection.close()
            return self._ask(method, target, body, headers)

    def _ask(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> int:
        connection = self.connection
        connection.putrequest(method, target, skip_host="Host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value.encode("utf-8").replace(b"\r", b"").replace(b"\n", b""))
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        answer.read()
        return answer.status
