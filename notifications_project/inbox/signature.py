"""Signatures of received webhooks are verified by the specification Standard Webhooks.

The `standardwebhooks` library verifies them; it shares no code with the console's own signing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from standardwebhooks import Webhook, WebhookVerificationError

from hooks.models import Endpoint
from notifications_project.encryption import Unreadable, hash_with_each_key
from notifications_project.inbox.models import Message

HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
Signature = Message.Signature


@dataclass(frozen=True)
class SignatureVerdict:
    signature: Message.Signature
    reason: str


def judge(body: bytes, headers: Mapping[str, str], addresses: set[str]) -> SignatureVerdict:
    """Verify a message with the secrets of every webhook to one of `addresses`. `headers` have lower-case names."""
    missing = [name for name in HEADERS if not headers.get(name)]
    if missing:
        return SignatureVerdict(Signature.UNSIGNED, f"It came without {' and '.join(missing)}.")
    refusals: list[str] = []
    for name, key in _list_keys(addresses):
        try:
            Webhook(key).verify(body, dict(headers), json_parse=False)
        except (WebhookVerificationError, ValueError) as error:
            refusals.append(f"With the secret of {name}: {str(error).rstrip('.')}.")
        else:
            return SignatureVerdict(Signature.VERIFIED, f"It was signed with the secret of {name}.")
    if refusals:
        return SignatureVerdict(Signature.WRONG, refusals[0])
    return SignatureVerdict(Signature.UNKNOWN, "It is signed, but no webhook of this console sends to this address.")


def _list_keys(addresses: set[str]) -> Iterator[tuple[str, str]]:
    """Yield the name of each webhook to one of `addresses` with each of its valid secrets."""
    hashes = [each for address in addresses for each in hash_with_each_key(address)]
    endpoints = Endpoint.objects.filter(
        kind=Endpoint.Kind.WEBHOOK, deleted_at__isnull=True, address_key__in=hashes
    ).select_related("hook", "channel__user")
    for endpoint in endpoints:
        if isinstance(endpoint.secrets, Unreadable):
            continue
        for secret in endpoint.secrets.get("signing", []):
            if secret.get("until") is None or secret["until"] > time.time():
                yield _name(endpoint), secret["key"]


def _name(endpoint: Endpoint) -> str:
    """Name the owner of an endpoint: its hook, or the user whose own webhook it is."""
    if hasattr(endpoint, "hook"):
        return str(endpoint.hook)
    return f"the webhook of {endpoint.channel.user}" if hasattr(endpoint, "channel") else "a webhook"
