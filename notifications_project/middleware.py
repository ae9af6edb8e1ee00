"""Middleware of the whole console."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import is_valid_path

from notifications_project.logs import mask_keys


class OptionalSlashMiddleware:
    """Lets every route match without its trailing slash too, without a redirect.

    Django's own APPEND_SLASH redirects, which turns a POST into a GET and loses its body silently
    (facts/clever-api.md, section 10).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if not path.endswith("/") and not is_valid_path(path) and is_valid_path(f"{path}/"):
            request.path_info = f"{path}/"
        return self.get_response(request)


class KeyInAddressMiddleware:
    """Keeps a page's address out of Referer where it holds a key: a proxy would log it with each picture it serves.

    Not no-referrer: with that browsers send `Origin: null` with forms, which the CSRF check refuses.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        has_key = mask_keys(request.path) != request.path
        response = self.get_response(request)
        if has_key:
            response.headers["Referrer-Policy"] = "strict-origin"
        return response
