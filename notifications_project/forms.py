"""How forms are drawn: label above, help under it, the error under its field, and what is wrong at the top."""

from __future__ import annotations

from django.forms.renderers import TemplatesSetting


class Renderer(TemplatesSetting):
    """Draws forms with the templates in `templates/django/forms/`, and the widgets with Django's own."""

    form_template_name = "django/forms/div.html"
    field_template_name = "django/forms/field.html"
