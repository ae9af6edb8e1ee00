"""The forms of the sign-in pages, in this console's words: django-allauth's own with other labels."""

from __future__ import annotations

from typing import Any

from allauth.account import forms as allauth

from notifications_project.mail_addresses import normalize_if_valid


class _OurWords:
    """Names an address "E-mail", and leaves help to the page: above a field it parts the field from its label."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields  # type: ignore[attr-defined]
        for name in fields.keys() & {"login", "email"}:
            fields[name].label = "E-mail"
        for field in fields.values():  # a placeholder that repeats the label says nothing
            field.widget.attrs.pop("placeholder", None)
        if "login" in fields:
            fields["password"].help_text = ""


class LoginForm(_OurWords, allauth.LoginForm):  # type: ignore[misc]
    def clean_login(self) -> str:
        """Look a user up by the stored form of the address, whichever spelling was typed."""
        return normalize_if_valid(self.cleaned_data["login"])


class SignupForm(_OurWords, allauth.SignupForm):  # type: ignore[misc]
    pass


class ResetPasswordForm(_OurWords, allauth.ResetPasswordForm):  # type: ignore[misc]
    pass
