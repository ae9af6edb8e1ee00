"""Messages are turned into text for people: JSON is indented, mails are decoded, HTML becomes text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser

from django.utils.translation import gettext

from notifications_project import json_text


@dataclass(frozen=True)
class Part:
    """A readable part of a mail, named by `label`."""

    label: str
    text: str


@dataclass(frozen=True)
class Mail:
    subject: str
    headers: list[tuple[str, str]]
    parts: list[Part] = field(default_factory=list)


def read_mail(raw: bytes) -> Mail:
    """Return headers and readable parts of a mail; never raises, however broken the mail is."""
    try:
        return _read(message_from_bytes(raw, policy=policy.default))
    except Exception:  # the standard library's parsers raise anything on malformed input
        return Mail("", [], [Part(gettext("Not readable as an e-mail"), raw.decode(errors="replace"))])


def _read(message: EmailMessage) -> Mail:
    headers = [(name, _decode_header(message, name, str(value))) for name, value in message.raw_items()]
    parts = [_read_part(part) for part in message.walk() if not part.is_multipart()]
    return Mail(next((value for name, value in headers if name.lower() == "subject"), ""), headers, parts)


def read_body(body: bytes) -> tuple[str, str]:
    """Return a request's body as text, with a word for its kind; JSON is indented."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return gettext("Bytes"), body.hex(" ")
    try:
        return "JSON", json_text.indent(text)
    except ValueError:
        return gettext("Text"), text


def _decode_header(message: EmailMessage, name: str, raw: str) -> str:
    try:
        return str(message.policy.header_fetch_parse(name, raw))
    except Exception:  # else one bad header would hide the others
        return raw


def _read_part(part: EmailMessage) -> Part:
    kind = part.get_content_type()
    name = part.get_filename()
    if name or not kind.startswith("text/"):
        size = gettext("%(number)s bytes") % {"number": len(_read_content(part))}
        if name:
            return Part(gettext("Attachment %(name)s (%(kind)s)") % {"name": name, "kind": kind}, size)
        return Part(gettext("Attachment (%(kind)s)") % {"kind": kind}, size)
    try:
        text = str(part.get_content())
    except (LookupError, ValueError):  # an unknown charset, or bytes that do not fit it
        text = _read_content(part).decode("latin-1")
    if kind == "text/html":
        return Part(gettext("HTML, as text"), convert_html(text))
    return Part(gettext("Text"), text.strip())


def _read_content(part: EmailMessage) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def convert_html(html: str) -> str:
    reader = _TextOf()
    reader.feed(html)
    reader.close()
    lines = [re.sub(r"[ \t]+", " ", line).strip() for line in "".join(reader.text).splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _TextOf(HTMLParser):
    """An HTML parser that collects the visible text and the addresses of links."""

    UNSEEN = frozenset({"head", "style", "script", "title"})
    BLOCKS = frozenset({"p", "div", "br", "tr", "li", "h1", "h2", "h3", "table", "ul", "ol", "pre", "hr"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text: list[str] = []
        self.unseen = 0
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.UNSEEN:
            self.unseen += 1
        elif tag in self.BLOCKS:
            self.text.append("\n")
        elif tag == "a":
            self.links.append(dict(attrs).get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.UNSEEN:
            self.unseen = max(0, self.unseen - 1)
        elif tag in self.BLOCKS:
            self.text.append("\n")
        elif tag == "a" and self.links and (link := self.links.pop()):
            self.text.append(f" <{link}>")

    def handle_data(self, data: str) -> None:
        if not self.unseen:
            self.text.append(re.sub(r"\s+", " ", data))
