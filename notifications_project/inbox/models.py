"""Boxes, which receive webhooks and give the chosen answer, and the messages that arrived."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse

from notifications_project import ids


class Box(models.Model):
    """A box is an address that receives webhooks. Its first message or its first visitor creates it."""

    class Answer(models.TextChoices):
        OK = "ok", "200 OK"
        ERROR = "error", "500 Internal Server Error"
        BUSY = "busy", "429 Too Many Requests, try again in 30 s"
        GONE = "gone", "410 Gone"
        SLOW = "slow", "200 OK, but only after 20 s"

    name = models.SlugField(max_length=50, unique=True)
    answer = models.CharField(max_length=10, choices=Answer, default=Answer.OK)

    class Meta:
        verbose_name_plural = "boxes"

    def __str__(self) -> str:
        return self.name

    @property
    def path(self) -> str:
        return reverse("inbox:box", args=[self.name])

    @property
    def url(self) -> str:
        """Return the URL to paste into a webhook."""
        return f"{settings.PUBLIC_URL}{self.path}"


class Message(models.Model):
    """A webhook or an e-mail, as it arrived. `headers` is a list of [name, value]; an e-mail's are in its body."""

    class Kind(models.TextChoices):
        WEBHOOK = "webhook", "Webhook"
        EMAIL = "email", "E-mail"

    class Signature(models.TextChoices):
        VERIFIED = "verified", "Signature verified"
        WRONG = "wrong", "Wrong signature"
        UNSIGNED = "unsigned", "Not signed"
        UNKNOWN = "unknown", "Sender unknown"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    kind = models.CharField(max_length=10, choices=Kind)
    received_at = models.DateTimeField(auto_now_add=True)
    title = models.CharField(max_length=300)
    body = models.BinaryField()
    headers = models.JSONField(default=list)
    box = models.ForeignKey(Box, on_delete=models.CASCADE, null=True, related_name="messages")
    method = models.CharField(max_length=10, blank=True)
    status = models.PositiveSmallIntegerField(null=True)  # of the box's answer
    signature = models.CharField(max_length=10, choices=Signature, blank=True)
    signature_reason = models.CharField(max_length=300, blank=True)
    sender = models.CharField(max_length=254, blank=True)
    recipients = models.JSONField(default=list)

    def __str__(self) -> str:
        return self.title

    @property
    def signature_tone(self) -> str:
        """Return the class of the signature's badge."""
        tones: dict[str, str] = {self.Signature.VERIFIED: "good", self.Signature.WRONG: "bad"}
        return tones.get(self.signature, "warn")
