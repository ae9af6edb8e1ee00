"""Reports of a mail provider after it accepted a mail: permanent bounces, rejections and complaints about spam."""

from __future__ import annotations

from typing import Any

from hooks.consent.suppressing import stop_everywhere
from hooks.remarks import Remark, RemarkCode
from hooks.wording import plain
from notifications_project.isolation import isolate

# Bounces for other reasons (a filter, a full mailbox, a server that is away) are not about the address.
_FOR_GOOD = {"bounced", "invalid", None}
# Reasons why a provider refuses an address for good. Others ("blocked", "timed_out") may be about the message.
_REJECTED_FOR_GOOD = {"bounced", "invalid", "unsubscribed", "spam"}


def listen() -> None:
    """Connect to the reports that django-anymail's webhooks receive. Call it if a provider is configured."""
    from anymail.signals import tracking  # an optional package

    tracking.connect(_handle_report, dispatch_uid="hooks.consent.bounces")


def _handle_report(sender: object, event: Any, esp_name: str, **kwargs: Any) -> None:
    """Process one report. Errors are logged, not raised: the provider would send all reports of its request again."""
    if event.recipient:
        with isolate(f"a report of {esp_name} ({event.event_type}, id {event.event_id}) was not understood"):
            _take_in(event, esp_name)


def _take_in(event: Any, esp_name: str) -> None:
    said = plain.make_line(str(event.mta_response or event.description or ""), 120)
    if event.event_type == "bounced" and event.reject_reason in _FOR_GOOD:
        code, more = (RemarkCode.BOUNCES_SAYING, {"said": said}) if said else (RemarkCode.BOUNCES, {})
        stop_everywhere(event.recipient, Remark(code, provider=esp_name, **more))
    elif event.event_type == "rejected" and event.reject_reason in _REJECTED_FOR_GOOD:
        code, more = (RemarkCode.SUPPRESSED_SAYING, {"said": said}) if said else (RemarkCode.SUPPRESSED, {})
        stop_everywhere(event.recipient, Remark(code, provider=esp_name, reason=event.reject_reason, **more))
    elif event.event_type == "complained":
        stop_everywhere(event.recipient, Remark(RemarkCode.MARKED_AS_SPAM, provider=esp_name))
