"""Deliveries and their attempts: the work, and the record of it. The delivery table is the queue."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from events.models import Event
from hooks.models.endpoint import Endpoint, Lane
from hooks.models.hook import Hook
from hooks.models.remark_field import RemarkField
from notifications_project import ids
from notifications_project.accounts.models import Organization


class Delivery(models.Model):
    """One event owed to one endpoint. Its public id is the `webhook-id` of every try.

    `due_at` is when it may next be tried; empty while it is held (its hook is paused, its endpoint disabled)
    and when it is settled. `reasons` lists every rule that asked for it: `[{"rule": "hook", "id": "hook_…",
    "name": "…"}, {"rule": "setting", …}, {"rule": "test", …}]`. `hook` is the first hook among them.
    Ids follow from the event and where it goes, so that receivers can tell what was routed again, as after a database
    was restored, from what is new. They sort like the ids of events, which is the order of routing and within a lane.
    """

    class State(models.TextChoices):
        PENDING = "pending", "Waiting"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    id = models.UUIDField(primary_key=True, editable=False)
    # Without indexes of their own, as each costs every write: those below, and the constraint, begin with them; and
    # what waits for an endpoint is found by its lane.
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="deliveries", db_index=False)
    lane = models.ForeignKey(Lane, on_delete=models.PROTECT, related_name="deliveries", db_index=False)
    hook = models.ForeignKey(
        Hook, on_delete=models.PROTECT, null=True, blank=True, related_name="deliveries", db_index=False
    )
    reasons = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    due_at = models.DateTimeField(null=True, blank=True)
    # Not before: the user's channel is snoozed or quiet. Then what waited goes as one digest
    # (`hooks.deliveries.digests`).
    quiet_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    # Those of them that a person asked for beside the ten. While one of these is to come, due at once, `scheduled_at`
    # keeps when the schedule goes on after it.
    extra_tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    scheduled_at = models.DateTimeField(null=True, blank=True)
    outcome = RemarkField(blank=True)  # the last answer
    # The digest that told it. It stays told when that is gone (its user's account was deleted), and deleting asks no
    # index for it: so without a constraint.
    digest = models.ForeignKey(
        "self",
        on_delete=models.DO_NOTHING,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    created_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["event", "endpoint"], name="delivery_once")]
        indexes = [
            models.Index(fields=["organization", "-id"], name="delivery_newest_first"),
            models.Index(fields=["organization", "state", "-id"], name="delivery_by_state"),
            models.Index(fields=["hook", "-id"], name="delivery_by_hook"),
            models.Index(fields=["hook", "state", "-id"], name="delivery_by_hook_and_state"),
            models.Index(fields=["lane", "due_at", "id"], condition=Q(state="pending"), name="delivery_waiting"),
            models.Index(
                fields=["quiet_until"], condition=Q(state="pending", quiet_until__isnull=False), name="delivery_quiet"
            ),
        ]

    def __str__(self) -> str:
        return self.public_id

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.pk = self.pk or id_of(self.event_id, self.endpoint.identity)
        super().save(*args, **kwargs)

    @property
    def public_id(self) -> str:
        return ids.encode("dlv", self.id)

    @property
    def is_told_in_digest(self) -> bool:
        """Whether it was told with others, and not by itself."""
        return self.state == self.State.CANCELLED and self.digest_id is not None


def id_of(event: UUID, endpoint: UUID | str) -> UUID:
    """The id of the delivery of an event to an endpoint, by `Endpoint.identity`."""
    return ids.derived(event, endpoint)


class Attempt(models.Model):
    """One try at a delivery: what was sent, what came back, how long it took.

    `request` and `response` are `{"method", "url", "headers", …}` and `{"status", "headers", "body"}`; the
    request's body is kept only where it differs from the event's representation. `timings` are milliseconds.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts", db_index=False)
    number = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    verdict = models.CharField(max_length=10)  # delivered, retry, failed, gone
    code = models.CharField(max_length=30)  # "204", "time-out", "connection", "tls", "refused", "smtp 550"
    explanation = RemarkField()
    request = models.JSONField(default=dict)
    response = models.JSONField(default=dict)
    timings = models.JSONField(default=dict)
    dialled = models.CharField(max_length=60, blank=True)

    class Meta:
        indexes = [models.Index(fields=["delivery", "id"], name="attempt_by_delivery")]

    def __str__(self) -> str:
        return f"{self.delivery_id} #{self.number}: {self.code}"
