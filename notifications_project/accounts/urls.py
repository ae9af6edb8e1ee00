"""Addresses of the pages about people, organizations and one's own account."""

from __future__ import annotations

from django.urls import path

from notifications_project.accounts import views_home

app_name = "accounts"

urlpatterns = [
    path("", views_home.home, name="home"),
    path("organizations/<owner:owner>/", views_home.organization, name="organization"),
]
