"""The address at which the configured mail provider tells of bounces: of all of django-anymail's, its own alone."""

from __future__ import annotations

from anymail.urls import urlpatterns as known
from django.conf import settings

app_name = "anymail"

_NAMES = {f"{settings.EMAIL_PROVIDER}_tracking_webhook", f"{settings.EMAIL_PROVIDER}_webhook"}
urlpatterns = [each for each in known if each.name in _NAMES]
