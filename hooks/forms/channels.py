"""The forms of a user's own channels. They only parse; `hooks.channels` checks the values."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from hooks.endpoints.options import mask_endpoint_url
from hooks.endpoints.validation import InvalidRule
from hooks.endpoints.webhooks import has_lost_secret
from hooks.formats import FORMATS
from hooks.forms.destination import DestinationForm, Radios
from hooks.forms.format_fields import OptionFields
from hooks.forms.hooks import Checkboxes
from hooks.models import Channel, Endpoint

_MORNING = time(8)
HIPCHAT = FORMATS["hipchat"]


class ChannelForm(forms.Form):
    """The common base of the forms of HipChat and of the webhook."""

    options: OptionFields

    @property
    @abstractmethod
    def format_name(self) -> str:
        """Return the name of the channel's format."""

    def get_values(self) -> dict[str, Any]:
        """Return the arguments for `channels.services.set_up`."""
        format = self.format_name
        url = str(self.cleaned_data.get("url", "")).strip()
        return {"url": url, "format": format, "options": self.options.get_typed(format)}

    def refuse(self, problem: InvalidRule) -> None:
        """Add the domain's problems to their fields, and those without a field to the form."""
        for name, message in problem.errors.items():
            option = self.options.get_field_name(self.format_name, name.removeprefix("options."))
            field = option if name.startswith("options.") else name
            self.add_error(field if field in self.fields else None, message)

    def propose_format(self) -> bool:
        return False


class HipChatForm(ChannelForm):
    """The form of a HipChat channel: API token, room and server."""

    url = forms.CharField(
        label=_("Base URL"),
        required=False,
        widget=forms.URLInput(attrs={"placeholder": HIPCHAT.default_url, "autocomplete": "off"}),
    )
    verdict: tuple[bool, str] | None = None

    def __init__(self, data: Any, *, endpoint: Endpoint | None) -> None:
        super().__init__(data, initial={"url": mask_endpoint_url(endpoint) if endpoint else ""})
        self.fields["url"].help_text = gettext(
            "The address of your HipChat server. If you leave it empty, it is %(address)s."
        ) % {"address": HIPCHAT.default_url}
        self.options = OptionFields(self)
        self.options.add(endpoint, lost=has_lost_secret(endpoint), formats=[HIPCHAT])
        self.order_fields([*self.options.names, "url"])

    @property
    def format_name(self) -> str:
        return HIPCHAT.name


class WebhookChannelForm(DestinationForm, ChannelForm):
    """The form of a webhook channel: a URL, and any format for webhooks."""

    field_order = ("url", "format")

    def __init__(self, data: Any, *, endpoint: Endpoint | None) -> None:
        initial = {"url": mask_endpoint_url(endpoint), "format": endpoint.format} if endpoint else {}
        super().__init__(data, initial=initial)
        self.ask_where(
            endpoint,
            verify_page=reverse("hooks:channel-verify", args=[Channel.Kind.WEBHOOK]),
            advice_page=reverse("hooks:channel-advice"),
        )

    @property
    def format_name(self) -> str:
        return str(self.cleaned_data.get("format") or "raw")


def build_form(kind: str, data: Any, endpoint: Endpoint | None) -> HipChatForm | WebhookChannelForm:
    """Return the form for a kind of channel that has an endpoint."""
    form_class = HipChatForm if kind == Channel.Kind.HIPCHAT else WebhookChannelForm
    return form_class(data, endpoint=endpoint)


# --- Quiet times ---------------------------------------------------------------------------------------------


def get_tomorrow_morning(now: datetime, zone: str) -> datetime:
    local = now.astimezone(ZoneInfo(zone))
    return datetime.combine(local.date() + timedelta(days=1), _MORNING, local.tzinfo)


class SnoozeForm(forms.Form):
    """The form of a snooze: channels and an end. `end` needs a valid form."""

    channels = forms.MultipleChoiceField(
        label=_("Channels"), widget=Checkboxes(), error_messages={"required": _("Choose at least one channel.")}
    )
    length = forms.ChoiceField(label=_("How long"), widget=Radios, initial="hour")
    until = forms.DateTimeField(
        label=_("Date and time"),
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
        error_messages={"invalid": _("Enter a date and a time, such as 2026-11-23 14:05.")},
    )

    def __init__(self, *args: Any, kinds: Sequence[tuple[str, str]], now: datetime, zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now, self.morning = now, get_tomorrow_morning(now, zone)
        self.fields["channels"].choices = kinds  # type: ignore[attr-defined]
        self.fields["length"].choices = [  # type: ignore[attr-defined]
            ("hour", gettext("For an hour")),
            ("tomorrow", gettext("Until tomorrow morning, %(time)s") % {"time": date_format(self.morning, "l H:i")}),
            ("until", gettext("Until the date and time below")),
        ]
        self.fields["until"].help_text = gettext("In your time zone, %(zone)s.") % {"zone": zone}
        if not self.is_bound:
            self.initial["channels"] = [kind for kind, _ in kinds]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        if found.get("length") == "until" and not found.get("until") and "until" not in self.errors:
            self.add_error("until", gettext("Enter the date and time at which the snooze ends."))
        return found

    def end(self) -> datetime:
        lengths = {"hour": self.now + timedelta(hours=1), "tomorrow": self.morning}
        return lengths.get(self.cleaned_data["length"]) or self.cleaned_data["until"]


class HoursForm(forms.Form):
    """The form of a channel's daily quiet hours: both times, or none."""

    begin = forms.TimeField(
        label=_("From"), required=False, widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"})
    )
    end = forms.TimeField(
        label=_("Until"), required=False, widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"})
    )

    def __init__(self, data: Any, channel: Channel) -> None:
        initial = {"begin": channel.quiet_from, "end": channel.quiet_until}
        super().__init__(data, prefix=channel.kind, initial=initial, use_required_attribute=False)
        self.channel = channel

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        begin, end = found.get("begin"), found.get("end")
        for name, given, other in (("begin", begin, end), ("end", end, begin)):
            if given is None and other is not None and name not in self.errors:
                self.add_error(name, gettext("Enter both times, or neither."))
        if begin is not None and begin == end:
            self.add_error("end", gettext("Quiet hours must end at another time than they begin."))
        return found

    def get_hours(self) -> tuple[time, time] | None:
        begin, end = self.cleaned_data["begin"], self.cleaned_data["end"]
        return (begin, end) if begin is not None and end is not None else None
