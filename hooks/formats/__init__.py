"""Formats write an event as a message. Each has a file of its own and one line in the registry below.

CONTRIBUTING.md, "Adding things", says how to add one. `base`, `parts`, `kinds` and `attachments` are what they share.
"""

from hooks.formats.apns import Apns
from hooks.formats.base import Format, HostLimit, Option
from hooks.formats.discord import Discord
from hooks.formats.flowdock import Flowdock
from hooks.formats.google_chat import GoogleChat
from hooks.formats.hipchat import HipChat
from hooks.formats.mail import Mail
from hooks.formats.mattermost import Mattermost
from hooks.formats.ntfy import Ntfy
from hooks.formats.pagerduty import PagerDuty
from hooks.formats.raw import Raw
from hooks.formats.slack import Slack
from hooks.formats.teams import Teams
from hooks.formats.telegram import Telegram
from hooks.messages import Transport

FORMATS: dict[str, Format] = {
    kind.name: kind()
    for kind in (
        Raw,
        Slack,
        Mattermost,
        Discord,
        Teams,
        GoogleChat,
        Ntfy,
        PagerDuty,
        Telegram,
        Flowdock,
        HipChat,
        Mail,
        Apns,
    )
}

# Services that limit all requests of one sender together. The lanes of their webhooks have these names as transport,
# so that one hold stops them all.
LIMITED_HOSTS: dict[str, HostLimit] = {known.name: known.host_limit for known in FORMATS.values() if known.host_limit}


def get_transport(url: str) -> str:
    """Return the transport for the lane of a URL: a limited service's name, or "http". The format does not matter."""
    return next((name for name in LIMITED_HOSTS if FORMATS[name].is_meant_by(url)), Transport.HTTP)


def propose_format(url: str) -> Format | None:
    """Return the format that a URL is most likely meant for, judged by its host; None if no format claims it."""
    return next((known for known in list_webhook_formats() if known.is_meant_by(url)), None)


def list_webhook_formats() -> list[Format]:
    """Return the formats a webhook can have, in the order in which pages offer them."""
    return [known for known in FORMATS.values() if known.transport == Transport.HTTP]


__all__ = [
    "FORMATS",
    "LIMITED_HOSTS",
    "Format",
    "HostLimit",
    "Option",
    "get_transport",
    "list_webhook_formats",
    "propose_format",
]
