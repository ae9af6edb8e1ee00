"""Addresses of the pages about hooks."""

from __future__ import annotations

from django.urls import URLPattern

app_name = "hooks"
urlpatterns: list[URLPattern] = []
