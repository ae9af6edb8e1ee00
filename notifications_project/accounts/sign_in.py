"""Forms of the sign-in pages: django-allauth's own, with this console's labels."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from allauth.account import forms as allauth
from allauth.account.adapter import get_adapter
from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext

from notifications_project.accounts.models import User
from notifications_project.mail.addresses import normalize_if_valid


class _OurWords:
    """A mixin that names an address "E-mail" and removes help texts, which would stand between label and field."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields  # type: ignore[attr-defined]
        for name in fields.keys() & {"login", "email"}:
            fields[name].label = gettext("E-mail")
        for field in fields.values():  # the library's placeholders only repeat the labels
            field.widget.attrs.pop("placeholder", None)
        if "login" in fields:
            fields["password"].help_text = ""


class LoginForm(_OurWords, allauth.LoginForm):  # type: ignore[misc]
    def clean_login(self) -> str:
        """Return the stored form of the address, so that a user is found whichever spelling was typed."""
        return normalize_if_valid(self.cleaned_data["login"])


class SignupForm(_OurWords, allauth.SignupForm):  # type: ignore[misc]
    def try_save(self, request: HttpRequest) -> Any:
        if self.account_already_exists:
            self._save_in_vain(request)
        return super().try_save(request)

    def _save_in_vain(self, request: HttpRequest) -> None:
        """Make a user and undo it, if the address has an account: the time of the answer must not reveal that."""
        address = self.cleaned_data["email"]
        with transaction.atomic():
            self.cleaned_data["email"] = f"{secrets.token_hex(16)}@invalid.example"
            self.account_already_exists = False
            self.save(request)
            transaction.set_rollback(True)
        self.cleaned_data["email"], self.account_already_exists = address, True


class ResetPasswordForm(_OurWords, allauth.ResetPasswordForm):  # type: ignore[misc]
    def clean_email(self) -> str:
        """Leave out users who had the address before: its present owner would get a link into their accounts."""
        address: str = super().clean_email()
        self.users: list[User] = [user for user in self.users if user.email.lower() == address.lower()]
        return address

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        """Queue the mail; return the address.

        For an unknown address the same steps are done and the mail is dropped: the time must not reveal accounts.
        """
        address: str = self.cleaned_data["email"]
        if self.users:
            return str(super().save(request, **kwargs))
        nobody = User(email=address)
        adapter = get_adapter()
        link = adapter.get_reset_password_from_key_url(f"0-{default_token_generator.make_token(nobody)}")
        context = {"user": nobody, "password_reset_url": link, "request": request}
        adapter.queue_mail("account/email/password_reset_key", address, context, useful_for=timedelta(0))
        return address
