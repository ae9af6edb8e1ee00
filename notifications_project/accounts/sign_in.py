"""The forms of the sign-in pages, in this console's words: django-allauth's own with other labels."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from allauth.account import forms as allauth
from allauth.account.adapter import get_adapter
from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.http import HttpRequest

from notifications_project.accounts.models import User
from notifications_project.mail.addresses import normalize_if_valid


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
    def try_save(self, request: HttpRequest) -> Any:
        if self.account_already_exists:
            self._save_in_vain(request)
        return super().try_save(request)

    def _save_in_vain(self, request: HttpRequest) -> None:
        """Make a user and undo it, for an address that has one: the time it takes must not tell accounts."""
        address = self.cleaned_data["email"]
        with transaction.atomic():
            self.cleaned_data["email"] = f"{secrets.token_hex(16)}@invalid.example"
            self.account_already_exists = False
            self.save(request)
            transaction.set_rollback(True)
        self.cleaned_data["email"], self.account_already_exists = address, True


class ResetPasswordForm(_OurWords, allauth.ResetPasswordForm):  # type: ignore[misc]
    def clean_email(self) -> str:
        """Leave out whoever had the address before: a link for a new password would open the account to its owner."""
        address: str = super().clean_email()
        self.users: list[User] = [user for user in self.users if user.email.lower() == address.lower()]
        return address

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        """For an unknown address the same is done, and the mail dropped: the time it takes must not tell accounts."""
        address: str = self.cleaned_data["email"]
        if self.users:
            return str(super().save(request, **kwargs))
        nobody = User(email=address)
        adapter = get_adapter()
        link = adapter.get_reset_password_from_key_url(f"0-{default_token_generator.make_token(nobody)}")
        context = {"user": nobody, "password_reset_url": link, "request": request}
        adapter.queue_mail("account/email/password_reset_key", address, context, useful_for=timedelta(0))
        return address
