"""event -> message; one file a format. The registry below is the only other place that names one."""

from hooks.formats.apns import Apns
from hooks.formats.base import Format, Option
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


def proposed_for(url: str) -> Format | None:
    """The format that a URL is most likely meant for, by its host."""
    return next((known for known in webhook_formats() if known.is_meant_by(url)), None)


def webhook_formats() -> list[Format]:
    """The formats a webhook can have, in the order in which pages offer them."""
    return [known for known in FORMATS.values() if known.transport == "http"]


__all__ = ["FORMATS", "Format", "Option", "proposed_for", "webhook_formats"]
