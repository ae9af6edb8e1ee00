"""Filters that draw a message's texts and colours as services do, for previews: `{{ text|chat_text:"slack" }}`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from hooks.formats import attachments, discord, pagerduty, teams

register = template.Library()

_TONES = {
    colour: outcome.value
    for colours in (attachments.COLOURS, discord.COLOURS, teams.COLOURS)
    for outcome, colour in colours.items()
}
_EMOJI = {"white_check_mark": "✅", "rotating_light": "🚨", "information_source": "ℹ️"}  # tags that ntfy draws
# What formats of ours write themselves; in anybody's data these signs are escaped.
_SLACK = re.compile(r"^\*(?P<strong>.+)\*$|<(?P<url>https?://[^|<>\s]+)\|(?P<name>[^<>]+)>", re.MULTILINE)
_MARKDOWN = re.compile(r"^\*\*(?P<strong>.+)\*\*$", re.MULTILINE)
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")


@register.filter
def chat_text(part: object, dialect: str) -> SafeString:
    """A text, or a text object of Slack's, as HTML.

    Dialects: slack; markdown, with entities, as in Mattermost; escaped, by backslashes alone, as in Discord and Teams;
    plain.
    """
    text, marked = part, True
    if isinstance(part, dict):
        text, marked = part.get("text", ""), part.get("type") == "mrkdwn"
    if dialect == "slack":
        return _render_html(str(text), _SLACK if marked else None, _escape_entities)
    if dialect == "markdown":
        return _render_html(str(text), _MARKDOWN, lambda escaped: _escape_entities(_unescape(escaped)))
    return format_html("{}", _unescape(str(text)) if dialect == "escaped" else str(text))


@register.filter
def tone(colour: object) -> str:
    """The class for a colour of an attachment, an embed or a card: good, bad or neutral."""
    return _TONES.get(colour, "neutral") if isinstance(colour, str | int) else "neutral"


@register.filter
def alert_tone(action: object) -> str:
    """Return the class for what a message does to an alert of PagerDuty: bad, good or nothing."""
    return {"trigger": "bad", "resolve": "good"}.get(str(action), "")


@register.filter
def emoji(tag: object) -> str:
    """Return the picture that ntfy draws for a tag; empty if it is a word."""
    return _EMOJI.get(str(tag), "")


@register.filter
def pairs(found: object) -> list[tuple[object, object]]:
    """The names and values of an object, whatever the names are: to a template `.items` may be one of them."""
    return list(found.items()) if isinstance(found, dict) else []


@register.filter
def is_ended(event_type: object) -> bool:
    """Return True if some event resolves the alert that this type opens in PagerDuty."""
    return pagerduty.has_resolving_event(str(event_type))


@register.filter
def chat_time(seconds: object) -> datetime | None:
    """The point in time that a message gives in seconds."""
    try:
        return datetime.fromtimestamp(int(str(seconds)), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _render_html(text: str, markup: re.Pattern[str] | None, read: Callable[[str], str]) -> SafeString:
    pieces: list[str] = []
    done = 0
    for found in markup.finditer(text) if markup else ():
        pieces.append(read(text[done : found.start()]))
        named = found.groupdict()
        if named["strong"]:
            pieces.append(format_html("<strong>{}</strong>", read(named["strong"])))
        else:
            url, name = read(named["url"]), read(named["name"])
            pieces.append(format_html('<a href="{}" rel="noopener noreferrer">{}</a>', url, name))
        done = found.end()
    pieces.append(read(text[done:]))
    return format_html_join("", "{}", ((piece,) for piece in pieces))


def _escape_entities(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _unescape(text: str) -> str:
    return _ESCAPE.sub(r"\1", text)
