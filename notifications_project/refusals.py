"""Refusals of the domain on pages: at a field of a form, or as a message. The block does what follows a success."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpRequest

from notifications_project.field_errors import FieldErrors


@contextmanager
def add_error_to(form: BaseForm, field: str, refusal: type[Exception]) -> Iterator[None]:
    """Show a refusal at a field of the form."""
    try:
        yield
    except refusal as error:
        form.add_error(field, str(error))


@contextmanager
def report_refusal(request: HttpRequest, refusal: type[Exception]) -> Iterator[None]:
    """Show a refusal as a message on the next page."""
    try:
        yield
    except refusal as error:
        messages.error(request, error.describe() if isinstance(error, FieldErrors) else str(error))
