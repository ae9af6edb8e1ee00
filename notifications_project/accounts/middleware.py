"""Middleware that shows pages in the user's own language and times in the user's own zone."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers

from notifications_project.accounts.languages import ENGLISH, find_page_language


class LanguageMiddleware:
    """Answers in the user's or the browser's language; the API, which programs read, in English always.

    A cookie keeps the user's choice for the pages before signing in.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith("/api/"):
            with translation.override(ENGLISH):
                return self.get_response(request)
        language = find_page_language(request)
        with translation.override(language):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        _keep_choice(request, response)
        return response


def _keep_choice(request: HttpRequest, response: HttpResponse) -> None:
    chosen = request.user.language if request.user.is_authenticated else ""
    if chosen and request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME) != chosen:
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            chosen,
            max_age=settings.LANGUAGE_COOKIE_AGE,
            secure=settings.LANGUAGE_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )


class TimeZoneMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with timezone.override(_load_zone(request.user.time_zone) if request.user.is_authenticated else None):
            return self.get_response(request)


def _load_zone(name: str) -> ZoneInfo | None:
    """Return a time zone; None, for the console's own zone, if this machine does not know the name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return None
