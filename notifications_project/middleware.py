"""Middleware of the whole console."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import is_valid_path
from django.utils.translation import gettext, gettext_noop

from notifications_project.runtime.logs import mask_keys
from notifications_project.runtime.waiting import Busy


class OptionalSlashMiddleware:
    """Middleware that lets every route match without its trailing slash too, without a redirect.

    Django's own APPEND_SLASH redirects, which turns a POST into a GET and loses its body silently.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if not path.endswith("/") and not is_valid_path(path) and is_valid_path(f"{path}/"):
            request.path_info = f"{path}/"
        return self.get_response(request)


class KeyInAddressMiddleware:
    """Middleware that keeps addresses with a key out of Referer, which a proxy would log with each picture it serves.

    The policy is not no-referrer: with that browsers send `Origin: null` with forms, which the CSRF check refuses.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        has_key = mask_keys(request.path) != request.path
        response = self.get_response(request)
        if has_key:
            response.headers["Referrer-Policy"] = "strict-origin"
        return response


class NoNulMiddleware:
    """Middleware that removes the character NUL, which PostgreSQL's text cannot hold, from addresses and fields.

    Pages get the text without it, so that a search still finds the text. The API names the parameter that had it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        api = request.path_info.startswith("/api/")
        if "\0" in request.path_info:
            raise Http404("No address has the character NUL.")
        if not api:
            request.META["QUERY_STRING"] = request.META.get("QUERY_STRING", "").replace("%00", "").replace("\0", "")
        if api and (names := [name for name in request.GET if "\0" in name + str(request.GET[name])]):
            errors = [{"field": name.replace("\0", ""), "message": _NO_NUL} for name in names]
            return JsonResponse({"errors": errors}, status=422)
        for name in [name for name, value in request.COOKIES.items() if "\0" in value]:
            del request.COOKIES[name]
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if request.method != "POST" or getattr(view, "csrf_exempt", False):  # the API reads the body itself
            return None
        if any("\0" in f"{name}{value}" for name, values in request.POST.lists() for value in values):
            return render(request, "refused.html", {"text": gettext(_NO_NUL)}, status=422)
        return None


_NO_NUL = gettext_noop("Must not contain the character NUL.")


class BusyMiddleware:
    """Middleware that shows people a page for `waiting.Busy`; the API answers it by itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, Busy):
            return None
        response = render(request, "refused.html", {"text": str(exception)}, status=exception.status)
        response.headers["Retry-After"] = str(exception.retry_after)
        return response


class PrivateAnswersMiddleware:
    """Middleware that keeps answers out of caches, as they are for one person, and pages away from sensors."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "private, no-store")
        response.headers.setdefault("Permissions-Policy", _NO_SENSORS)
        return response


_SENSORS = ("camera", "display-capture", "geolocation", "microphone", "midi", "payment", "usb")
_NO_SENSORS = ", ".join(f"{feature}=()" for feature in _SENSORS)


class HttpsOnlyMiddleware:
    """Middleware that refuses the API over plain http, where SecurityMiddleware would redirect.

    A redirect turns a POST into a GET and loses its body, and hides from the client that it sent its token unencrypted.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SECURE_SSL_REDIRECT and not request.is_secure() and request.path_info.startswith("/api/"):
            message = f"The API is reached by https only: {settings.PUBLIC_URL}/api/. Make a new token if you sent one."
            return JsonResponse({"errors": [{"field": None, "message": message}]}, status=403)
        return self.get_response(request)
