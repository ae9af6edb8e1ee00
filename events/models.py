"""Resources, and the events about them."""

from __future__ import annotations

import uuid
from typing import ClassVar, Self
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from notifications_project import ids
from notifications_project.accounts.models import Organization
from notifications_project.ids import PublicId


class ResourceQuerySet(models.QuerySet["Resource"]):
    def for_ids(self, *ids: UUID) -> Self:
        """Return the resources with these ids. A public id must have the prefix of the resource's kind."""
        fits = Q(pk__in=[each for each in ids if not isinstance(each, PublicId)])
        for prefix, kind in Resource.KINDS.items():
            fits |= Q(kind=kind, pk__in=[each for each in ids if isinstance(each, PublicId) and each.prefix == prefix])
        return self.filter(fits)


class Resource(models.Model):
    """An application or an add-on. An archived resource leaves the lists of choices; its history stays."""

    class Kind(models.TextChoices):
        APPLICATION = "application", _("Application")
        ADDON = "addon", _("Add-on")

    KINDS: ClassVar = {"app": Kind.APPLICATION, "addon": Kind.ADDON}  # by the prefix of the public id

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="resources")
    kind = models.CharField(max_length=12, choices=Kind)
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = ResourceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "kind", "name"], name="resource_name_unique"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        return ids.encode("app" if self.kind == self.Kind.APPLICATION else "addon", self.id)


class Event(models.Model):
    """An event that was recorded in an organization.

    `representation` is its JSON form, made once when the event is stored (docs/webhooks.md).
    `routed_at` is empty until routing has made the event's deliveries.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="events", db_index=False)
    resource = models.ForeignKey(
        Resource, on_delete=models.SET_NULL, null=True, blank=True, related_name="events", db_index=False
    )
    type = models.CharField(max_length=60)
    representation = models.TextField()
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    idempotency_key = models.CharField(max_length=255, null=True, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True)  # hash of the event as it was sent with the key
    is_test = models.BooleanField(default=False)
    routed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="event_idempotency_key_unique",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-id"], name="event_newest_first"),
            models.Index(fields=["organization", "type", "-id"], name="event_by_type"),
            models.Index(fields=["resource", "-id"], name="event_by_resource"),
            models.Index(fields=["organization", "id"], condition=Q(routed_at__isnull=True), name="event_unrouted"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.public_id}"

    @property
    def public_id(self) -> str:
        return ids.encode("evt", self.id)
