"""Times, spans and numbers in words, by the formats of the active language; sentences are made where they are shown."""

from __future__ import annotations

from datetime import datetime, time

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext, ngettext, pgettext

MINUTE, HOUR, DAY = 60, 3600, 86400


def number(value: int) -> str:
    """Write a whole number with its thousands apart: "12,345", in French "12 345"."""
    return number_format(value, force_grouping=True)


def format_span(seconds: float) -> str:
    """Write a length of time in its largest unit: "12 s", "4 min", "3 h", "2 days"."""
    whole = round(seconds)
    if whole < MINUTE:
        return gettext("%(seconds)s s") % {"seconds": whole}
    if whole < HOUR:
        return gettext("%(minutes)s min") % {"minutes": whole // MINUTE}
    if whole < DAY:
        hours, minutes = whole // HOUR, whole % HOUR // MINUTE
        if minutes and hours < 6:
            return gettext("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": minutes}
        return gettext("%(hours)s h") % {"hours": hours}
    days = whole // DAY
    return ngettext("%(days)s day", "%(days)s days", days) % {"days": days}


def format_milliseconds(value: float) -> str:
    """Write a short time: "212 ms", "1.4 s"."""
    if value < 1000:
        return gettext("%(milliseconds)s ms") % {"milliseconds": f"{value:.0f}"}
    return gettext("%(seconds)s s") % {"seconds": number_format(value / 1000, 1)}


def format_relative(when: datetime, now: datetime) -> str:
    """Write a moment relative to now: "2 min ago", "in 4 min"; from seven days on the day itself."""
    seconds = (now - when).total_seconds()
    if abs(seconds) >= 7 * DAY:
        return date_format(timezone.localtime(when), "DATE_FORMAT")
    if abs(seconds) < 5:
        return gettext("just now") if seconds >= 0 else gettext("now")
    if seconds > 0:
        return gettext("%(span)s ago") % {"span": format_span(seconds)}
    return gettext("in %(span)s") % {"span": format_span(-seconds)}


def format_exact(when: datetime) -> str:
    """Write date and time to the second in the user's zone: "30 Nov 2026, 17:00:00 UTC"."""
    return date_format(timezone.localtime(when), pgettext("date format", "j M Y, H:i:s T"))


def format_clock(when: datetime) -> str:
    """Write the time of day to the second, with the day if it is not today."""
    local = timezone.localtime(when)
    is_today = local.date() == timezone.localdate()
    return date_format(local, "H:i:s" if is_today else pgettext("date format", "j M, H:i:s"))


def format_hour(when: datetime | time) -> str:
    """Write the time of day in the user's zone: "17:05"."""
    return date_format(timezone.localtime(when), "H:i") if isinstance(when, datetime) else f"{when:%H:%M}"


def format_hour_and_day(when: datetime) -> str:
    """Write the time of day, after the day if it is not today: "30 Nov, 17:05"."""
    local = timezone.localtime(when)
    is_today = local.date() == timezone.localdate()
    return date_format(local, "H:i" if is_today else pgettext("date format", "j M, H:i"))
