"""Hooks: an organization's rules that send events to recipients and webhooks."""

from __future__ import annotations

import uuid
from enum import StrEnum

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from events import catalogue
from events.models import Resource
from hooks.models.endpoint import Endpoint
from notifications_project import ids
from notifications_project.accounts.models import Organization, User
from notifications_project.accounts.roles import Role


class HookProblem(StrEnum):
    """A reason why an enabled hook sends nothing."""

    NO_TYPE = "no_type"  # no event type is chosen
    TYPES_GONE = "types_gone"
    RESOURCES_GONE = "resources_gone"
    RECIPIENTS_GONE = "recipients_gone"


class HookQuerySet(models.QuerySet["Hook"]):
    def existing(self) -> HookQuerySet:
        """Filter out deleted hooks. Deletion is soft, so that the history of a hook outlives it."""
        return self.filter(deleted_at__isnull=True)


class Hook(models.Model):
    """A rule: these events, on these resources, go to this endpoint or to these people.

    `events` names event types and groups: None is every event, an empty list none. A `restricted` hook is only about
    `resources`, and about nothing if there are none left (docs/who-is-told.md). Recipients who are gone get nothing.
    """

    class Kind(models.TextChoices):
        EMAIL = "email", _("E-mail hook")
        WEBHOOK = "webhook", _("Webhook")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="hooks")
    kind = models.CharField(max_length=10, choices=Kind)
    name = models.CharField(max_length=100)
    events = models.JSONField(null=True, blank=True)
    restricted = models.BooleanField(default=False)
    resources: models.ManyToManyField[Resource, models.Model] = models.ManyToManyField(
        Resource, blank=True, related_name="hooks"
    )
    notify_members = models.BooleanField(default=False)
    notify_roles = models.JSONField(default=list, blank=True)
    notify_users: models.ManyToManyField[User, models.Model] = models.ManyToManyField(
        User, blank=True, related_name="+"
    )
    notify_addresses = models.JSONField(default=list, blank=True)
    endpoint = models.OneToOneField(Endpoint, on_delete=models.PROTECT, null=True, blank=True, related_name="hook")
    paused = models.BooleanField(default=False)
    paused_at = models.DateTimeField(null=True, blank=True)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = HookQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="email", endpoint__isnull=True) | Q(kind="webhook", endpoint__isnull=False),
                name="hook_webhook_has_endpoint",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "kind"], condition=Q(deleted_at__isnull=True), name="hook_existing"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        return ids.encode("hook", self.id)

    @property
    def matching_problem(self) -> HookProblem | None:
        """Return why the hook matches no event; None if it can. Prefetch `resources`."""
        if not catalogue.expand(self.events):
            return HookProblem.TYPES_GONE if self.events else HookProblem.NO_TYPE
        return HookProblem.RESOURCES_GONE if self.restricted and not self.resources.all() else None

    @property
    def problem(self) -> HookProblem | None:
        """Return why the hook sends nothing; None if it can. Prefetch `resources` and `notify_users`."""
        if problem := self.matching_problem:
            return problem
        named = self.notify_members or self.notify_addresses or any(role in self.notify_roles for role in Role)
        if self.kind == self.Kind.WEBHOOK or named or self.notify_users.all():
            return None
        return HookProblem.RECIPIENTS_GONE
