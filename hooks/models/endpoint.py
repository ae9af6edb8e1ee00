"""Endpoints, and the lanes in which deliveries wait for them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from hooks.models.remark_field import RemarkField
from notifications_project.accounts.models import Organization
from notifications_project.encryption import EncryptedJSONField, Unreadable, hash_with_key
from notifications_project.masking import mask_to_host

SEVERAL_FAILED = 3  # after so many permanent failures in a row the receiver is at fault


class Lane(models.Model):
    """The queue of a URL, or of an organization's mail or push: the unit of fairness, order, back-off and circuit.

    `work_due_at` is when its first delivery is due (null: no work), `not_before` when an attempt is permitted (circuit,
    Retry-After). They are separate so that a new event never defeats a back-off; pumps read `next_at`, the later of
    the two. A lane is leased with a token (docs/architecture.md). `queue.lanes` has what everybody may do with lanes,
    `engine.lanes` how a worker leases them.
    """

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    transport = models.CharField(max_length=10)
    work_due_at = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    next_at = models.DateTimeField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    token = models.UUIDField(null=True, blank=True)
    # Reset since it was leased last: what the holder of that lease learns is about the time before, and is dropped.
    was_reset = models.BooleanField(default=False, db_default=False)
    seats = models.PositiveSmallIntegerField(default=1)
    failures = models.PositiveIntegerField(default=0)  # failures of different deliveries in a row
    circuit_open = models.BooleanField(default=False)
    last_failed = models.UUIDField(null=True, blank=True)  # the delivery: another failure of it does not count again
    # Chosen by a person: strict order, and a rate limit per second (a token bucket of `burst`).
    ordered = models.BooleanField(default=False)
    rate = models.FloatField(null=True, blank=True)
    burst = models.PositiveSmallIntegerField(default=1)
    allowance = models.FloatField(default=0)
    allowance_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "transport"],
                condition=Q(transport__in=["smtp", "apns"]),
                name="lane_one_per_transport",
            ),
        ]
        indexes = [
            models.Index(fields=["transport", "next_at"], condition=Q(next_at__isnull=False), name="lane_due"),
        ]

    def __str__(self) -> str:
        return f"lane {self.pk} ({self.transport})"


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    def without_secrets(self) -> EndpointQuerySet:
        """Defer the secrets: decrypting them takes time, and most callers do not need them."""
        return self.defer("secrets")

    def mails(self) -> EndpointQuerySet:
        """Filter e-mail addresses and alias `lower`: look-ups by it use an index, those by `iexact` would not."""
        return self.filter(kind=Endpoint.Kind.EMAIL).alias(lower=Lower("address"))

    def for_addresses(self, addresses: Iterable[str]) -> EndpointQuerySet:
        """Filter the endpoints of e-mail addresses, in any case."""
        return self.mails().filter(Q(lower__in=[address.lower() for address in addresses]))


class Endpoint(models.Model):
    """An address for deliveries.

    An e-mail address is one endpoint of its organization, whatever names it. Every webhook has its own, even for an
    equal URL. Webhook URLs and device tokens are credentials: `address` has the part that everybody may read,
    `address_key` a keyed hash for look-ups, and `secrets`, which is encrypted, the whole.
    `secrets`: `{"address": "https://…", "signing": [{"key": "whsec_…", "until": epoch or null}, …], "options": {…}}`;
    the first signing key is the current one, the others are valid until their time (rotation).
    """

    class Kind(models.TextChoices):
        EMAIL = "email", "E-mail address"
        WEBHOOK = "webhook", "Webhook"
        DEVICE = "device", "Device"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="endpoints")
    kind = models.CharField(max_length=10, choices=Kind)
    address = models.TextField()
    address_key = models.CharField(max_length=64, blank=True, default="")
    format = models.CharField(max_length=20)
    options = models.JSONField(default=dict, blank=True)
    secrets = EncryptedJSONField(default=dict, blank=True, found_by={"address": "address_key"})
    lane = models.ForeignKey(Lane, on_delete=models.PROTECT, related_name="endpoints")
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_reason = RemarkField(blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    warned_at = models.DateTimeField(null=True, blank=True)
    # Permanent failures in a row, and the time of the first (`hooks.endpoints.health`).
    failed = models.PositiveIntegerField(default=0, db_default=0)
    failed_since = models.DateTimeField(null=True, blank=True)
    last_delivered_at = models.DateTimeField(null=True, blank=True)
    last_answer = RemarkField(blank=True)
    last_attempt_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    # For e-mail addresses of no member: when the confirmation mail was sent and confirmed. `ask_at` is when such a
    # mail is due; null if none is.
    ask_at = models.DateTimeField(null=True, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)

    objects = EndpointQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "organization", Lower("address"), condition=Q(kind="email"), name="endpoint_email_unique"
            ),
            models.UniqueConstraint(
                fields=["organization", "address_key"],
                condition=Q(kind="device") & ~Q(address_key=""),
                name="endpoint_device_unique",
            ),
        ]
        indexes = [
            models.Index(fields=["address_key"], condition=~Q(address_key=""), name="endpoint_by_address_key"),
            models.Index(fields=["ask_at"], condition=Q(ask_at__isnull=False), name="endpoint_to_ask"),
        ]

    def __str__(self) -> str:
        return self.address

    @property
    def identity(self) -> UUID | str:
        """Return the key for ids of deliveries: the id, but for e-mail the address, as routing may create a new row."""
        return self.address.lower() if self.kind == self.Kind.EMAIL else self.pk

    @property
    def whole_address(self) -> str:
        """Return the full URL, address or token; empty if no key in ENCRYPTION_KEYS decrypts it."""
        if not self.address_key:
            return self.address  # e-mail, or secrets that migration 0015 could not decrypt
        return "" if isinstance(self.secrets, Unreadable) else str(self.secrets.get("address", ""))

    def is_lost(self, secrets: Mapping[str, Any]) -> bool:
        """Tell whether `secrets` lack what sending needs: they cannot be decrypted, and were not given anew."""
        if isinstance(secrets, Unreadable):
            return True
        needed = bool(self.address_key) and self.kind == self.Kind.WEBHOOK
        return needed and not (secrets.get("address") and secrets.get("signing"))

    def set_address(self, address: str) -> None:
        """Set a secret address. The other secrets stay, unless they cannot be decrypted: then this discards them."""
        kept = {} if isinstance(self.secrets, Unreadable) else self.secrets
        self.secrets = {**kept, "address": address}
        self.address, self.address_key = mask_to_host(address), hash_with_key(address)


class Circuit(models.Model):
    """The circuit of a whole transport (`smtp`, `apns`). While it is open, nothing is sent before `not_before`.

    For a service with a `HostLimit` it also has how much of the limit this installation has used.
    """

    transport = models.CharField(max_length=10, primary_key=True)
    not_before = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    last_error = RemarkField(blank=True)
    allowance = models.FloatField(default=0, db_default=0)  # in a bucket that all workers share
    allowance_at = models.DateTimeField(null=True, blank=True)
    # Answers that count against the sender, by the minute since 1970 in which they came; only of the last minutes.
    refusals_by_minute = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))

    def __str__(self) -> str:
        return self.transport


class PumpHeartbeat(models.Model):
    """Shows that a pump is at work, to the watchdog and to whoever would wake another."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Cleared before the last look for work: work that comes later must wake another pump.
    active = models.BooleanField(default=True)
    seen_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["seen_at"], name="pump_seen")]

    def __str__(self) -> str:
        return f"heartbeat of pump {self.pk}"
