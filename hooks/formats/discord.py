"""`discord` posts one embed through a Discord webhook."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, ClassVar

from django.utils.translation import gettext_noop as _

from events.catalogue import Outcome
from hooks.formats import parts
from hooks.formats.base import Format, HostLimit, Option
from hooks.messages import Answer, Message, Notification, Verdict
from hooks.remarks import advise
from hooks.wording import tell
from notifications_project.network.web_address import get_path

COLOURS = {Outcome.GOOD: 0x2E9E5B, Outcome.BAD: 0xC93434, Outcome.NEUTRAL: 0x6B6F76}
_MOST = 6000  # characters of all texts of an embed together
_MOST_FIELDS = 25
_TITLE, _DESCRIPTION, _NAME, _VALUE, _FOOTER = 256, 4096, 256, 1024, 2048
_SHORT = 40  # characters; a longer value gets a row of its own

# Emphasis, headings, quotes, spoilers, links, mentions, times, emoji, links that show as such, lists.
_MARKUP = re.compile(r"[\\*_~`|>#\[\]<]|@(?=everyone|here)|:(?=//|\w+:)|^[-+](?= )")
_VERSIONED = re.compile(r"/api/v(\d+)/")
_IN_SECONDS = 8  # from this version of the API `retry_after` is in seconds, before in milliseconds
_CURRENT = "/api/v10/"

_UNKNOWN_WEBHOOK = 10015
_NEEDS_THREAD, _TWO_THREADS, _NO_FORUM = 220001, 220002, 220003
_ABOUT_THREADS = {
    _NEEDS_THREAD: _(
        "This is a forum or media channel, where each message begins a post: give a post title in this"
        " hook's settings, or add ?thread_id= and the id of a post to the URL."
    ),
    _TWO_THREADS: _(
        "A URL with thread_id writes into that post, so no post title may be given: remove one of the two."
    ),
    _NO_FORUM: _("This channel is no forum or media channel: remove the post title from this hook's settings."),
}
_DELETED = _(
    "This Discord webhook was deleted. Make a new one in the channel's settings, under Integrations, and put its URL"
    " here."
)
_UNKNOWN_TOKEN = _(
    "Discord knows no webhook with this token. Make a new one in the channel's settings, under Integrations, and put"
    " its URL here."
)


class Discord(Format):
    name = "discord"
    label = "Discord"
    help = _("A message in a channel of a Discord server.")
    setup: ClassVar[str] = _(
        "In Discord open the channel's settings, choose Integrations, then Webhooks, then New webhook, and copy its"
        " URL. To write into a thread add ?thread_id= and the thread's id to it; a forum or media channel needs that or"
        " a post title."
    )
    signed = False
    hosts = ("discord.com", "discordapp.com")
    # Discord takes 50 requests a second from one IP address, and bans it after 10,000 of these answers in 10 minutes.
    host_limit = HostLimit(
        rate=30.0,
        burst=5,
        refusals=frozenset({401, 403, 429}),
        most_refusals=1_000,
        window=600,
        ban=_("Discord bans servers to which it gives too many such answers"),
    )
    options = (
        Option(
            "thread_name",
            _("Post title"),
            help=_("Only for a forum or media channel, where each message begins a post of this title."),
            most=100,
        ),
    )

    def write(self, notification: Notification) -> Message:
        story = tell(notification)
        embed: dict[str, Any] = {
            "title": parts.fit(story.title, _TITLE, escape),
            "description": parts.fit(story.line, _DESCRIPTION, escape),
            "color": COLOURS[story.outcome],
            "timestamp": notification.occurred_at.isoformat(),
        }
        if parts.has_full_host(story.url):  # Discord refuses the whole message for a URL without a dot
            embed["url"] = story.url
        if story.note:
            embed["footer"] = {"text": parts.fit(story.note, _FOOTER)}  # plain text: escapes would be visible
        used = sum(map(parts.count_utf16, (embed["title"], embed["description"], story.note)))
        embed["fields"] = _make_fields(story.facts, _MOST - used)
        body: dict[str, Any] = {"embeds": [embed], "allowed_mentions": {"parse": []}}
        title = self.get_option(notification, "thread_name")
        if title and not parts.has_parameter(notification.address, "thread_id"):
            body["thread_name"] = title
        return parts.build_json_message(body, url=self._build_url(notification.address))

    def _build_url(self, address: str) -> str:
        """Add `wait`, else Discord reports no errors, and the current API version unless the URL names one."""
        if self.is_meant_by(address):
            address = parts.replace_path(address, lambda path: re.sub(r"^/api/(?=webhooks/)", _CURRENT, path))
        return parts.set_query(address, wait="true")

    def understand(self, answer: Answer) -> Answer:
        said = parts.read_object(answer)
        message = parts.read_words(said.get("message"))
        if answer.status == 404 and said.get("code") == _UNKNOWN_WEBHOOK:
            return replace(answer, meaning=Verdict.GONE, text=advise(_DELETED))
        if answer.status == 400 and (problem := _ABOUT_THREADS.get(parts.read_integer(said.get("code")))):
            return replace(answer, meaning=Verdict.RETRY, text=advise(problem))
        if answer.status == 401:
            return replace(answer, meaning=Verdict.GONE, text=advise(_UNKNOWN_TOKEN))
        if answer.status == 429:
            return replace(answer, retry_after=_find_wait(answer, said.get("retry_after")))
        if message and answer.status and answer.status >= 400:
            return replace(answer, text=message)
        return answer

    def understand_host(self, answer: Answer) -> Answer:
        """Recognize the global limit by its headers or body, and a ban by a 429 that does not come from Discord's API.

        Source: Discord's documentation of rate limits.
        """
        if answer.status != 429:
            return answer
        headers = {name.lower(): text.lower() for name, text in answer.response.get("headers", {}).items()}
        said = parts.read_object(answer)
        is_global = headers.get("x-ratelimit-global") == "true" or headers.get("x-ratelimit-scope") == "global"
        if is_global or said.get("global") is True:
            wait = _find_wait(answer, said.get("retry_after"))
            text = advise(_("Discord limits all that this server sends"))
            return replace(answer, transport_down=True, retry_after=wait, text=text)
        if "retry_after" in said:
            return answer
        text = advise(_("Discord takes nothing from this server's IP address for a while"))
        return replace(answer, transport_down=True, text=text)


def escape(text: str) -> str:
    """Escape a text so that Discord shows it unchanged."""
    return _MARKUP.sub(r"\\\g<0>", text)


def _make_fields(facts: tuple[tuple[str, str], ...], room: int) -> list[dict[str, Any]]:
    """Return fields for the first facts, as many as fit into `room` characters."""
    fields: list[dict[str, Any]] = []
    for label, value in facts[:_MOST_FIELDS]:
        name, text = parts.fit(label, _NAME, escape), parts.fit(value, _VALUE, escape)
        room -= parts.count_utf16(name) + parts.count_utf16(text)
        if room < 0:
            break
        fields.append({"name": name, "value": text, "inline": len(value) <= _SHORT})
    return fields


def _find_wait(answer: Answer, given: Any) -> float | None:
    """Return the seconds to wait: from the body, which is exact, else from the header, which is rounded up."""
    wait = parts.read_seconds(given)
    if wait is None:
        return answer.retry_after
    version = _VERSIONED.match(get_path(str(answer.request.get("url", ""))))
    old = version is not None and int(version[1]) < _IN_SECONDS
    return wait / 1000 if old else wait
