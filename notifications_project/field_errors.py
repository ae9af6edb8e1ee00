"""Errors of what a person or program sent, by field: the domain raises them, forms and the API show them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.forms import BaseForm


class FieldErrors(Exception):
    """What was sent is invalid: `errors` maps a field's name to a message for people."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {message}" for name, message in errors.items()))
        self.errors = errors


@contextmanager
def add_error_to(form: BaseForm, field: str | None, refusal: type[Exception]) -> Iterator[None]:
    """Show a refusal of the domain at a field of the form; the block returns what follows a success."""
    try:
        yield
    except refusal as error:
        form.add_error(field, str(error))
