"""Deliveries and their attempts. The table of deliveries is the queue."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now

from events.models import Event
from hooks.models.endpoint import Endpoint, Lane
from hooks.models.hook import Hook
from hooks.models.remark_field import RemarkField
from notifications_project import ids
from notifications_project.accounts.models import Organization


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def pending(self) -> DeliveryQuerySet:
        return self.filter(state=Delivery.State.PENDING)

    def pending_for(self, endpoint: Endpoint) -> DeliveryQuerySet:
        """Filter pending deliveries to an endpoint, by its lane too: the column of endpoints has no index."""
        return self.pending().filter(lane=endpoint.lane_id, endpoint=endpoint)

    def held(self) -> DeliveryQuerySet:
        """Filter deliveries that wait until a hook is resumed or an endpoint is enabled."""
        return self.pending().filter(due_at__isnull=True)

    def mailed_to(self, address: str) -> DeliveryQuerySet:
        """Filter mails to an address, in any case."""
        mails = self.filter(endpoint__kind=Endpoint.Kind.EMAIL).alias(lower=Lower("endpoint__address"))
        return mails.filter(lower=address.lower())

    def with_endpoint(self) -> DeliveryQuerySet:
        """Load the endpoints too, without their secrets."""
        return self.select_related("endpoint").defer("endpoint__secrets")

    def cancel(self, why: str, now: datetime, digest: Delivery | None = None) -> int:
        """Settle deliveries as cancelled and end their quiet times; return how many.

        `docs/who-is-told.md`, "What ends a waiting delivery", lists who calls this. (`queue.pending._cancel_mails`
        writes the state by itself, and `engine.settling` that of one delivery which nothing can be sent for.)

        `digest` is the delivery in which they are told instead.
        """
        cancelled = Delivery.State.CANCELLED
        return self.update(state=cancelled, outcome=why, settled_at=now, due_at=None, quiet_until=None, digest=digest)


class Delivery(models.Model):
    """The delivery of an event to an endpoint. Its public id is the `webhook-id` of every attempt.

    `due_at` is when the next attempt is due; null while it is held (its hook is paused, its endpoint disabled)
    and when it is settled. `reasons` lists every rule that asked for it: `[{"rule": "hook", "id": "hook_…",
    "name": "…"}, {"rule": "setting", …}, {"rule": "test", …}]`. `hook` is the first hook among them.
    The id follows from event and endpoint: after the restore of a database, receivers recognize what is routed again.
    Ids sort like the ids of events, which is the order of routing and within a lane.
    """

    class State(models.TextChoices):
        PENDING = "pending", "Waiting"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    id = models.UUIDField(primary_key=True, editable=False)
    # No indexes of their own, as each would slow every write: the indexes below and the constraint begin with these
    # columns, and the deliveries that wait for an endpoint are found by its lane.
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
    # The end of the channel's quiet time, if there is one. Then all that waited are sent as a digest
    # (`hooks.deliveries.digests`).
    quiet_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    # How many of `tries` were resends beside the ten scheduled attempts. While a resend is due, `scheduled_at` has the
    # time at which the schedule continues.
    extra_tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    scheduled_at = models.DateTimeField(null=True, blank=True)
    outcome = RemarkField(blank=True)  # the last answer
    # The digest that contained it. No constraint: the value stays when the digest is deleted with its user's account,
    # and that deletion would need an index to check it.
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

    objects = DeliveryQuerySet.as_manager()

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
        self.pk = self.pk or derive_delivery_id(self.event_id, self.endpoint.identity)
        super().save(*args, **kwargs)

    @property
    def public_id(self) -> str:
        return ids.encode("dlv", self.id)

    @property
    def is_told_in_digest(self) -> bool:
        """Tell whether a digest contained the delivery."""
        return self.state == self.State.CANCELLED and self.digest_id is not None


def derive_delivery_id(event: UUID, endpoint: UUID | str) -> UUID:
    """Return the id of the delivery of an event to an endpoint, given by `Endpoint.identity`."""
    return ids.derive_uuid7(event, endpoint)


class Attempt(models.Model):
    """An attempt to send a delivery: the request, the answer and the time it took.

    `request` and `response` are `{"method", "url", "headers", …}` and `{"status", "headers", "body"}`; the
    request's body is stored only if it differs from the event's representation. `timings` are milliseconds.
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
