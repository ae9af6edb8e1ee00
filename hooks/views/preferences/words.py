"""Words of *My notifications* beside its grid: what is silent, what was stopped, what would have been sent."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from hooks.audience.quiet_times import quiet_until
from hooks.models import Channel
from hooks.preferences.effective import EffectiveSettings
from hooks.preferences.last_days import DAYS, Told
from hooks.presentation.phrases import join_names
from notifications_project.words import plural

_MESSAGES = {
    Channel.Kind.EMAIL: "e-mail,e-mails",
    Channel.Kind.IOS: "push,pushes",
    Channel.Kind.HIPCHAT: "HipChat message,HipChat messages",
    Channel.Kind.WEBHOOK: "webhook call,webhook calls",
}


def quiet_channels(standing: EffectiveSettings, now: datetime) -> list[str]:
    """Return text such as "HipChat and iOS are snoozed until 14:05", one for each time."""
    silent: dict[tuple[str, datetime], list[str]] = defaultdict(list)
    for kind in Channel.Kind:
        channel = standing.channels.get(kind)
        until = quiet_until(channel, standing.user.time_zone, now) if channel else None
        if channel and until:
            snoozed = channel.snoozed_until is not None and channel.snoozed_until > now
            silent["snoozed" if snoozed else "quiet", until].append(str(kind.label))
    return [
        f"{join_names(labels)} {'is' if len(labels) == 1 else 'are'} {how} until {_when(until, now)}"
        for (how, until), labels in silent.items()
    ]


def stopped_channels(standing: EffectiveSettings) -> list[str]:
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


def would_have(told: Told) -> WouldHave:
    """Return text such as "In the last 7 days this would have sent you 23 e-mails and 4 pushes."."""
    days = f"In the last {DAYS} days"
    if not told.happened:
        return WouldHave(f"{days} nothing happened.", some=False)
    sent = [plural(told.by_channel[kind], words) for kind, words in _MESSAGES.items() if told.by_channel[kind]]
    if not sent:
        return WouldHave(f"{days} this would have sent you nothing.", some=False)
    return WouldHave(
        f"{days} this would have sent you {'at least ' if told.more else ''}{join_names(sent)}.", some=True
    )


def _when(until: datetime, now: datetime) -> str:
    local = timezone.localtime(until)
    day = "" if local.date() == timezone.localdate(now) else f"{local:%a} {local.day} {local:%b}, "
    return f"{day}{local:%H:%M}"
