"""URL patterns of the API, version 1; each app has its part."""

from django.urls import include, path

urlpatterns = [
    path("", include("notifications_project.accounts.api")),
    path("", include("notifications_project.accounts.api_invitations")),
    path("", include("events.api")),
    path("", include("hooks.api.urls")),
]
