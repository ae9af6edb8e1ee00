"""Finds what a page says without a translation: every translated text is wrapped in ⟦…⟧, the rest has to be data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from http import HTTPStatus

import pytest
from django.utils import translation

_FUNCTIONS = ("gettext", "pgettext", "ngettext", "npgettext")
_ATTRIBUTES = ("title", "aria-label", "aria-description", "placeholder", "alt", "label")
_NO_TEXT = {"script", "style", "code", "pre", "kbd", "samp", "textarea", "svg"}
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_INLINE = {"a", "abbr", "b", "br", "em", "i", "small", "span", "strong", "time", "wbr"}
# Texts that need no translation anywhere: addresses, ids, names of event types, times, numbers with their unit, and
# the status lines of HTTP.
_STATUS_LINES = "|".join(f"{status.value} {status.phrase}" for status in HTTPStatus)
_DATA = re.compile(
    rf"\b(?i:{_STATUS_LINES})\b|"
    r"\S+@\S+|https?://\S+|\b[a-z]{2,8}_[0-9a-f…-]+|\b[a-z]+(?:[._][a-z]+)+\b|\b[A-Z]\w+(?:/[\w -]+)+|"
    r"\bUTC\b|\b[A-Z]{3,4}T\b|\d+(?:[.,:]\d+)*\s?(?:ms|s|min|h|kB|MB)\b|•+"
)
_ADDRESS = re.compile(r"https?://\S+")
_WORD = re.compile(r"[^\W\d_]{2,}")


def wrap_translations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Django wrap whatever it translates, its own texts and those of libraries too."""

    def wrap(text: str) -> str:
        return f"⟦{text}⟧" if text else text

    replaced = {
        "gettext": wrap,
        "pgettext": lambda context, text: wrap(text),
        "ngettext": lambda one, many, number: wrap(one if number == 1 else many),
        "npgettext": lambda context, one, many, number: wrap(one if number == 1 else many),
    }
    functions = vars(translation)["_trans"]
    for name in _FUNCTIONS:
        getattr(functions, name)  # they are read from the module at the first use
        monkeypatch.setattr(functions, name, replaced[name])


class _Texts(HTMLParser):
    """Collects what people read, and leaves out what is inside ⟦…⟧, across tags too."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._skipped: list[str] = []  # open elements, from the one that is left out
        self._depth = 0
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if self._skipped:
            if tag not in _VOID:
                self._skipped.append(tag)
            return
        if tag == "br":
            self._text += " "
        if tag not in _INLINE:
            self._end_block()
        another_language = tag != "html" and bool(given.get("lang"))
        if tag in _NO_TEXT or given.get("translate") == "no" or another_language:
            if tag not in _VOID:
                self._skipped.append(tag)
            return
        read = [given[name] for name in _ATTRIBUTES if name in given]
        if tag == "input" and given.get("type") in {"submit", "button", "reset"}:
            read.append(given.get("value", ""))
        for text in read:
            self.found.append(outside(text)[0])

    def handle_endtag(self, tag: str) -> None:
        if self._skipped:
            if tag in self._skipped:
                while self._skipped.pop() != tag:
                    pass
        elif tag not in _INLINE:
            self._end_block()

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            text, self._depth = outside(data, self._depth)
            self._text += text

    def close(self) -> None:
        super().close()
        self._end_block()

    def _end_block(self) -> None:
        """End a paragraph: a translation that was cut short must not hide the rest of the page."""
        self.found.append(self._text)
        self._text, self._depth = "", 0


def outside(text: str, depth: int = 0) -> tuple[str, int]:
    """Give what of a text is in no ⟦…⟧, and how deep inside its end is."""
    kept = []
    for character in text:
        if character == "⟦":
            depth += 1
        elif character == "⟧":
            depth = max(depth - 1, 0)
        elif not depth:
            kept.append(character)
    return "".join(kept), depth


def find_untranslated(html: str, data: set[str]) -> list[str]:
    """List the texts of a page that are neither translated nor data."""
    parser = _Texts()
    parser.feed(html)
    parser.close()
    return list(_remaining(parser.found, data))


def find_untranslated_lines(text: str, data: set[str]) -> list[str]:
    """List the lines of a plain text that are neither translated nor data."""
    return list(_remaining(outside(text)[0].splitlines(), data))


def _remaining(texts: list[str], data: set[str]) -> Iterator[str]:
    for text in texts:
        rest = _ADDRESS.sub(" ", text)  # whole: a known name may be a part of it
        for known in sorted(data, key=len, reverse=True):
            rest = rest.replace(known, " ")
        rest = _DATA.sub(" ", rest)
        if _WORD.search(rest):
            yield " ".join(text.split())
