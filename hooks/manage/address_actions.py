"""The actions for an address that an e-mail hook names but does not tell; page and API share them."""

from __future__ import annotations

from collections.abc import Callable

from django.utils.translation import gettext

from hooks.audience import recipients
from hooks.audience.recipients import SkippedAddress, SkipReason
from hooks.consent import confirming, suppressing, unsubscribing
from hooks.models import Endpoint, Hook
from notifications_project.accounts.models import User
from notifications_project.mail.addresses import make_comparable


class UnknownAddress(Exception):
    """Raised if the action does not fit the address; the message says so, for people."""


def resubscribe(hook: Hook, address: str, actor: User) -> None:
    """Undo that an address unsubscribed from the hook. Raises UnknownAddress."""
    silent = _find_skipped(hook, address, SkipReason.UNSUBSCRIBED)
    unsubscribing.resubscribe(_find_endpoint(hook, silent), [hook.pk], actor)


def ask_again(hook: Hook, address: str, actor: User) -> None:
    """Send the mail that asks for confirmation once more. Raises UnknownAddress."""
    silent = _find_skipped(hook, address, SkipReason.UNCONFIRMED)
    if not confirming.ask_again(hook.organization, silent.address, actor):
        text = gettext("%(address)s was sent a mail a moment ago. Wait ten minutes before the next.")
        raise UnknownAddress(text % {"address": silent.address})


def try_again(hook: Hook, address: str, actor: User) -> None:
    """Have mail tried at an address that the mail server refused. Raises UnknownAddress."""
    silent = _find_skipped(hook, address, SkipReason.STOPPED)
    suppressing.try_again(_find_endpoint(hook, silent), actor)


ACTIONS: dict[str, Callable[[Hook, str, User], None]] = {
    "resubscribe": resubscribe,
    "ask-again": ask_again,
    "try-again": try_again,
}


def _find_skipped(hook: Hook, address: str, why: SkipReason) -> SkippedAddress:
    for silent in recipients.find_skipped_addresses(hook.organization, [hook]).get(hook.pk, []):
        if silent.why == why and silent.address.lower() == make_comparable(address):
            return silent
    if not address:
        raise UnknownAddress(gettext("Give an address."))
    raise UnknownAddress(_describe_refusal(why) % {"address": address})


def _describe_refusal(why: SkipReason) -> str:
    if why == SkipReason.UNSUBSCRIBED:
        return gettext("%(address)s has not unsubscribed from this hook.")
    if why == SkipReason.UNCONFIRMED:
        return gettext("%(address)s does not wait for confirmation.")
    return gettext("%(address)s still gets mail.")


def _find_endpoint(hook: Hook, silent: SkippedAddress) -> Endpoint:
    mails = Endpoint.objects.mails().filter(organization=hook.organization_id)
    return mails.select_related("organization").without_secrets().get(address=silent.address)
