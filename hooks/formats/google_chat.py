"""`google_chat` posts a title and a small card, in one thread for each application.

The text of a message has markup but no escapes, so it holds only the title, without mentions and links. The texts of
the card are HTML and are escaped.
"""

from __future__ import annotations

import html
from dataclasses import replace
from typing import Any, ClassVar

from django.utils.translation import gettext_noop as _

from hooks.formats import parts
from hooks.formats.base import Format
from hooks.messages import Answer, Message, Notification, Verdict
from hooks.remarks import advise
from hooks.wording import Story, tell

_MOST = 32_000  # bytes of the whole message
_THREADS = "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"  # without it Google Chat ignores the thread's key
_NO_LINK = "\u2060"  # WORD JOINER, invisible
_WRONG_KEY = _(
    "Google Chat does not accept the key or the token in the URL. Make a webhook in the space's settings, under Apps"
    " & integrations, and put its URL here."
)
_GONE = _(
    "The webhook or its space is not there any more. Make a webhook in the space's settings, under Apps"
    " & integrations, and put its URL here."
)


class GoogleChat(Format):
    name = "google_chat"
    label = "Google Chat"
    help = _("A message with a card in a Google Chat space, a thread for each application.")
    setup: ClassVar[str] = _(
        "In Google Chat open the space's menu, choose Apps & integrations, then Webhooks, name a new one and copy its"
        " URL. This needs a Google Workspace account whose administrator allows webhooks."
    )
    signed = False
    hosts = ("chat.googleapis.com",)

    def write(self, notification: Notification) -> Message:
        story = tell(notification)
        facts = list(story.facts)
        body = _write_message(story, facts)
        while facts and len(parts.encode_json(body)) > _MOST:
            facts.pop()
            body = _write_message(story, facts)
        url = notification.address
        if not parts.has_parameter(url, "messageReplyOption"):
            url = parts.set_query(url, messageReplyOption=_THREADS)
        return parts.build_json_message(body, url=url)

    def understand(self, answer: Answer) -> Answer:
        if answer.status is None or answer.status < 400:
            return answer
        error = parts.get_object(parts.read_object(answer), "error")
        problem = parts.read_words(error.get("message"))
        if answer.status in {401, 403} or _is_about_the_key(answer.status, error):
            return replace(answer, meaning=Verdict.RETRY, text=advise(_WRONG_KEY))
        if answer.status == 404 and error:
            return replace(answer, meaning=Verdict.RETRY, text=advise(_GONE))
        return replace(answer, text=problem) if problem else answer


def defuse(text: str) -> str:
    """Break mentions and named links in a text, without a visible change: each begins with `<`."""
    return text.replace("<", f"<{_NO_LINK}")


def _write_message(story: Story, facts: list[tuple[str, str]]) -> dict[str, Any]:
    widgets: list[dict[str, Any]] = [{"textParagraph": {"text": html.escape(story.line, quote=False)}}]
    widgets += [
        {"decoratedText": {"topLabel": label, "text": html.escape(value, quote=False), "wrapText": True}}
        for label, value in facts
    ]
    if story.note:
        widgets.append({"textParagraph": {"text": html.escape(story.note, quote=False)}})
    button = {"text": story.link, "onClick": {"openLink": {"url": story.url}}}
    widgets.append({"buttonList": {"buttons": [button]}})
    return {
        "text": defuse(story.title),
        "cardsV2": [{"cardId": "event", "card": {"sections": [{"widgets": widgets}]}}],
        "thread": {"threadKey": story.thread},
    }


def _is_about_the_key(status: int, error: dict[str, Any]) -> bool:
    """Tell whether an error is about the key: Google Chat answers a wrong key with 400, as it does a wrong message."""
    details = error.get("details")
    reasons = [each.get("reason") for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    return status == 400 and ("API_KEY_INVALID" in reasons or "API key" in str(error.get("message")))
