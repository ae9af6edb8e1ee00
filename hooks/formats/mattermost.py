"""`mattermost` posts an attachment with Mattermost's markdown through an incoming webhook.

Sources: Mattermost's documentation of incoming webhooks and message attachments; the error ids are in its server's
code.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, ClassVar

from django.utils.translation import gettext_noop as _

from hooks.formats import attachments, parts
from hooks.formats.base import Format
from hooks.messages import Answer, Message, Notification, Verdict
from hooks.remarks import advise
from hooks.wording import Story, plain, tell
from notifications_project.network.web_address import get_path

_CHANNEL = _(
    "The Mattermost channel of this webhook was deleted or archived. Restore it, or make a new one in"
    " Mattermost and put its URL here."
)
_CREATOR = _(
    "Whoever made this webhook in Mattermost is gone from there, or from its channel. Make a new one in"
    " Mattermost and put its URL here."
)
_GONE = {
    "web.incoming_webhook.invalid.app_error": _(
        "Mattermost knows no such webhook: it was deleted. Make a new one in Mattermost and put its URL here."
    ),
    "web.incoming_webhook.disabled.app_error": _(
        "Incoming webhooks are switched off on this Mattermost server. Ask its"
        " system administrator to enable them in the System Console, under Integrations."
    ),
    "web.incoming_webhook.channel.app_error": _CHANNEL,
    "app.channel.get.existing.app_error": _CHANNEL,
    "api.post.create_post.can_not_post_to_deleted.error": _CHANNEL,
    "web.incoming_webhook.user.app_error": _CREATOR,
    "web.incoming_webhook.permissions.app_error": _CREATOR,
}
_FAILED = {
    "web.incoming_webhook.text.app_error": _("Mattermost found no text in this message."),
    "web.incoming_webhook.parse.app_error": _("Mattermost could not read this message."),
    "model.incoming_hook.parse_data.app_error": _("Mattermost could not read this message."),
}
_KEY = re.compile(r"/hooks/[a-z0-9]{26}/?")  # the end of a webhook's URL on every server

# URLs are not escaped, except for signs that are markup even there: Mattermost links them, and an escape would become
# part of the link.
_MARKUP = re.compile(
    r"(?P<url>https?://(?:[A-Za-z0-9./?=%+:,;#-]|(?<=[A-Za-z0-9])_(?=[A-Za-z0-9])|(?<=/)~(?=[A-Za-z0-9])|&(?!#?\w+;))+)"
    r"|(?P<begins>^\d+(?=[.)])|^(?=[-+=#]))"
    r"|(?P<tag>[#~](?=[^\W_]))"
    r"|(?P<sign>[\\`*_\[\]~])"
    r"|(?P<entity>[&<>])"
)
_NO_WIDTH = "\u200b"
_LOOK_ALIKE = {"*": "\u2217", "`": "\u02cb"}  # both can open and close within a word
_IN_FOOTER = re.compile(r"[*`]|(?<![^\W_])_|_(?![^\W_])|(?<!\d):(?=[\w+-])|[~#\\&<](?=\S)")
_BEGINS_BLOCK = re.compile(r"[-+=>]|\d+[.)]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


class Mattermost(Format):
    name = "mattermost"
    label = "Mattermost"
    self_hosted = True
    help = _("A post in a channel of a Mattermost server.")
    setup: ClassVar[str] = _(
        "In Mattermost open the product menu, Integrations, Incoming Webhooks, and press Add Incoming Webhook. Give it"
        " a name, select the channel, save it, and copy its URL, which ends with /hooks/ and a key. If there is no"
        " Integrations, a system administrator has to enable incoming webhooks in the System Console first."
    )
    signed = False
    hosts = ("cloud.mattermost.com",)

    def is_meant_by(self, url: str) -> bool:
        path = get_path(url)
        return super().is_meant_by(url) or bool(_KEY.fullmatch(path[path.rfind("/hooks/") :]))

    def write(self, notification: Notification) -> Message:
        story = tell(notification)
        line = parts.fit(story.line, attachments.LONGEST_TEXT, escape)
        box: dict[str, Any] = {
            "fallback": parts.fit(attachments.summarize(story), attachments.LONGEST_FOOTER, attachments.defuse),
            "color": attachments.COLOURS[story.outcome],
            # Mattermost shows a linked title and labels as plain text: escapes would be visible.
            "title": parts.fit(story.title, attachments.LONGEST_TITLE, attachments.defuse),
            "title_link": story.url,
            "text": f"**{escape(story.note)}**\n{line}" if story.note else line,
            "footer": parts.fit(_write_footer(notification, story), attachments.LONGEST_FOOTER, unmark),
        }
        body = {"attachments": [box]}
        room = attachments.MOST - attachments.measure(body)
        told = attachments.list_facts(notification, story)
        box["fields"] = attachments.make_fields(told, room, attachments.defuse, escape)
        return parts.build_json_message(body)

    def understand(self, answer: Answer) -> Answer:
        """Judge an answer by its `id`; an unknown one keeps Mattermost's own `message`."""
        if answer.arrived:
            return answer
        said = parts.read_object(answer)
        name = said.get("id")
        if not isinstance(name, str):
            return answer
        if name in _GONE:
            return replace(answer, meaning=Verdict.GONE, text=advise(_GONE[name]))
        if name in _FAILED:
            return replace(answer, meaning=Verdict.FAILED, text=advise(_FAILED[name]))
        return replace(answer, text=parts.read_words(said.get("message")) or answer.text)


def escape(text: str) -> str:
    """Escape a text so that Mattermost shows it unchanged."""
    return _MARKUP.sub(_escape_match, attachments.defuse(text))


def _escape_match(found: re.Match[str]) -> str:
    sign = found.group()
    match found.lastgroup:
        case "entity":
            return _ENTITIES[sign]
        case "begins":  # a list, a heading, a line
            return f"{sign}\\"
        case "tag":  # a hashtag, a link to a channel
            return f"{sign}\u200b" if sign == "#" else f"\\{sign}\u200b"
        case "sign":
            return f"\\{sign}"
        case _:
            return sign


def unmark(text: str) -> str:
    """Change a text so that it looks the same as markdown and as plain text.

    Mattermost reads footers as markdown since 11.7, as plain text before. An escape would be visible in plain text, so
    zero-width spaces break the markup, and look-alikes replace the two signs that these do not break.
    """
    found = _IN_FOOTER.sub(_unmark_match, attachments.defuse(text))
    return f"{_NO_WIDTH}{found}" if _BEGINS_BLOCK.match(found) else found


def _unmark_match(found: re.Match[str]) -> str:
    sign = found.group()
    return _LOOK_ALIKE.get(sign) or f"{_NO_WIDTH}{sign}{_NO_WIDTH}"


def _write_footer(notification: Notification, story: Story) -> str:
    """Return the footer, organization and time: Mattermost ignores the time field of an attachment."""
    return " · ".join(each for each in (plain.make_name(notification.organization), story.when[1]) if each)
