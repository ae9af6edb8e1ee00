"""What can be done about an address that an e-mail hook names and that is not told: one function for page and API."""

from __future__ import annotations

from collections.abc import Callable

from hooks.audience import recipients
from hooks.audience.recipients import SkippedAddress, SkipReason
from hooks.consent import confirming, suppressing, unsubscribing
from hooks.models import Endpoint, Hook
from notifications_project.accounts.models import User
from notifications_project.mail.addresses import comparable


class UnknownAddress(Exception):
    """There is nothing of the kind to be done about this address; the message says so, for people."""


def resubscribe(hook: Hook, address: str, actor: User) -> None:
    """Undo that an address unsubscribed from the hook. Raises UnknownAddress."""
    silent = _silent(hook, address, SkipReason.UNSUBSCRIBED, "has not unsubscribed from this hook")
    unsubscribing.resubscribe(_endpoint(hook, silent), [hook.pk], actor)


def ask_again(hook: Hook, address: str, actor: User) -> None:
    """Send the mail that asks for confirmation once more. Raises UnknownAddress."""
    silent = _silent(hook, address, SkipReason.UNCONFIRMED, "does not wait for confirmation")
    if not confirming.ask_again(hook.organization, silent.address, actor):
        raise UnknownAddress(f"{silent.address} was sent a mail a moment ago. Wait ten minutes before the next.")


def try_again(hook: Hook, address: str, actor: User) -> None:
    """Have mail tried at an address that the mail server refused. Raises UnknownAddress."""
    silent = _silent(hook, address, SkipReason.STOPPED, "is not stopped")
    suppressing.try_again(_endpoint(hook, silent), actor)


ACTIONS: dict[str, Callable[[Hook, str, User], None]] = {
    "resubscribe": resubscribe,
    "ask-again": ask_again,
    "try-again": try_again,
}


def _silent(hook: Hook, address: str, why: SkipReason, otherwise: str) -> SkippedAddress:
    for silent in recipients.skipped_addresses(hook.organization, [hook]).get(hook.pk, []):
        if silent.why == why and silent.address.lower() == comparable(address):
            return silent
    raise UnknownAddress(f"{address or 'No address'} {otherwise}.")


def _endpoint(hook: Hook, silent: SkippedAddress) -> Endpoint:
    mails = Endpoint.objects.mails().filter(organization=hook.organization_id)
    return mails.select_related("organization").without_secrets().get(address=silent.address)
