"""How forms are drawn (label above, help under it, the error under its field), and the fields that several apps use."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.renderers import TemplatesSetting

from notifications_project.mail.addresses import LONGEST, BadMailAddress, normalize


class Renderer(TemplatesSetting):
    """Draws forms with the templates in `templates/django/forms/`, and the widgets with Django's own."""

    form_template_name = "django/forms/div.html"
    field_template_name = "django/forms/field.html"


class MailAddressField(forms.CharField):
    """Takes a mail address in any spelling and gives its stored form."""

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
