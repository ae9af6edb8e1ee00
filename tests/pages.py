"""Checks of every page: it sends the strict policy, and nothing in it needs an exception."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from django.test import Client

INLINE = re.compile(r"on[a-z]+")
_VERBATIM = re.compile(r"(<(pre|textarea|script|style)\b.*?</\2>)", re.DOTALL)
# Elements beside which white space is not shown. (Those that may stand in the middle of a sentence are not among them.)
_BLOCKS = (
    "article|aside|body|br|dd|details|div|dl|dt|fieldset|footer|form|h[1-6]|head|header|html|legend|li|link|main|meta|nav"
    "|noscript|ol|option|p|section|select|summary|table|tbody|td|th|thead|title|tr|ul"
)
_AROUND_BLOCKS = re.compile(rf" ?(</?(?:{_BLOCKS})\b[^>]*>) ?")


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
    html = read(response)
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert inline_parts(html) == []
    return html


def read(response: Any) -> str:
    """Return the HTML of a page without its layout: how the lines of a template are broken is nobody's concern."""
    parts = _VERBATIM.split(response.content.decode())
    # A part, then the element that stays as it is, then that element's name.
    for at in range(0, len(parts), 3):
        html = re.sub(r"\s+", " ", parts[at])
        parts[at] = re.sub(r"(<[^>]*) >", r"\1>", _AROUND_BLOCKS.sub(r"\1", html))
    return "".join(part for at, part in enumerate(parts) if at % 3 != 2)


def get(client: Client, path: str, status: int = 200) -> str:
    """Fetch a page, which must answer with `status` and be strict; return its HTML."""
    response = client.get(path)
    assert response.status_code == status, f"{path}: {response.status_code}"
    return assert_strict(response)
