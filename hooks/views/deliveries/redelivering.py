"""Messages that pages show after deliveries were sent again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext

from hooks.deliveries import resending
from hooks.models import Delivery
from notifications_project.accounts.access import get_signed_in_user
from notifications_project.refusals import report_refusal
from notifications_project.words import number


def redeliver_one(request: HttpRequest, delivery: Delivery) -> None:
    """Send a delivery again, and say in a message that it goes or why it cannot."""
    with report_refusal(request, resending.CannotRedeliver):
        resending.redeliver(delivery, get_signed_in_user(request))
        messages.success(request, gettext("It is on its way. Reload this page in a moment to see the attempt."))


def report_redelivered(request: HttpRequest, sent: Collection[Delivery], refused: Mapping[UUID, str]) -> None:
    """Say how many of the ticked deliveries go out, and why the others do not."""
    if not sent and not refused:
        messages.info(request, gettext("Nothing was selected. Tick the deliveries to send again."))
    if sent:
        going = ngettext("%(number)s delivery is on the way.", "%(number)s deliveries are on the way.", len(sent))
        messages.success(request, going % {"number": number(len(sent))})
    for why, count in Counter(refused.values()).items():
        held = ngettext(
            "%(number)s delivery was not sent again. %(reason)s",
            "%(number)s deliveries were not sent again. %(reason)s",
            count,
        )
        messages.error(request, held % {"number": number(count), "reason": why})
