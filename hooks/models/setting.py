"""The choices of users: notification settings, and event types that pass quiet times."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from events.models import Resource
from hooks.models.channel import Channel
from notifications_project.accounts.models import Organization, User


class NotificationSetting(models.Model):
    """A user's choice for an event type on a channel, on or off. Without a row the default holds.

    Its scope is a resource, an organization, or everything if both are null. The narrowest wins (docs/who-is-told.md).
    """

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notification_settings")
    event_type = models.CharField(max_length=64)
    channel = models.CharField(max_length=10, choices=Channel.Kind)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    enabled = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "event_type", "channel"],
                condition=Q(organization__isnull=True, resource__isnull=True),
                name="setting_of_everything",
            ),
            models.UniqueConstraint(
                fields=["user", "event_type", "channel", "organization"],
                condition=Q(organization__isnull=False),
                name="setting_of_organization",
            ),
            models.UniqueConstraint(
                fields=["user", "event_type", "channel", "resource"],
                condition=Q(resource__isnull=False),
                name="setting_of_resource",
            ),
            models.CheckConstraint(
                condition=Q(organization__isnull=True) | Q(resource__isnull=True), name="setting_one_scope"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.event_type} by {self.channel} {'on' if self.enabled else 'off'}"


class Urgent(models.Model):
    """A type of bad news that reaches a user at once, even while a channel is snoozed or quiet."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="urgent_types", db_index=False)
    event_type = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "event_type"], name="urgent_once")]

    def __str__(self) -> str:
        return f"{self.event_type} for {self.user_id}"
