"""The facts that the tab *Channels* shows of each channel of a user."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import QuerySet
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext, pgettext

from events import catalogue
from hooks.audience.quiet_times import find_quiet_end
from hooks.channels import channel_deliveries, services
from hooks.endpoints import devices
from hooks.endpoints.webhooks import has_lost_secret, has_lost_url
from hooks.formats import FORMATS
from hooks.formats.base import CA_CERTIFICATES, get_authorities
from hooks.models import Channel, Delivery, Device, Endpoint
from hooks.presentation import conditions, delivery_sentences, phrases
from hooks.presentation.conditions import Badge, Condition, ConditionBadge, make_badge
from hooks.preview.verifying import can_verify
from notifications_project.accounts.models import User
from notifications_project.encryption import Unreadable
from notifications_project.masking import DOTS, mask
from notifications_project.words import format_span, number

Kind = Channel.Kind
SYMBOLS = {Kind.EMAIL: "mail", Kind.IOS: "phone", Kind.HIPCHAT: "chat", Kind.WEBHOOK: "hook"}
RECENT = 5  # deliveries of each
_SECRET_SHOWN = len("whsec_") + 4


@dataclass(frozen=True)
class Line:
    """A delivery of the user's own, in words."""

    delivery: Delivery
    label: str
    badge: Badge
    state: str


class FactKind(StrEnum):
    TEXT = "text"
    NAME = "name"  # what people or services call something: it is never translated
    CODE = "code"  # to be read letter by letter: a URL, a token
    ADDRESS = "address"  # the user's own e-mail address


@dataclass(frozen=True)
class Fact:
    """A line of a card: `kind` says how its value is shown."""

    label: str
    value: str
    kind: FactKind = FactKind.CODE


@dataclass(frozen=True)
class Card:
    """A channel with everything that its card says. `channel` of one that is not set up has no endpoint."""

    channel: Channel
    there: bool
    state: ConditionBadge
    facts: list[Fact]
    quiet: str  # "Snoozed until 14:05, 3 wait"
    hours: str  # "Quiet each day from 22:00 until 07:00"
    trouble: str
    waiting: int
    devices: list[Device] = field(default_factory=list)
    stopped: list[Endpoint] = field(default_factory=list)  # e-mail: where the mail server refuses the address
    recent: list[Line] = field(default_factory=list)
    signed: bool = False
    secret_lost: bool = False
    url_lost: bool = False
    verifiable: bool = False

    @property
    def kind(self) -> str:
        return self.channel.kind

    @property
    def label(self) -> str:
        return str(self.channel.get_kind_display())

    @property
    def symbol(self) -> str:
        return SYMBOLS[Kind(self.kind)]

    @property
    def endpoint(self) -> Endpoint | None:
        return self.channel.endpoint


def list_cards(user: User, now: datetime, workers: Callable[[], bool]) -> list[Card]:
    """Return the cards of all kinds of channels, set up or not. `workers` says whether any worker is running."""
    there = services.list_channels(user)
    recent = channel_deliveries.find_recent(user, channel_deliveries.find_endpoints_by_kind(user), RECENT)
    return [
        build_card(
            there.get(kind) or Channel(user=user, kind=kind), now, build_lines(recent.get(kind, []), now, workers)
        )
        for kind in Kind.values
    ]


def build_card(channel: Channel, now: datetime, recent: list[Line] | None = None) -> Card:
    """Return the card of a user's channel of one kind. A channel that is not set up has no row."""
    endpoint = channel.endpoint
    waiting = services.find_waiting(channel).count()
    mine = list(_find_devices(channel.user)) if channel.kind == Kind.IOS else []
    there = _is_there(channel, mine)
    known = FORMATS.get(endpoint.format) if endpoint else None
    return Card(
        channel=channel,
        there=there,
        state=_choose_state(channel, there, now),
        facts=_list_facts(channel),
        quiet=describe_quiet(channel, waiting, now),
        hours=describe_hours(channel),
        trouble=_describe_trouble(channel, endpoint, waiting, now) if endpoint else "",
        waiting=waiting,
        devices=mine,
        stopped=list(_find_refusing(channel)) if channel.kind == Kind.EMAIL else [],
        recent=recent or [],
        signed=known is not None and known.signed,
        secret_lost=has_lost_secret(endpoint),
        url_lost=has_lost_url(endpoint),
        verifiable=endpoint is not None and can_verify(endpoint.format),
    )


def build_lines(deliveries: Sequence[Delivery], now: datetime, workers: Callable[[], bool]) -> list[Line]:
    """Return the user's own deliveries as their list shows them."""
    return [
        Line(
            delivery=delivery,
            label=catalogue.get_label(delivery.event.type),
            badge=delivery_sentences.make_delivery_badge(delivery.state),
            state=delivery_sentences.describe_state(delivery, now, workers),
        )
        for delivery in deliveries
    ]


def describe_target(delivery: Delivery) -> str:
    """Return what a delivery of the user's own goes to: "your e-mail address", "your HipChat channel", a device."""
    endpoint = delivery.endpoint
    if endpoint.kind == Endpoint.Kind.EMAIL:
        return gettext("your e-mail address")
    if endpoint.kind == Endpoint.Kind.DEVICE:
        device = Device.objects.filter(endpoint=endpoint).first()
        return (
            gettext("your device %(name)s") % {"name": device.name} if device else gettext("a former device of yours")
        )
    channel = Channel.objects.filter(endpoint=endpoint).first()
    if channel is None:
        return gettext("a former channel of yours")
    return gettext("your %(name)s channel") % {"name": channel.get_kind_display()}


# --- In words ------------------------------------------------------------------------------------------------


def describe_quiet(channel: Channel, waiting: int, now: datetime) -> str:
    """Return until when it is quiet, and what waits: "Snoozed until 14:05, 3 wait". Empty if it is not quiet."""
    until = find_quiet_end(channel, channel.user.time_zone, now)
    if until is None:
        return ""
    is_snoozed = channel.snoozed_until is not None and channel.snoozed_until > now
    if not waiting and is_snoozed:
        words = gettext("Snoozed until %(time)s, nothing waits")
    elif not waiting:
        words = gettext("Quiet hours until %(time)s, nothing waits")
    elif is_snoozed:
        words = ngettext("Snoozed until %(time)s, %(number)s waits", "Snoozed until %(time)s, %(number)s wait", waiting)
    else:
        words = ngettext(
            "Quiet hours until %(time)s, %(number)s waits", "Quiet hours until %(time)s, %(number)s wait", waiting
        )
    return words % {"time": describe_time(until, channel.user.time_zone, now), "number": number(waiting)}


def describe_hours(channel: Channel) -> str:
    """Return the daily quiet hours in words; empty if there are none."""
    if channel.quiet_from is None or channel.quiet_until is None:
        return ""
    hours = {"begin": f"{channel.quiet_from:%H:%M}", "end": f"{channel.quiet_until:%H:%M}"}
    return gettext("Quiet each day from %(begin)s until %(end)s") % hours


def describe_time(when: datetime, zone: str, now: datetime) -> str:
    """Return a time to come: "14:05", "tomorrow 08:00", "Monday 23 Nov, 08:00"."""
    local, today = when.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone)).date()
    days = (local.date() - today).days
    if days == 0:
        return date_format(local, "H:i")
    if days == 1:
        return gettext("tomorrow %(time)s") % {"time": date_format(local, "H:i")}
    return date_format(local, pgettext("date format", "l j M, H:i"))


def _choose_state(channel: Channel, there: bool, now: datetime) -> ConditionBadge:
    endpoint = channel.endpoint
    if channel.kind == Kind.IOS and not settings.PUSH_CONFIGURED:
        return make_badge(Condition.NOT_AVAILABLE, devices.explain_no_push())
    if not there:
        return make_badge(Condition.NOT_SET_UP)
    if endpoint and endpoint.disabled_at:
        return make_badge(Condition.ENDPOINT_DISABLED, endpoint.disabled_reason)
    if endpoint and conditions.has_lost_secret(endpoint):
        return conditions.make_secret_lost_badge()
    if endpoint and endpoint.failing_since:
        return make_badge(Condition.FAILING, endpoint.last_answer)
    if find_quiet_end(channel, channel.user.time_zone, now):
        return make_badge(Condition.QUIET)
    return conditions.find_endpoint_condition(endpoint) if endpoint else make_badge(Condition.ON)


def _describe_trouble(channel: Channel, endpoint: Endpoint, waiting: int, now: datetime) -> str:
    """Return what is wrong with the channel, if anything is, and what becomes of waiting deliveries."""
    if not endpoint.disabled_at and not endpoint.failing_since:
        return ""
    if endpoint.disabled_at:
        problem = gettext("%(channel)s was disabled.") % {"channel": channel.get_kind_display()}
        reason = endpoint.disabled_reason.rstrip(".")
        waits = phrases.count_waiting_for_enabling(waiting)
    else:
        assert endpoint.failing_since
        told = {
            "channel": channel.get_kind_display(),
            "time": format_span((now - endpoint.failing_since).total_seconds()),
        }
        problem = gettext("%(channel)s has been failing for %(time)s.") % told
        reason = endpoint.last_answer.rstrip(".")
        waits = phrases.count_waiting(waiting)
    return " ".join(filter(None, [problem, f"{reason}." if reason else "", waits]))


def _list_facts(channel: Channel) -> list[Fact]:
    endpoint = channel.endpoint
    if channel.kind == Kind.EMAIL:
        return [Fact(gettext("Address"), channel.user.email, FactKind.ADDRESS)]
    if endpoint is None:
        return []
    if channel.kind == Kind.HIPCHAT:
        options = endpoint.options
        version = FORMATS["hipchat"].options[-1]
        return [
            Fact(gettext("API token"), str(options.get("token", ""))),
            Fact(gettext("Room"), str(options.get("room", "")), FactKind.NAME),
            Fact(gettext("Base URL"), phrases.show_address(endpoint)),
            Fact(
                gettext(version.label),
                _translate(dict(version.choices).get(str(options.get(version.name, version.default)), "")),
                FactKind.TEXT,
            ),
        ]
    known = FORMATS.get(endpoint.format)
    facts = [
        Fact(gettext("URL"), phrases.show_address(endpoint)),
        Fact(gettext("Format"), known.label if known else endpoint.format, FactKind.NAME),
    ]
    if known:
        labels = {option.name: gettext(option.label) for option in known.all_options}
        shown = {**endpoint.options} | (
            {CA_CERTIFICATES.name: gettext("given")} if get_authorities(endpoint.options) else {}
        )
        facts += [Fact(labels.get(name, name), str(value)) for name, value in shown.items()]
        facts += [Fact(gettext("Signing secret"), _show_secret_beginning(endpoint))] if known.signed else []
    return facts


def _translate(text: str) -> str:
    """Return a text in the active language. The empty text stays empty: gettext would return its own header."""
    return gettext(text) if text else ""


def _show_secret_beginning(endpoint: Endpoint) -> str:
    if isinstance(endpoint.secrets, Unreadable):
        return gettext("cannot be read")
    keys = endpoint.secrets.get("signing", [])
    return f"{keys[0]['key'][:_SECRET_SHOWN]}{DOTS}" if keys else mask("")


def _is_there(channel: Channel, mine: list[Device]) -> bool:
    if channel.kind == Kind.IOS:
        return bool(mine)
    return channel.kind == Kind.EMAIL or channel.endpoint is not None


def _find_devices(user: User) -> QuerySet[Device]:
    return Device.objects.filter(user=user).select_related("endpoint").defer("endpoint__secrets").order_by("name", "pk")


def _find_refusing(channel: Channel) -> QuerySet[Endpoint]:
    refused = services.find_endpoints(channel).filter(disabled_at__isnull=False)
    return refused.select_related("organization").defer("secrets").order_by("organization__name")
