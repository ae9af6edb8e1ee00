"""event -> message; one file a format. The registry below is the only other place that names one."""

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

# The services that limit all requests of one sender together; lanes of webhooks there have these names as transport.
LIMITED_HOSTS: dict[str, HostLimit] = {known.name: known.host_limit for known in FORMATS.values() if known.host_limit}


def transport_to(url: str) -> str:
    """The transport of a lane that leads to this URL, whatever format its webhook has."""
    return next((name for name in LIMITED_HOSTS if FORMATS[name].is_meant_by(url)), "http")


def proposed_for(url: str) -> Format | None:
    """The format that a URL is most likely meant for, by its host."""
    return next((known for known in webhook_formats() if known.is_meant_by(url)), None)


def webhook_formats() -> list[Format]:
    """The formats a webhook can have, in the order in which pages offer them."""
    return [known for known in FORMATS.values() if known.transport == "http"]


__all__ = [
    "FORMATS",
    "LIMITED_HOSTS",
    "Format",
    "HostLimit",
    "Option",
    "proposed_for",
    "transport_to",
    "webhook_formats",
]
