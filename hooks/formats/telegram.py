"""`telegram` sends a message by a bot (core.telegram.org/bots/api: sendMessage)."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import parse_qs

from django.utils.translation import gettext_noop as _

from hooks.formats import parts
from hooks.formats.base import Format, Option
from hooks.messages import Answer, Message, Notification, Verdict
from hooks.remarks import advise
from hooks.wording import Story, tell
from notifications_project.network.web_address import BadAddress, parse

_MOST = 4096  # characters of a text without its markup
_METHOD = re.compile(r"/bot(?P<token>[0-9]+:[A-Za-z0-9_-]+)(/[A-Za-z]*)?/?$")
_NO_LINK = "\u2060"  # WORD JOINER, invisible
_MENTION = re.compile(r"(?<!\w)@(?=\w)")
_MOVED = _("The group has become a supergroup, with another id. Put the new chat id here.")
_MOVED_TO = _("The group has become a supergroup, with another id. Put the new chat id here: %(chat)s.")
_UNKNOWN_TOKEN = _("Telegram does not know this bot token. Ask @BotFather for it and put it here.")
_FORBIDDEN = _("Telegram says: %(said)s. Let the bot write there again, then enable the hook.")
_NO_TOPIC = _("Telegram finds no such topic in this chat. Check its number, or leave it out.")
_NO_CHAT = _("Telegram finds no such chat. Add the bot to it, or write to the bot first, and check the chat's id.")
_NO_RIGHTS = _("The bot may not write in this chat. Give it the right to send messages there.")


class Telegram(Format):
    name = "telegram"
    label = "Telegram"
    help = _("A message by your bot in a Telegram chat, group or channel.")
    setup: ClassVar[str] = _(
        "In Telegram write /newbot to @BotFather and copy the token that it answers. Add the bot to the group or"
        " channel, or write to it yourself, and give that chat's id, or the @name of a public channel."
    )
    signed = False
    hosts = ("api.telegram.org",)
    default_url = "https://api.telegram.org"
    options = (
        Option(
            "token",
            _("Bot token"),
            help=_("From @BotFather."),
            required=True,
            secret=True,
            pattern=r"[0-9]+:[A-Za-z0-9_-]{20,}",
            problem=_("A token looks like 123456789:AAE… with at least 20 characters after the colon."),
        ),
        Option(
            "chat",
            _("Chat"),
            help=_("The chat's id, such as -1001234567890, or @name of a public channel."),
            required=True,
            pattern=r"-?[0-9]{1,20}|@[A-Za-z][A-Za-z0-9_]{3,31}",
            problem=_("Give the number of a chat, or @ and the name of a public channel."),
            most=40,
        ),
        Option(
            "topic",
            _("Topic"),
            help=_("Only for a group with topics: the number of the topic, the last one in the link to it."),
            pattern=r"[1-9][0-9]{0,9}",
            problem=_("Give the number of a topic."),
            most=10,
        ),
    )

    def write(self, notification: Notification) -> Message:
        story = tell(notification)
        body: dict[str, Any] = {
            "chat_id": self.get_option(notification, "chat"),
            "text": _write_text(story),
            "parse_mode": "HTML",
            "link_preview_options": {"is_disabled": True},
        }
        if topic := self.get_option(notification, "topic"):
            body["message_thread_id"] = int(topic)
        token = self.get_option(notification, "token")
        url = parts.replace_path(notification.address, lambda path: f"{_strip_method(path)}/bot{token}/sendMessage")
        return parts.build_json_message(body, url=url)

    def adopt(self, url: str) -> tuple[str, dict[str, str]]:
        """Take the token, and the chat if it is there, out of a whole API URL as manuals show it."""
        try:
            address = parse(url)
        except BadAddress:
            return url, {}
        found = _METHOD.search(address.path)
        if not found:
            return url, {}
        chat = parse_qs(address.query or "").get("chat_id", [""])[0]
        options = {"token": found["token"], **({"chat": chat} if chat else {})}
        return str(replace(address, path=_METHOD.sub("", address.path), query=None)), options

    def understand(self, answer: Answer) -> Answer:
        said = parts.read_object(answer)
        problem = parts.read_words(said.get("description"))
        parameters = parts.get_object(said, "parameters")
        if answer.status == 429:
            wait = parts.read_seconds(parameters.get("retry_after"))
            return replace(answer, retry_after=answer.retry_after if wait is None else wait)
        if said.get("ok") is not False or answer.status is None:
            return answer
        if answer.status in {401, 404}:
            return replace(answer, meaning=Verdict.RETRY, text=advise(_UNKNOWN_TOKEN))
        if answer.status == 403:
            return replace(answer, meaning=Verdict.GONE, text=advise(_FORBIDDEN, said=problem or "Forbidden"))
        if answer.status == 400:
            return _judge_bad_request(answer, problem, parameters.get("migrate_to_chat_id"))
        return replace(answer, text=problem) if problem else answer


def _strip_method(path: str) -> str:
    """Return the path before `/bot…`, also if a whole API URL was pasted."""
    return _METHOD.sub("", path).rstrip("/")


def _judge_bad_request(answer: Answer, problem: str, moved_to: object) -> Answer:
    """Judge a 400: an error about the chat concerns every message, any other error only this one."""
    reason = problem.lower()
    if isinstance(moved_to, int) and not isinstance(moved_to, bool) and abs(moved_to) < 10**20:
        return replace(answer, meaning=Verdict.GONE, text=advise(_MOVED_TO, chat=moved_to))
    if "upgraded to a supergroup" in reason:
        return replace(answer, meaning=Verdict.GONE, text=advise(_MOVED))
    if "thread not found" in reason:
        return replace(answer, meaning=Verdict.RETRY, text=advise(_NO_TOPIC))
    if "chat not found" in reason:
        return replace(answer, meaning=Verdict.GONE, text=advise(_NO_CHAT))
    if "rights" in reason or "write_forbidden" in reason:
        return replace(answer, meaning=Verdict.RETRY, text=advise(_NO_RIGHTS))
    return replace(answer, text=problem) if problem else answer


def escape(text: str) -> str:
    """Escape a text so that Telegram shows it unchanged, and break its mentions."""
    return html.escape(_break_mentions(text), quote=False)


def _write_text(story: Story) -> str:
    """Return the story as HTML, with as many facts as fit."""
    room = _MOST - _count(story.title, story.line, story.note, story.link)
    facts: list[str] = []
    for label, value in story.facts:
        room -= _count(label, story.colon, value)
        if room < 0:
            break
        facts.append(f"{escape(label)}{story.colon}<b>{escape(value)}</b>")
    told = f"<b>{escape(story.title)}</b>\n{escape(story.line)}"
    link = f'<a href="{html.escape(story.url)}">{escape(story.link)}</a>'
    return "\n\n".join(filter(None, (told, "\n".join(facts), escape(story.note), link)))


def _break_mentions(text: str) -> str:
    return _MENTION.sub(f"@{_NO_LINK}", text)


def _count(*texts: str) -> int:
    """Count characters as Telegram does, with two line ends after each text."""
    return sum(parts.count_utf16(_break_mentions(text)) + 2 for text in texts)
