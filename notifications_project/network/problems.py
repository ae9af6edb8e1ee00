"""The base of errors whose words people read on forms, in their language.

Settings are made with this package, and Django's gettext reads the settings. So the texts are only marked where they
stand, and translated where they are shown.
"""

from __future__ import annotations

from django.utils.translation import gettext


class Problem(ValueError):
    """A text that cannot be used. `str()` gives the reason in English, `describe` in the active language."""

    def __init__(self, text: str, **values: str | int) -> None:
        super().__init__(text % values)
        self.text, self.values = text, values

    def describe(self) -> str:
        """Return the reason in the active language."""
        return gettext(self.text) % self.values


def _(text: str) -> str:
    """Mark a text for translation and return it as it is."""
    return text
