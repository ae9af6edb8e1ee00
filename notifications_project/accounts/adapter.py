"""Adapter of django-allauth: users with personal spaces, addresses in their stored form, mails sent by the workers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urljoin, urlsplit

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import ratelimit
from django.conf import settings
from django.contrib.sites.shortcuts import get_current_site
from django.core.exceptions import ValidationError
from django.db import transaction
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import translation
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from notifications_project.accounts import devices, outgoing
from notifications_project.accounts.languages import find_browser_language, find_message_language
from notifications_project.accounts.models import User
from notifications_project.accounts.organizations import ensure_personal_space
from notifications_project.mail.addresses import BadMailAddress, normalize


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _(
            "This address and this password do not belong together. Check both and try again."
        ),
        "too_many_login_attempts": _("Too many tries. Wait a few minutes, then try again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return settings.SIGN_UP_OPEN

    def clean_email(self, email: str) -> str:
        """Return the stored form of an address that signs up or asks for a new password."""
        try:
            return normalize(email)
        except BadMailAddress as error:
            raise ValidationError(str(error)) from None

    @transaction.atomic
    def save_user(self, request: HttpRequest, user: User, form: BaseForm, commit: bool = True) -> User:
        """Save a user who signs up, with a personal space like every user (`organizations.create_user`)."""
        user.language = find_browser_language(request)  # the mail that confirms the address is in it already
        super().save_user(request, user, form, commit=commit)
        if commit:
            ensure_personal_space(user)
        return user

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Refuse an address that the library's table still has for a user who has another one now."""
        user: User | None = super().authenticate(request, **credentials)
        address = credentials.get("email")
        return None if user and address and user.email.lower() != str(address).lower() else user

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **kwargs)
        devices.remember(request, response, user.email)
        return response

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Return the key that wrong passwords are counted under: the browser's if it is known, else the address's.

        The library's key includes the Host of the request, so that every other Host would give new tries.
        """
        address = str(credentials.get("email", "")).lower()
        device = devices.find(request, address)
        return f"device {device}" if device else f"address {address}"

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: Any) -> None:
        """Reset the count of wrong passwords of an address after a password reset, in whichever browser."""
        super()._delete_login_attempts_cached_email(request, **credentials)
        address = str(credentials.get("email", "")).lower()
        ratelimit.clear(request, action="login_failed", key=f"address {address}")

    def send_account_already_exists_mail(self, email: str) -> None:
        context = {"password_reset_url": _make_public(reverse("account_reset_password"))}
        with translation.override(find_message_language(email)):
            self.send_mail("account/email/account_already_exists", email, context)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Queue a mail for the workers: an answer that waited for the mail server would reveal known addresses."""
        self.queue_mail(template_prefix, email, context, useful_for=_link_works_for(template_prefix))

    def queue_mail(self, template_prefix: str, email: str, context: dict[str, Any], *, useful_for: timedelta) -> None:
        about = {"email": email, "current_site": get_current_site(self.request)}
        user = context.get("user")
        with translation.override((user and user.language) or get_language()):
            mail = self.render_mail(template_prefix, email, about | context)
        html = next((content for content, _ in getattr(mail, "alternatives", ())), "")
        outgoing.queue_mail(address=email, subject=mail.subject, text=mail.body, html=html, useful_for=useful_for)

    def get_reset_password_from_key_url(self, key: str) -> str:
        return _make_public(super().get_reset_password_from_key_url(key))

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return _make_public(super().get_email_confirmation_url(request, emailconfirmation))


def _make_public(address: str) -> str:
    """Return an address for a mail: at the public address, whatever Host the request named."""
    return urljoin(settings.PUBLIC_URL, urlsplit(address).path)


def _link_works_for(template_prefix: str) -> timedelta:
    if template_prefix.endswith("password_reset_key"):
        return timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
    return timedelta(days=app_settings.EMAIL_CONFIRMATION_EXPIRE_DAYS)
