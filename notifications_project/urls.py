"""URL patterns of the console; each matches without its trailing slash too (OptionalSlashMiddleware)."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path, register_converter

from notifications_project import ids

for name, converter in ids.CONVERTERS.items():
    register_converter(converter, name)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("notifications_project.accounts.urls")),
    path("", include("events.urls")),
    path("", include("hooks.urls")),
    path("", include("notifications_project.manual.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("api/v1/", include("notifications_project.api.urls")),
]
if settings.EMAIL_PROVIDER and settings.ANYMAIL.get("WEBHOOK_SECRET"):
    urlpatterns.append(path("anymail/", include("hooks.urls.providers")))
if settings.DEMO:
    urlpatterns.append(path("", include("notifications_project.inbox.urls")))

handler400 = "notifications_project.api.errors.answer_bad_request"
handler403 = "notifications_project.api.errors.answer_forbidden"
handler404 = "notifications_project.api.errors.answer_not_found"
handler500 = "notifications_project.api.errors.answer_server_error"
