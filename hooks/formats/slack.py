"""`slack` posts a message to a Slack channel through an incoming webhook.

The message is a header above an attachment of Block Kit blocks; only attachments have a colour. Other hosts accept
Slack's messages without blocks (Mattermost, Rocket.Chat, Discord's `/slack`, bridges): they get the same facts as a
plain attachment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

from django.utils.translation import gettext_noop as _

from hooks.formats import attachments, parts
from hooks.formats.base import Format
from hooks.messages import Answer, Message, Notification, Verdict
from hooks.remarks import advise
from hooks.wording import Story, plain, tell

_MOST_FIELDS = 10  # in a section
_MOST_SECTIONS = 2

_REMOVED = _(
    "Slack says that this webhook was removed or switched off. Make a new webhook in Slack and put its URL here."
)
_GONE = {
    "no_service": _REMOVED,
    "no_service_id": _REMOVED,
    "no_active_hooks": _(
        "Incoming webhooks are switched off for this app in Slack. Switch them on in the app's settings,"
        " or put the URL of another webhook here."
    ),
    "no_team": _(
        "Slack knows no workspace for this URL: it was deleted, or the URL is incomplete. Make a new webhook"
        " in Slack and put its URL here."
    ),
    "team_disabled": _(
        "This Slack workspace is deactivated. Have its owner activate it again, or put the URL of a"
        " webhook of another workspace here."
    ),
    "invalid_token": _(
        "Slack refuses the last part of this URL: it was replaced or is incomplete. Copy the URL from the"
        " app's settings in Slack again."
    ),
    "channel_is_archived": _(
        "The Slack channel of this webhook is archived. Unarchive it, or make a webhook for another"
        " channel and put its URL here."
    ),
    "channel_not_found": _(
        "The Slack channel of this webhook was deleted, or is closed to it. Make a webhook for another"
        " channel and put its URL here."
    ),
    "action_prohibited": _(
        "An administrator of this Slack workspace does not let apps post here. Ask them to allow it, or make a"
        " webhook for another channel."
    ),
}
_FAILED = {
    "invalid_payload": _("Slack could not read this message (invalid_payload)."),
    "no_text": _("Slack found no text in this message (no_text)."),
    "missing_text_or_fallback_or_attachments": _("Slack found no text in this message."),
    "too_many_attachments": _("Slack found too many attachments in this message (too_many_attachments)."),
    "invalid_attachments": _("Slack does not take the attachments of this message (invalid_attachments)."),
    "invalid_blocks": _("Slack does not take the blocks of this message (invalid_blocks)."),
    "invalid_blocks_format": _("Slack does not take the blocks of this message (invalid_blocks_format)."),
    "msg_blocks_too_long": _("Slack finds this message too long (msg_blocks_too_long)."),
    "msg_too_long": _("Slack finds this message too long (msg_too_long)."),
    "user_not_found": _("The person that this webhook writes to is not known in the Slack workspace (user_not_found)."),
}
_RETRY = {
    "rollup_error": _("Slack could not post this just now (rollup_error)."),
    "posting_to_general_channel_denied": _(
        "An administrator of this Slack workspace does not let apps post to its general"
        " channel. Ask them to allow it, or make a webhook for another channel."
    ),
}
_MEANINGS = {
    answer: (meaning, text)
    for meaning, texts in ((Verdict.GONE, _GONE), (Verdict.FAILED, _FAILED), (Verdict.RETRY, _RETRY))
    for answer, text in texts.items()
}


class Slack(Format):
    name = "slack"
    label = "Slack"
    self_hosted = True
    help = _("A message in a Slack channel. Services that take Slack's messages get it without blocks.")
    setup: ClassVar[str] = _(
        "Open api.slack.com/apps and press Create New App, From scratch, with the workspace to be told. Choose Incoming"
        " Webhooks, turn on Activate Incoming Webhooks, press Add New Webhook to Workspace, select the channel where"
        " the notifications are to be posted, and allow it. Copy the Webhook URL, which starts with"
        " https://hooks.slack.com/services/, and paste it here. A URL with /triggers/ in it belongs to a workflow,"
        " which takes other messages."
    )
    signed = False
    hosts = ("hooks.slack.com", "hooks.slack-gov.com")

    def write(self, notification: Notification) -> Message:
        story = tell(notification)
        body = _write_blocks if self.is_meant_by(notification.address) else _write_plain
        return parts.build_json_message(body(notification, story))

    def understand(self, answer: Answer) -> Answer:
        """Judge an answer by its body: Slack sends one word in plain text."""
        word = str(answer.response.get("body", "")).strip()
        if answer.arrived or word not in _MEANINGS:
            return answer
        meaning, text = _MEANINGS[word]
        return replace(answer, meaning=meaning, text=advise(text))


def escape(text: str) -> str:
    """Escape a text so that Slack shows it unchanged. `&` goes first, as the other escapes contain it."""
    shown = attachments.defuse(text)
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _make_text(text: str, most: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": parts.fit(text, most, escape), "emoji": False}


def _make_markup(text: str) -> dict[str, Any]:
    """Return a text in Slack's markup. Without `verbatim` Slack would turn look-alikes into links and mentions."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


# --- For Slack -------------------------------------------------------------------------------------------------
def _write_blocks(notification: Notification, story: Story) -> dict[str, Any]:
    header = {"type": "header", "text": _make_text(story.title, attachments.LONGEST_TITLE)}
    above: list[dict[str, Any]] = [{"type": "section", "text": _make_text(story.line, attachments.LONGEST_TEXT)}]
    if story.note:
        above.insert(0, {"type": "context", "elements": [_make_markup(f"*{escape(story.note)}*")]})
    foot = [each for each in (plain.make_name(notification.organization), story.when[1]) if each]
    below = [
        {"type": "context", "elements": [_make_text(each, attachments.LONGEST_FOOTER) for each in foot]},
        {"type": "section", "text": _make_markup(f"<{_escape_url(story.url)}|{escape(story.link)}>")},
    ]
    room = attachments.MOST - attachments.measure([header, *above, *below])
    box = [*above, *_make_sections(attachments.list_facts(notification, story), room), *below]
    short = parts.fit(attachments.summarize(story), attachments.LONGEST_TEXT, escape)
    return {
        "text": short,
        "blocks": [header],
        "attachments": [{"color": attachments.COLOURS[story.outcome], "fallback": short, "blocks": box}],
    }


def _make_sections(told: list[tuple[str, str]], room: int) -> Iterator[dict[str, Any]]:
    """Yield sections with as many facts as fit, each label above its value, in two columns."""
    texts = []
    for label, value in told[: _MOST_FIELDS * _MOST_SECTIONS]:
        name = f"*{parts.fit(label, attachments.LONGEST_TITLE, escape)}*\n"
        text = _make_markup(name + parts.fit(value, attachments.LONGEST_VALUE - parts.count_utf16(name), escape))
        room -= attachments.measure(text)
        if room < 0:
            break
        texts.append(text)
    for first in range(0, len(texts), _MOST_FIELDS):
        yield {"type": "section", "fields": texts[first : first + _MOST_FIELDS]}


def _escape_url(url: str) -> str:
    """Escape a URL of the console for `<…|…>`."""
    return escape(url).replace("|", "%7C")


# --- For others that take Slack's messages ---------------------------------------------------------------------
def _write_plain(notification: Notification, story: Story) -> dict[str, Any]:
    short = parts.fit(attachments.summarize(story), attachments.LONGEST_TEXT, escape)
    line = parts.fit(story.line, attachments.LONGEST_TEXT, escape)
    box: dict[str, Any] = {
        "fallback": short,
        "color": attachments.COLOURS[story.outcome],
        "title": parts.fit(story.title, attachments.LONGEST_TITLE, escape),
        "title_link": story.url,
        "text": f"{escape(story.note)}\n{line}" if story.note else line,
        "footer": parts.fit(plain.make_name(notification.organization), attachments.LONGEST_FOOTER, escape),
        "ts": int(notification.occurred_at.timestamp()),
    }
    body = {"text": short, "attachments": [box]}
    room = attachments.MOST - attachments.measure(body)
    box["fields"] = attachments.make_fields(attachments.list_facts(notification, story), room, escape, escape)
    return body
