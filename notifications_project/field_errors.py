"""Errors of what a person or program sent, by field: the domain raises them, pages and the API show them."""

from __future__ import annotations


class FieldErrors(Exception):
    """The input is invalid: `errors` maps a field's name to a message for people."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {message}" for name, message in errors.items()))
        self.errors = errors

    def describe(self) -> str:
        """Return the messages without the names of their fields, for where there is no form."""
        return " ".join(self.errors.values())
