"""Checks of every page: it sends the strict policy, and nothing in it needs an exception."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from django.test import Client

INLINE = re.compile(r"on[a-z]+")


class _Inline(HTMLParser):
    """A parser that collects what a strict policy refuses: style attributes and elements, inline scripts, handlers."""

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
    """Assert that a response is a page that works under the strict policy; return its HTML."""
    html = response.content.decode()
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert inline_parts(html) == []
    return html


def get(client: Client, path: str, status: int = 200) -> str:
    """Fetch a page, which must answer with `status` and be strict; return its HTML."""
    response = client.get(path)
    assert response.status_code == status, f"{path}: {response.status_code}"
    return assert_strict(response)
