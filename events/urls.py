"""Addresses of the pages about events and resources."""

from __future__ import annotations

from django.urls import URLPattern

app_name = "events"

urlpatterns: list[URLPattern] = []
