"""`{{ text|service_html }}`: the HTML of a message for a chat service, as a page may show it."""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser

from django import template
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

_KEPT = {"a", "b", "br", "em", "i", "li", "p", "strong", "ul"}


class _Kept(HTMLParser):
    """Writes anew what it reads: the tags that messages use, without attributes but where links lead, and all text."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _KEPT:
            return
        address = dict(attrs).get("href") or ""
        if tag == "a" and address.startswith(("https://", "http://")):
            self.written.append(f'<a href="{escape(address)}" rel="noopener noreferrer">')
        else:
            self.written.append(f"<{tag}>")
        if tag != "br":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while tag in self._open:
            last = self._open.pop()
            self.written.append(f"</{last}>")
            if last == tag:
                break

    def handle_data(self, data: str) -> None:
        self.written.append(escape(data))

    def close(self) -> None:
        super().close()
        while self._open:
            self.written.append(f"</{self._open.pop()}>")


@register.filter
def service_html(text: object) -> SafeString:
    """Only a few tags are let through, so that a page shows a preview without trusting who wrote it."""
    kept = _Kept()
    kept.feed(str(text))
    kept.close()
    return mark_safe("".join(kept.written))  # noqa: S308  (escaped or written above, all of it)
