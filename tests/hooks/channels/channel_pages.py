"""Helpers of the tests of the tab *Channels*: its addresses, its text, a delivery that waits."""

from __future__ import annotations

import re
from typing import Any

from events import intake
from hooks import clock
from hooks.models import Channel, Delivery
from notifications_project.accounts.models import AuditEntry, Organization, User
from tests.hooks.formats.hipchat_server import ROOM, TOKEN

CHANNELS = "/account/notifications/channels/"
SNOOZE = "/account/notifications/snooze/"
DEVICE = "0123456789abcdef" * 4
HTMX = {"HX-Request": "true"}
ROOM_FIELDS = {"option_hipchat_token": TOKEN, "option_hipchat_room": ROOM, "option_hipchat_version": "1"}
URL = "http://ann:secret@127.0.0.1:9/in?token=t0p"


def words(html: str) -> str:
    """Return the text of a page without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", html.partition("<main")[2]).split())


def actions(user: User) -> list[str]:
    return list(AuditEntry.objects.filter(organization_id=user.pk).order_by("pk").values_list("action", flat=True))


def owe(channel: Channel, organization: Organization, **fields: Any) -> Delivery:
    """Create a pending delivery of an organization's event to a channel, as routing would."""
    assert channel.endpoint
    event = intake.record(organization, [intake.NewEvent(type="job.fail", data={"name": "invoices"})])[0]
    values = {"reasons": [{"rule": "setting", "name": "everything"}], "due_at": clock.now(), **fields}
    return Delivery.objects.create(
        organization=organization, event=event, endpoint=channel.endpoint, lane_id=channel.endpoint.lane_id, **values
    )
