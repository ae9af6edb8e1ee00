"""Tags and filters of every page; settings make them built-in, so that no page needs to load them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Protocol

from django import template
from django.http import HttpRequest
from django.template.context import RequestContext
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from notifications_project import json_text, words
from notifications_project.mail.unlinking import unlink
from notifications_project.masking import mask

register = template.Library()

register.filter("unlinked", unlink)


class Named(Protocol):
    """An object with a public id for addresses, such as an organization."""

    @property
    def public_id(self) -> str: ...


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw a symbol of sprite.svg, as decoration beside a text that says the same: `{% icon "bell" %}`."""
    return format_html('<svg class="i" aria-hidden="true"><use href="{}#{}"/></svg>', static("sprite.svg"), name)


@register.simple_tag
def manual(slug: str, anchor: str) -> str:
    """Return the address of a section of the manual: `{% manual "webhooks" "signatures" %}`."""
    return f"{reverse('manual:page', args=[slug])}#{anchor}"


@register.simple_tag
def note_icon(tone: str) -> SafeString:
    """Show the symbol of a note: `{% note_icon "good" %}`."""
    return icon({"good": "check", "info": "info"}.get(tone, "warn"))


@register.simple_tag
def moment(when: datetime | None, never: str = "") -> SafeString | str:
    """Show a time relative to now, with the exact time on hover: `{% moment event.occurred_at %}`."""
    if when is None:
        return never or gettext("never")
    text = words.format_relative(when, timezone.now())
    return format_html('<time datetime="{}" title="{}">{}</time>', when.isoformat(), words.format_exact(when), text)


@register.filter
def exact(when: datetime | None) -> str:
    """Return date and time to the second in the user's zone."""
    return words.format_exact(when) if when else ""


@register.filter
def clock(when: datetime | None) -> str:
    """Return the time of day to the second, with the day if it is not today."""
    return words.format_clock(when) if when else ""


@register.filter
def masked(value: object) -> str:
    """Return a value with its secrets as dots: `https://••••••@example.org/in?••••••`, `whse••••••`."""
    return mask(str(value or ""))


@register.filter
def breakable(address: object) -> SafeString:
    """Let an address break after its slashes and before its query, not within a port."""
    parts = re.split(r"(?<=/)(?!/)|(?=[?@])", str(address or ""))
    return format_html_join(mark_safe("<wbr>"), "{}", ((part,) for part in parts if part))


@register.filter
def milliseconds(value: float | None) -> str:
    """Return milliseconds with their unit: `212 ms`, `1.4 s`."""
    return "" if value is None else words.format_milliseconds(value)


@register.filter
def pretty(value: Any) -> str:
    """Return JSON, given as text or as data, indented by two spaces; any other text as it is."""
    try:
        return json_text.indent(value) if isinstance(value, str) else json_text.write(value)
    except ValueError:
        return str(value)


@register.filter
def initials(name: object) -> str:
    """Return at most two letters for the tile of an organization."""
    parts = [word for word in str(name).split() if word[0].isalnum()]
    letters = [word[0] for word in (parts[:1] + parts[-1:] if len(parts) > 1 else parts)]
    return "".join(letters).upper()


@register.inclusion_tag("components/nav_link.html", takes_context=True)
def nav_link(
    context: RequestContext, name: str, symbol: str, label: str, owner: Named | None = None, **options: Any
) -> dict[str, Any]:
    """Draw a link of the side navigation.

    The link is current on pages whose path, below the organization or `/`, begins with a word of `under`; except those
    that begin with `but`, for which there is another link.
    """
    request: HttpRequest = context["request"]
    try:
        href = reverse(name, args=[owner.public_id] if owner else [])
    except NoReverseMatch:
        href = ""
    path = [word for word in request.path.split("/") if word]
    if owner:
        here = set(path[2:3]) if path[:1] == ["organizations"] else set()
    else:
        here = {"/".join(path[:deep]) for deep in (1, 2, 3)}
    return {
        "href": href,
        "symbol": symbol,
        "label": label,
        "count": options.get("count"),
        "current": not here.isdisjoint(options.get("under", "").split()) and options.get("but") not in here,
    }
