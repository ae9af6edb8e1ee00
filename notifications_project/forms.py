"""The renderer of forms, and form fields that several apps use."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.renderers import TemplatesSetting

from notifications_project.mail.addresses import LONGEST, BadMailAddress, normalize


class Renderer(TemplatesSetting):
    """A renderer that draws forms with `templates/django/forms/`: label, help, field, error; and Django's widgets."""

    form_template_name = "django/forms/div.html"
    field_template_name = "django/forms/field.html"


class MailAddressField(forms.CharField):
    """A field that takes a mail address in any spelling and gives its stored form."""

    widget = forms.EmailInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": LONGEST, **kwargs})

    def clean(self, value: Any) -> str:
        written = super().clean(value)
        if written in self.empty_values:
            return ""
        try:
            return normalize(written)
        except BadMailAddress as error:
            raise forms.ValidationError(str(error)) from None
