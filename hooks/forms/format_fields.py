"""What the form of a webhook asks for each format: made from what the formats declare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.forms.boundfield import BoundField, BoundWidget

from hooks.formats import FORMATS, Format, Option, proposed_for, webhook_formats
from hooks.formats.base import CA_CERTIFICATES
from hooks.models import Endpoint


@dataclass(frozen=True)
class Advice:
    """What a URL says about its format, and a format about its URL."""

    url: str
    format: str

    @property
    def proposed(self) -> Format | None:
        """The format that the URL is most likely meant for."""
        return proposed_for(self.url)

    @property
    def followed(self) -> bool:
        return self.proposed is not None and self.proposed.name == self.format

    @property
    def chosen(self) -> Format | None:
        return FORMATS.get(self.format)

    @property
    def default_url(self) -> str:
        """Where it goes while no URL is given."""
        return self.chosen.default_url if self.chosen and not self.url else ""


@dataclass(frozen=True)
class Offer:
    """A format as the form offers it: its radio button and its own fields."""

    format: Format
    radio: BoundWidget
    fields: list[BoundField]
    authority: BoundField | None  # who vouches for a server of one's own


@dataclass
class _Asked:
    """One option in the form: under which names, and the secret that is stored for it, masked."""

    option: Option
    field: str
    stored: str = ""
    removed: str = ""  # the checkbox that ends what is stored; empty if there is none


@dataclass
class OptionFields:
    """The fields of all formats in one form; only those of the chosen format count."""

    form: forms.Form
    asked: dict[str, list[_Asked]] = field(default_factory=dict)  # by format

    def add(self, endpoint: Endpoint | None, *, lost: bool, formats: Sequence[Format] = ()) -> None:
        """`endpoint`: the one that is edited. `lost`: whether its secrets cannot be read any more.

        `formats`: those to ask about, if not all.
        """
        for known in formats or webhook_formats():
            stands = endpoint.options if endpoint and endpoint.format == known.name else {}
            self.asked[known.name] = [
                self._add(f"option_{known.name}_{option.name}", option, stands, lost=lost)
                for option in known.all_options
            ]

    def _add(self, name: str, option: Option, stands: Mapping[str, Any], *, lost: bool) -> _Asked:
        value = str(stands.get(option.name) or "")
        asked = _Asked(option, name, stored=value if option.secret and not lost else "")
        self.form.fields[name] = _field(option, asked.stored)
        self.form.initial[name] = "" if option.secret else value or option.default
        if asked.stored and not option.required:
            asked.removed = f"{name}_remove"
            label = f"Remove the stored {option.label[:1].lower()}{option.label[1:]}"
            self.form.fields[asked.removed] = forms.BooleanField(label=label, required=False)
        return asked

    @property
    def names(self) -> list[str]:
        """All fields, of whatever format."""
        every = [asked for fields in self.asked.values() for asked in fields]
        return [name for asked in every for name in (asked.field, asked.removed) if name]

    def called(self, format: str, option: str) -> str | None:
        """The name of the field of an option."""
        return next((asked.field for asked in self.asked.get(format, ()) if asked.option.name == option), None)

    def changed(self, format: str) -> bool:
        names = {name for asked in self.asked.get(format, ()) for name in (asked.field, asked.removed)}
        return bool(names.intersection(self.form.changed_data))

    def typed(self, format: str) -> dict[str, str | None]:
        """The options as `rules` takes them: what is left empty is not sent, None ends a stored secret."""
        found: dict[str, str | None] = {}
        for asked in self.asked.get(format, ()):
            value = self.form.cleaned_data.get(asked.field)
            if value:
                found[asked.option.name] = value
            elif asked.removed and self.form.cleaned_data.get(asked.removed):
                found[asked.option.name] = None
        return found

    def offers(self, radios: BoundField) -> list[Offer]:
        """Every format in the order of the registry, with the fields that belong to it."""
        return [
            Offer(
                known,
                radio,
                [
                    self.form[name]
                    for asked in self.asked[known.name]
                    for name in (asked.field, asked.removed)
                    if name and asked.option != CA_CERTIFICATES
                ],
                self.form[authority] if (authority := self.called(known.name, CA_CERTIFICATES.name)) else None,
            )
            for known, radio in zip(webhook_formats(), radios.subwidgets, strict=True)
        ]


class _OptionField(forms.CharField):
    """`stored`: a secret is there, so that nothing needs to be typed although one is needed."""

    stored = False


def _field(option: Option, stored: str) -> _OptionField:
    attrs: dict[str, Any] = {"autocomplete": "off"}
    if option.required and not stored:
        attrs["required"] = True
    widget: forms.Widget
    if option.choices:
        widget = forms.Select(choices=option.choices)
    elif option.check:
        widget = forms.Textarea(
            attrs={**attrs, "rows": 6, "maxlength": option.most, "placeholder": "-----BEGIN CERTIFICATE-----"}
        )
    elif option.secret:
        # What was typed stands there again if something else has to be corrected; what is stored never does.
        widget = forms.PasswordInput(
            attrs={**attrs, "autocomplete": "new-password", "maxlength": option.most}, render_value=True
        )
    else:
        widget = forms.TextInput(attrs={**attrs, "maxlength": option.most})
    help = option.help
    if stored:
        help = f"{help} {stored} is stored: leave this empty to keep it.".strip()
    # What it may be is decided in `rules`, for the chosen format alone.
    made = _OptionField(label=option.label, help_text=help, required=False, widget=widget)
    made.stored = bool(stored) or bool(option.choices)
    return made
