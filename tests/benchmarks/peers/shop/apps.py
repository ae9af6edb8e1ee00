"""The app's start-up: it declares the event of django-outbound-webhooks if that is the peer."""

from django.apps import AppConfig
from django.conf import settings


class ShopConfig(AppConfig):
    name = "shop"

    def ready(self):
        if settings.PEER == "django-outbound-webhooks":
            import shop.domain  # noqa: F401
