"""What a mail provider tells after it took a mail: that it bounced for good, or that its receiver calls it spam."""

from __future__ import annotations

from typing import Any

from hooks.consent.suppressing import stop_everywhere
from hooks.wording import plain
from notifications_project.isolation import isolated

# A bounce for another reason (a filter, a full mailbox, a server that is away) is not about the address.
_FOR_GOOD = {"bounced", "invalid", None}
# Why a provider itself sends nothing to an address any more. Blocked or timed out may be about the message.
_REJECTED_FOR_GOOD = {"bounced", "invalid", "unsubscribed", "spam"}


def listen() -> None:
    """Hear what django-anymail's webhooks are told. Called where a provider is configured."""
    from anymail.signals import tracking  # an optional package

    tracking.connect(_hear, dispatch_uid="hooks.consent.bounces")


def _hear(sender: object, event: Any, esp_name: str, **kwargs: Any) -> None:
    """Take in one report of a provider's request, which may hold many: one that fails has none of them sent again."""
    if event.recipient:
        with isolated(f"a report of {esp_name} ({event.event_type}, id {event.event_id}) was not understood"):
            _take_in(event, esp_name)


def _take_in(event: Any, esp_name: str) -> None:
    said = plain.line(str(event.mta_response or event.description or ""), 120)
    if event.event_type == "bounced" and event.reject_reason in _FOR_GOOD:
        stop_everywhere(event.recipient, f"{esp_name} says that mail to it bounces{f': {said}' if said else '.'}")
    elif event.event_type == "rejected" and event.reject_reason in _REJECTED_FOR_GOOD:
        why = f"{event.reject_reason}: {said}" if said else f"{event.reject_reason}."
        stop_everywhere(event.recipient, f"{esp_name} says that it sends nothing to it: {why}")
    elif event.event_type == "complained":
        stop_everywhere(event.recipient, f"{esp_name} says that its receiver marked a mail as spam.")
