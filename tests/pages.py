"""What holds for every page: the policy is sent, and nothing in the page needs an exception from it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from django.test import Client

INLINE = re.compile(r"on[a-z]+")


class _Inline(HTMLParser):
    """Collects what a strict policy refuses: style attributes and elements, scripts without src, on… handlers."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in given):
            self.found.append(f"<{tag}>")
        self.found += [f"<{tag} {name}>" for name in given if name == "style" or INLINE.fullmatch(name)]
        self.found += [f"<{tag} {name}>" for name, value in attrs if (value or "").strip().startswith("javascript:")]


def inline_parts(html: str) -> list[str]:
    parser = _Inline()
    parser.feed(html)
    return parser.found


def assert_strict(response: Any) -> str:
    """The response is a page that works under the strict policy; gives its HTML."""
    html = response.content.decode()
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert inline_parts(html) == []
    return html


def get(client: Client, path: str, status: int = 200) -> str:
    """Fetch a page, which must answer with `status` and be strict; gives its HTML."""
    response = client.get(path)
    assert response.status_code == status, f"{path}: {response.status_code}"
    return assert_strict(response)
