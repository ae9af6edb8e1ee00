"""The fields of a webhook's form for each format, made from the options that the formats declare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.forms.boundfield import BoundField, BoundWidget
from django.utils.translation import gettext

from hooks.formats import FORMATS, Format, Option, list_webhook_formats, propose_format
from hooks.formats.base import CA_CERTIFICATES
from hooks.models import Endpoint


@dataclass(frozen=True)
class Advice:
    """The advice on a URL and a format that are chosen together."""

    url: str
    format: str

    @property
    def proposed(self) -> Format | None:
        """Return the format that the URL is most likely meant for."""
        return propose_format(self.url)

    @property
    def followed(self) -> bool:
        return self.proposed is not None and self.proposed.name == self.format

    @property
    def chosen(self) -> Format | None:
        return FORMATS.get(self.format)

    @property
    def default_url(self) -> str:
        """Return the format's default URL if no URL is given; else an empty text."""
        return self.chosen.default_url if self.chosen and not self.url else ""


@dataclass(frozen=True)
class Offer:
    """A format in the form: its radio button and its fields."""

    format: Format
    radio: BoundWidget
    fields: list[BoundField]
    authority: BoundField | None  # the certificate authority, for formats with servers of one's own


@dataclass
class _Asked:
    """An option in the form: the names of its fields, and its stored secret, masked."""

    option: Option
    field: str
    stored: str = ""
    removed: str = ""  # the checkbox that removes the stored secret; empty if there is none


@dataclass
class OptionFields:
    """The fields of all formats in one form; only those of the chosen format count."""

    form: forms.Form
    asked: dict[str, list[_Asked]] = field(default_factory=dict)  # by format

    def add(self, endpoint: Endpoint | None, *, lost: bool, formats: Sequence[Format] = ()) -> None:
        """Add the fields of formats to the form.

        `endpoint` is the one that is edited; `lost` says that its secrets cannot be decrypted. `formats` are all for
        webhooks unless given.
        """
        for known in formats or list_webhook_formats():
            stands = endpoint.options if endpoint and endpoint.format == known.name else {}
            self.asked[known.name] = [
                self._add(f"option_{known.name}_{option.name}", option, stands, lost=lost)
                for option in known.all_options
            ]

    def _add(self, name: str, option: Option, stands: Mapping[str, Any], *, lost: bool) -> _Asked:
        value = str(stands.get(option.name) or "")
        asked = _Asked(option, name, stored=value if option.secret and not lost else "")
        self.form.fields[name] = _build_field(option, asked.stored)
        self.form.initial[name] = "" if option.secret else value or option.default
        if asked.stored and not option.required:
            asked.removed = f"{name}_remove"
            label = gettext("Remove what is stored: %(option)s") % {"option": gettext(option.label)}
            self.form.fields[asked.removed] = forms.BooleanField(label=label, required=False)
        return asked

    @property
    def names(self) -> list[str]:
        """Return the names of the fields of all formats."""
        every = [asked for fields in self.asked.values() for asked in fields]
        return [name for asked in every for name in (asked.field, asked.removed) if name]

    def get_field_name(self, format: str, option: str) -> str | None:
        """Return the name of an option's field; None if there is none."""
        return next((asked.field for asked in self.asked.get(format, ()) if asked.option.name == option), None)

    def is_changed(self, format: str) -> bool:
        names = {name for asked in self.asked.get(format, ()) for name in (asked.field, asked.removed)}
        return bool(names.intersection(self.form.changed_data))

    def get_typed(self, format: str) -> dict[str, str | None]:
        """Return the options for the domain: an empty field is left out, None removes a stored secret."""
        found: dict[str, str | None] = {}
        for asked in self.asked.get(format, ()):
            value = self.form.cleaned_data.get(asked.field)
            if value:
                found[asked.option.name] = value
            elif asked.removed and self.form.cleaned_data.get(asked.removed):
                found[asked.option.name] = None
        return found

    def offers(self, radios: BoundField) -> list[Offer]:
        """Return every format with its fields, in the order of the registry."""
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
                self.form[authority] if (authority := self.get_field_name(known.name, CA_CERTIFICATES.name)) else None,
            )
            for known, radio in zip(list_webhook_formats(), radios.subwidgets, strict=True)
        ]


class _OptionField(forms.CharField):
    """The field of an option. If `stored`, a secret exists, so that the field may be empty even if it is required."""

    stored = False


def _build_field(option: Option, stored: str) -> _OptionField:
    attrs: dict[str, Any] = {"autocomplete": "off"}
    if option.required and not stored:
        attrs["required"] = True
    widget: forms.Widget
    if option.choices:
        widget = forms.Select(choices=[(value, gettext(label)) for value, label in option.choices])
    elif option.check:
        widget = forms.Textarea(
            attrs={**attrs, "rows": 6, "maxlength": option.most, "placeholder": "-----BEGIN CERTIFICATE-----"}
        )
    elif option.secret:
        # A typed secret is rendered again after another error, or people would lose it. A stored one never is.
        widget = forms.PasswordInput(
            attrs={**attrs, "autocomplete": "new-password", "maxlength": option.most}, render_value=True
        )
    else:
        widget = forms.TextInput(attrs={**attrs, "maxlength": option.most})
    help = gettext(option.help)
    if stored:
        kept = gettext("%(stored)s is stored: leave this empty to keep it.") % {"stored": stored}
        help = f"{help} {kept}".strip()
    # Not required here: the domain checks only the options of the chosen format.
    made = _OptionField(label=gettext(option.label), help_text=help, required=False, widget=widget)
    made.stored = bool(stored) or bool(option.choices)
    return made
