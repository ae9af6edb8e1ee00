"""Tags and filters of every page; they are built in, no `{% load %}` needed."""

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

from notifications_project import json_text
from notifications_project.mail.unlinking import unlinked
from notifications_project.masking import mask

register = template.Library()

register.filter("unlinked", unlinked)

MINUTE, HOUR, DAY = 60, 3600, 86400


class Named(Protocol):
    """Something with an id for addresses: an organization."""

    @property
    def public_id(self) -> str: ...


@register.simple_tag
def icon(name: str) -> SafeString:
    """`{% icon "bell" %}`: a symbol of sprite.svg. It is decoration; the text beside it says what it means."""
    return format_html('<svg class="i" aria-hidden="true"><use href="{}#{}"/></svg>', static("sprite.svg"), name)


@register.simple_tag
def moment(when: datetime | None, never: str = "never") -> SafeString | str:
    """`{% moment event.occurred_at %}`: how long ago (or until), with the exact time on hover."""
    if when is None:
        return never
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', when.isoformat(), exact(when), relative(when, timezone.now())
    )


def relative(when: datetime, now: datetime) -> str:
    """How far away: "2 min ago", "in 4 min", and the day itself when that is far away."""
    seconds = (now - when).total_seconds()
    if abs(seconds) >= 7 * DAY:
        local = timezone.localtime(when)
        return f"{local.day} {local:%b %Y}"
    if abs(seconds) < 5:
        return "just now" if seconds >= 0 else "now"
    return f"{span(seconds)} ago" if seconds > 0 else f"in {span(-seconds)}"


def span(seconds: float) -> str:
    """A length of time in its largest unit: "12 s", "4 min", "3 h", "2 days"."""
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min"
    if whole < DAY:
        hours, minutes = whole // HOUR, whole % HOUR // MINUTE
        return f"{hours} h {minutes} min" if minutes and hours < 6 else f"{hours} h"
    days = whole // DAY
    return f"{days} day" if days == 1 else f"{days} days"


@register.filter
def exact(when: datetime | None) -> str:
    """Date and time to the second in the user's zone."""
    if when is None:
        return ""
    local = timezone.localtime(when)
    return f"{local.day} {local:%b %Y, %H:%M:%S %Z}"


@register.filter
def clock(when: datetime | None) -> str:
    """The time of day to the second; with the day when that is not today."""
    if when is None:
        return ""
    local = timezone.localtime(when)
    today = local.date() == timezone.localdate()
    return f"{local:%H:%M:%S}" if today else f"{local.day} {local:%b, %H:%M:%S}"


@register.filter
def masked(value: object) -> str:
    """Secrets as dots: `https://••••••@example.org/in?••••••`, `whse••••••`."""
    return mask(str(value or ""))


@register.filter
def breakable(address: object) -> SafeString:
    """An address that lines may break after its slashes, and before its query: not inside a port."""
    parts = re.split(r"(?<=/)(?!/)|(?=[?@])", str(address or ""))
    return format_html_join(mark_safe("<wbr>"), "{}", ((part,) for part in parts if part))


@register.filter
def milliseconds(value: float | None) -> str:
    """`212 ms`, `1.4 s`."""
    if value is None:
        return ""
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"


@register.filter
def pretty(value: Any) -> str:
    """JSON (as text or as data) with two spaces of indentation; anything else as it is."""
    try:
        return json_text.indent(value) if isinstance(value, str) else json_text.write(value)
    except ValueError:
        return str(value)


@register.filter
def initials(name: object) -> str:
    """At most two letters for the tile of an organization."""
    words = [word for word in str(name).split() if word[0].isalnum()]
    letters = [word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)]
    return "".join(letters).upper()


@register.filter
def plural(count: int, forms: str) -> str:
    """`{{ n|plural:"delivery,deliveries" }}`: the number and the right word."""
    one, many = forms.split(",")
    return f"{count:,} {one if count == 1 else many}"


@register.inclusion_tag("components/nav_link.html", takes_context=True)
def nav_link(
    context: RequestContext, name: str, symbol: str, label: str, owner: Named | None = None, **options: Any
) -> dict[str, Any]:
    """A link of the side navigation. `under`: the path words below the organization (or `/`) where it is current.

    `but`: those further below of which another link is for.
    """
    request: HttpRequest = context["request"]
    try:
        href = reverse(name, args=[owner.public_id] if owner else [])
    except NoReverseMatch:
        href = ""
    words = [word for word in request.path.split("/") if word]
    if owner:
        here = set(words[2:3]) if words[:1] == ["organizations"] else set()
    else:
        here = {"/".join(words[:deep]) for deep in (1, 2, 3)}
    return {
        "href": href,
        "symbol": symbol,
        "label": label,
        "count": options.get("count"),
        "current": not here.isdisjoint(options.get("under", "").split()) and options.get("but") not in here,
    }
