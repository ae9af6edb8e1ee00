"""`raw` sends the JSON representation of the event, byte for byte (docs/webhooks.md)."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from hooks.formats.base import Format
from hooks.messages import Message, Notification


class Raw(Format):
    name = "raw"
    label = "Raw"
    self_hosted = True
    help = _("The event as JSON, identical to the API, signed with Standard Webhooks.")

    def write(self, notification: Notification) -> Message:
        return Message(body=notification.representation.encode(), content_type="application/json")
