"""Channels and devices: the ways to reach one user."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from hooks.models.endpoint import Endpoint
from notifications_project import ids
from notifications_project.accounts.models import User


class Channel(models.Model):
    """A way to reach a user, at most one of each kind. E-mail goes to the user's address, iOS to every device.

    The endpoints of HipChat and webhook belong to the user's personal space. Deliveries wait while a channel is snoozed
    or in its quiet hours, which are in the user's time zone and may pass midnight.
    """

    class Kind(models.TextChoices):
        EMAIL = "email", _("E-mail")
        IOS = "ios", "iOS"
        HIPCHAT = "hipchat", "HipChat"
        WEBHOOK = "webhook", _("Webhook")

        @property
        def english(self) -> str:
            """Return the label in English: what is stored must not depend on the language of a page."""
            with translation.override("en"):
                return str(self.label)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="channels", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind)
    endpoint = models.OneToOneField(Endpoint, on_delete=models.PROTECT, null=True, blank=True, related_name="channel")
    snoozed_until = models.DateTimeField(null=True, blank=True)
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "kind"], name="channel_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["email", "ios"], endpoint__isnull=True)
                | Q(kind__in=["hipchat", "webhook"], endpoint__isnull=False),
                name="channel_has_endpoint",
            ),
            models.CheckConstraint(
                condition=Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="channel_quiet_from_until",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.user_id}"

    @property
    def public_id(self) -> str:
        return ids.encode("chan", self.id)

    @property
    def english_name(self) -> str:
        """Return the name of its kind in English, as it is stored."""
        return Channel.Kind(self.kind).english


class Device(models.Model):
    """An iPhone or iPad of a user. Its endpoint, in the user's personal space, has the device token as address."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="devices")
    name = models.CharField(max_length=100)
    endpoint = models.OneToOneField(Endpoint, on_delete=models.PROTECT, related_name="device")
    registered_at = models.DateTimeField()  # renewed whenever the app registers the token again

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        return ids.encode("dev", self.id)
