"""`ntfy` sends push notifications through ntfy.sh or another ntfy server.

Messages are JSON with the topic inside, so they are posted to the root of the server (docs.ntfy.sh/publish).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from django.utils.translation import gettext_noop as _

from events.catalogue import Outcome
from hooks.formats import parts
from hooks.formats.base import Format, Option
from hooks.messages import Answer, Message, Notification, Verdict
from hooks.remarks import advise
from hooks.wording import Story, tell

_MOST = 4096  # bytes; ntfy turns a longer message into an attachment
_TITLE = 250  # bytes; screens show less
_TAGS = {Outcome.GOOD: "white_check_mark", Outcome.BAD: "rotating_light", Outcome.NEUTRAL: "information_source"}
_PRIORITIES = {Outcome.GOOD: 3, Outcome.BAD: 4, Outcome.NEUTRAL: 2}  # 4: long vibration, 3: default, 2: no sound
_PROTECTED = _("The topic is protected. Give an access token that may write to it, or allow everybody to.")
_UNKNOWN_TOKEN = _("The server does not know this access token. Make a new one on its account page.")


class Ntfy(Format):
    name = "ntfy"
    label = "ntfy"
    self_hosted = True
    help = _("Push notifications on phones and desktops, by ntfy.sh or a server of your own.")
    setup: ClassVar[str] = _(
        "Subscribe to a topic in the ntfy app and put its name here. On ntfy.sh choose a name that nobody can guess:"
        " everybody who knows it can read your messages. For a server of your own give its address as URL, and for a"
        " protected topic an access token from its account page."
    )
    signed = False
    hosts = ("ntfy.sh",)
    default_url = "https://ntfy.sh"
    options = (
        Option(
            "topic",
            _("Topic"),
            help=_("The name that the app subscribes to."),
            required=True,
            secret=True,  # anybody who knows the topic can read its messages
            pattern=r"[-_A-Za-z0-9]{1,64}",
            problem=_("Up to 64 letters, digits, hyphens and underscores."),
            most=64,
        ),
        Option(
            "token",
            _("Access token"),
            help=_("Only if the topic is protected."),
            secret=True,
            pattern=r"[!-~]+",
            problem=_("A token has no spaces and only plain letters, digits and signs."),
        ),
    )

    def write(self, notification: Notification) -> Message:
        story = tell(notification)
        topic, token = self.get_option(notification, "topic"), self.get_option(notification, "token")
        body: dict[str, Any] = {
            "topic": topic,
            "title": parts.fit(story.title, _TITLE, size=parts.count_bytes),
            "message": parts.fit(_write_text(story), _MOST, size=parts.count_bytes),
            "tags": [_TAGS[story.outcome], *(["test"] if story.is_test else [])],
            "priority": _PRIORITIES[story.outcome],
            "click": story.url,
        }
        url = parts.replace_path(notification.address, lambda path: _strip_topic(path, topic))
        return parts.build_json_message(body, url=url, headers={"Authorization": f"Bearer {token}"} if token else None)

    def has_authorization(self, options: Mapping[str, Any]) -> bool:
        return bool(options.get("token"))

    def understand(self, answer: Answer) -> Answer:
        if answer.status in {401, 403}:
            text = _UNKNOWN_TOKEN if answer.status == 401 else _PROTECTED
            return replace(answer, meaning=Verdict.RETRY, text=advise(text))
        problem = parts.read_words(parts.read_object(answer).get("error"))
        return replace(answer, text=problem) if problem and answer.status and answer.status >= 400 else answer


def _write_text(story: Story) -> str:
    """Return the story as plain text, as ntfy shows markup unrendered."""
    facts = "\n".join(f"{label}{story.colon}{value}" for label, value in story.facts)
    return "\n\n".join(filter(None, (story.line, facts, story.note)))


def _strip_topic(path: str, topic: str) -> str:
    """Return the path of the server's root, also if the URL of the topic was given."""
    return f"{path.rstrip('/').removesuffix(f'/{topic}').rstrip('/')}/"
