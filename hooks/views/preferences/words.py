"""Words of *My notifications* beside its grid: what is silent, what was disabled, what would have been sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext, ngettext

from hooks.audience.quiet_times import find_quiet_end
from hooks.channels.cards import describe_time
from hooks.models import Channel
from hooks.preferences.effective import EffectiveSettings
from hooks.preferences.last_days import DAYS, Told
from hooks.presentation.phrases import join_names
from notifications_project.words import number


def describe_quiet_channels(standing: EffectiveSettings, now: datetime) -> list[str]:
    """Return text such as "HipChat and iOS are snoozed until 14:05", one for each time."""
    silent: dict[tuple[bool, datetime], list[str]] = defaultdict(list)
    zone = standing.user.time_zone
    for kind in Channel.Kind:
        channel = standing.channels.get(kind)
        until = find_quiet_end(channel, zone, now) if channel else None
        if channel and until:
            is_snoozed = channel.snoozed_until is not None and channel.snoozed_until > now
            silent[is_snoozed, until].append(str(kind.label))
    return [
        _describe_quiet(is_snoozed, len(labels))
        % {"channels": join_names(labels), "time": describe_time(until, zone, now)}
        for (is_snoozed, until), labels in silent.items()
    ]


def _describe_quiet(is_snoozed: bool, channels: int) -> str:
    if is_snoozed:
        return ngettext("%(channels)s is snoozed until %(time)s", "%(channels)s are snoozed until %(time)s", channels)
    return ngettext("%(channels)s is quiet until %(time)s", "%(channels)s are quiet until %(time)s", channels)


def list_disabled_channels(standing: EffectiveSettings) -> list[str]:
    """Return the names of the channels whose endpoint was disabled."""
    return [
        str(Channel.Kind(kind).label)
        for kind, channel in standing.channels.items()
        if channel.endpoint and channel.endpoint.disabled_at
    ]


@dataclass(frozen=True)
class WouldHave:
    """A sentence about the last days; `some`: there is something to see."""

    text: str
    some: bool


def describe_would_have(told: Told) -> WouldHave:
    """Return text such as "In the last 7 days this would have sent you 23 e-mails and 4 pushes."."""
    if not told.happened:
        return WouldHave(gettext("In the last %(days)s days nothing happened.") % {"days": DAYS}, some=False)
    sent = _count_messages(told.by_channel)
    if not sent:
        words = gettext("In the last %(days)s days this would have sent you nothing.")
        return WouldHave(words % {"days": DAYS}, some=False)
    if told.more:
        words = gettext("In the last %(days)s days this would have sent you at least %(messages)s.")
    else:
        words = gettext("In the last %(days)s days this would have sent you %(messages)s.")
    return WouldHave(words % {"days": DAYS, "messages": join_names(sent)}, some=True)


def _count_messages(by_channel: Mapping[str, int]) -> list[str]:
    """Return text such as "23 e-mails" for each channel that would have carried any."""
    found = []
    for kind in Channel.Kind:
        count = by_channel.get(kind, 0)
        if count:
            found.append(_describe_messages(kind, count) % {"number": number(count)})
    return found


def _describe_messages(kind: Channel.Kind, count: int) -> str:
    if kind == Channel.Kind.EMAIL:
        return ngettext("%(number)s e-mail", "%(number)s e-mails", count)
    if kind == Channel.Kind.IOS:
        return ngettext("%(number)s push", "%(number)s pushes", count)
    if kind == Channel.Kind.HIPCHAT:
        return ngettext("%(number)s HipChat message", "%(number)s HipChat messages", count)
    return ngettext("%(number)s webhook call", "%(number)s webhook calls", count)
