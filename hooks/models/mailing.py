"""Decisions of recipients about the mail from a hook."""

from __future__ import annotations

from django.db import models

from hooks.models.endpoint import Endpoint
from hooks.models.hook import Hook


class Unsubscription(models.Model):
    """An e-mail address that wants no mail from a hook. Deleting the row undoes it."""

    id = models.BigAutoField(primary_key=True)
    hook = models.ForeignKey(Hook, on_delete=models.CASCADE, related_name="unsubscriptions", db_index=False)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="unsubscriptions")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hook", "endpoint"], name="unsubscription_once")]

    def __str__(self) -> str:
        return f"{self.endpoint_id} from {self.hook_id}"
