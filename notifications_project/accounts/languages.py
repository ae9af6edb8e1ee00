"""The language of pages and messages: the user's choice, else the browser's, else the installation's."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.db.models.functions import Lower
from django.http import HttpRequest
from django.utils.translation import get_supported_language_variant
from django.utils.translation.trans_real import parse_accept_lang_header

from notifications_project.accounts.models import User

ENGLISH = "en"


def find_page_language(request: HttpRequest) -> str:
    """Return the code of a page's language: that of the signed-in user, else the browser's, else English.

    Before signing in a cookie goes first: it has the choice of whoever signed in last with this browser.
    """
    kept = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    chosen = request.user.language if request.user.is_authenticated else kept
    return _choose_supported(chosen) or find_browser_language(request) or ENGLISH


def find_browser_language(request: HttpRequest) -> str:
    """Return the first language that the browser asks for and the console has; empty if there is none."""
    for code, _weight in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        if code == "*":
            break
        if found := _choose_supported(code):
            return found
    return ""


def get_message_language(user: User | None) -> str:
    """Return the code of the language of messages to this user; that of the installation for anybody else."""
    return (user and _choose_supported(user.language)) or settings.MESSAGE_LANGUAGE


def find_message_language(address: str) -> str:
    """Return the code of the language of mails about an account to this address."""
    lower = User.objects.alias(lower=Lower("email"))  # by the index, which `iexact` does not use
    return get_message_language(lower.filter(lower=address.lower()).only("language").first())


def _choose_supported(code: str) -> str:
    """Return the nearest language that the console has, such as `fr` for `fr-CA`; empty if there is none."""
    if code:
        with suppress(LookupError, ValueError):
            return get_supported_language_variant(code)
    return ""


def keep_browser_language(request: HttpRequest, user: User, **signal: Any) -> None:
    """Store the browser's language at a user's first sign-in, so that mails and messages are in it too."""
    if not user.language and (language := find_browser_language(request)):
        user.language = language
        User.objects.filter(pk=user.pk, language="").update(language=language)


user_logged_in.connect(keep_browser_language, dispatch_uid="keep the browser's language")
