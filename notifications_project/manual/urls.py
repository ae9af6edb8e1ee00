"""Addresses of the manual."""

from __future__ import annotations

from django.urls import path

from notifications_project.manual import views

app_name = "manual"

urlpatterns = [
    path("docs/", views.show_page, name="index"),
    path("docs/search/", views.search, name="search"),
    path("docs/<slug:slug>/", views.show_page, name="page"),
]
