"""Boxes, which receive webhooks and give the chosen answer, and the messages that arrived."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from notifications_project import ids

# Titles that are stored for messages that have none.
UNTITLED_EMAIL = "(no subject)"
UNTITLED_JSON, UNTITLED_BODY, NO_BODY = "A JSON body", "A request", "A request without a body"


class Box(models.Model):
    """A box is an address that receives webhooks. Its first message or its first visitor creates it."""

    class Answer(models.TextChoices):
        OK = "ok", "200 OK"
        ERROR = "error", "500 Internal Server Error"
        BUSY = "busy", _("429 Too Many Requests, try again in 30 s")
        GONE = "gone", "410 Gone"
        SLOW = "slow", _("200 OK, but only after 20 s")

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
        WEBHOOK = "webhook", _("Webhook")
        EMAIL = "email", _("E-mail")

    class Signature(models.TextChoices):
        VERIFIED = "verified", _("Signature verified")
        WRONG = "wrong", _("Wrong signature")
        UNSIGNED = "unsigned", _("Not signed")
        UNKNOWN = "unknown", _("Sender unknown")

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
    def shown_title(self) -> str:
        """Return the title, in the language of the page if the message had none of its own."""
        untitled = {
            UNTITLED_EMAIL: gettext("(no subject)"),
            UNTITLED_JSON: gettext("A JSON body"),
            UNTITLED_BODY: gettext("A request"),
            NO_BODY: gettext("A request without a body"),
        }
        return untitled.get(self.title, self.title)

    @property
    def signature_tone(self) -> str:
        """Return the class of the signature's badge."""
        tones: dict[str, str] = {self.Signature.VERIFIED: "good", self.Signature.WRONG: "bad"}
        return tones.get(self.signature, "warn")
