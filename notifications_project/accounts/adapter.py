"""How django-allauth makes users and speaks of addresses here."""

from __future__ import annotations

import logging
from smtplib import SMTPException
from typing import Any
from urllib.parse import urljoin, urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.forms import BaseForm
from django.http import HttpRequest

from notifications_project.accounts.models import User
from notifications_project.accounts.organizations import ensure_personal_space
from notifications_project.mail_addresses import BadMailAddress, normalize

logger = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "This address and this password do not belong together. Check both and try again.",
        "too_many_login_attempts": "Too many tries. Wait a few minutes, then try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return settings.SIGN_UP_OPEN

    def clean_email(self, email: str) -> str:
        """Give the stored form of the address that signs up or asks for a new password."""
        try:
            return normalize(email)
        except BadMailAddress as error:
            raise ValidationError(str(error)) from None

    @transaction.atomic
    def save_user(self, request: HttpRequest, user: User, form: BaseForm, commit: bool = True) -> User:
        """A user who signs up gets a personal space like everybody (`organizations.create_user`)."""
        super().save_user(request, user, form, commit=commit)
        if commit:
            ensure_personal_space(user)
        return user

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """A mail that cannot go out is logged; the page says the same as ever, and so not whose address is known."""
        if not settings.MAIL_CONFIGURED:
            return
        try:
            super().send_mail(template_prefix, email, context)
        except (OSError, SMTPException):
            logger.exception("A mail of the sign-in pages could not be sent (%s).", template_prefix)

    def get_reset_password_from_key_url(self, key: str) -> str:
        return _public(super().get_reset_password_from_key_url(key))

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return _public(super().get_email_confirmation_url(request, emailconfirmation))


def _public(address: str) -> str:
    """A link for a mail leads to the public address, whatever Host the request named."""
    return urljoin(settings.PUBLIC_URL, urlsplit(address).path)
