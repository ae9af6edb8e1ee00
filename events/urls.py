"""Addresses of the pages about events and resources."""

from __future__ import annotations

from django.urls import path

from events import views_events, views_resources

app_name = "events"

_applications = "organizations/<owner:owner>/applications/"
_application = f"{_applications}<resource:resource>/"

urlpatterns = [
    path("organizations/<owner:owner>/events/", views_events.list_events, name="events"),
    path("organizations/<owner:owner>/events/<event:event>/", views_events.show_event, name="event"),
    path("organizations/<owner:owner>/event-types/", views_events.list_event_types, name="catalogue"),
    path(_applications, views_resources.list_resources, name="resources"),
    path(f"{_applications}add/", views_resources.add_resource, name="add_resource"),
    path(f"{_application}rename/", views_resources.rename_resource, name="rename_resource"),
    path(f"{_application}archive/", views_resources.archive_resource, name="archive_resource"),
    path(f"{_application}restore/", views_resources.restore_resource, name="restore_resource"),
]
