"""`teams` posts an Adaptive Card through a workflow of Microsoft Teams.

Microsoft retired the older connectors (webhook.office.com). Some still answer, and report errors with status 200: the
message was posted only if the body is a number (MicrosoftDocs/msteams-docs, issue 9698).
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, ClassVar

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from events.catalogue import Outcome
from hooks.formats import parts
from hooks.formats.base import Format
from hooks.messages import Answer, Message, Notification, Verdict
from hooks.remarks import advise
from hooks.wording import Story, tell
from notifications_project.network.web_address import get_host, get_path

COLOURS = {Outcome.GOOD: "Good", Outcome.BAD: "Attention", Outcome.NEUTRAL: "Accent"}
_MOST = 28 * 1000  # bytes of the whole message
_MARKUP = re.compile(r"[\\\[\]()*_]")
_RETIRED = ("webhook.office.com", "outlook.office.com", "outlook.office365.com")
_INSTEAD = _(
    "Microsoft has retired these connectors. In Teams make a workflow “Post to a channel when a webhook request is"
    " received” and put its URL here."
)
_MOVED = _(
    "Microsoft has ended the workflow URLs at logic.azure.com. Open the workflow in Power Automate, copy the new URL of"
    " its trigger and put it here."
)
_ACCEPTED = _("Accepted: the workflow posts it, and does not tell whether it was displayed")
_NOT_ALLOWED = _("The workflow does not let us trigger it. In its trigger let anyone do so, and copy its URL again.")
_UNKNOWN = _("There is no such workflow. Copy its URL again.")
_NOT_POSTED = _("It was not posted")


class Teams(Format):
    name = "teams"
    label = "Microsoft Teams"
    help = _(
        "A card in a channel or chat, sent by a workflow. Teams does not tell whether an accepted card is displayed."
    )
    setup: ClassVar[str] = _(
        "In Teams open the channel's menu and choose Workflows, then the template that posts to a channel when a"
        " webhook request is received. Let anyone trigger it, and copy the URL that it shows at the end."
        " The workflow's run history tells whether a card was displayed."
    )
    signed = False
    hosts = (
        "logic.azure.com", "api.powerplatform.com", "api.powerautomate.com", "flow.microsoft.com", "webhook.office.com",
    )  # fmt: skip

    def find_url_problem(self, url: str) -> str:
        if _is_retired(url):
            return gettext(_INSTEAD)
        if get_host(url).endswith(".logic.azure.com") and "/triggers/" in get_path(url):
            return gettext(_MOVED)
        return ""

    def write(self, notification: Notification) -> Message:
        story = tell(notification)
        facts = [*story.facts, story.when]  # a card shows no time unless a fact does
        body = _write_message(story, facts)
        while facts and len(parts.encode_json(body)) > _MOST:
            facts.pop()
            body = _write_message(story, facts)
        return parts.build_json_message(body)

    def understand(self, answer: Answer) -> Answer:
        if _is_retired(str(answer.request.get("url", ""))):
            return _judge_connector(answer)
        if answer.status == 202:
            return replace(answer, text=advise(_ACCEPTED))
        if answer.status is None or answer.status < 400:
            return answer
        error = parts.get_object(parts.read_object(answer), "error")
        problem = parts.read_words(error.get("message")) or parts.read_words(error.get("code"))
        if answer.status in {401, 403}:
            return replace(answer, meaning=Verdict.RETRY, text=advise(_NOT_ALLOWED))
        if answer.status == 404:
            return replace(answer, meaning=Verdict.RETRY, text=advise(_UNKNOWN))
        return replace(answer, text=problem) if problem else answer


def escape(text: str) -> str:
    """Escape a text so that a card shows it unchanged."""
    return _MARKUP.sub(r"\\\g<0>", text)


def _write_message(story: Story, facts: list[tuple[str, str]]) -> dict[str, Any]:
    title: dict[str, Any] = {
        "type": "TextBlock",
        "text": escape(story.title),
        "weight": "Bolder",
        "size": "Medium",
        "wrap": True,
        "color": COLOURS[story.outcome],
    }
    told: list[dict[str, Any]] = [title, {"type": "TextBlock", "text": escape(story.line), "wrap": True}]
    if facts:
        listed = [{"title": escape(label), "value": escape(value)} for label, value in facts]
        told.append({"type": "FactSet", "facts": listed})
    if story.note:
        told.append({"type": "TextBlock", "text": escape(story.note), "isSubtle": True, "wrap": True})
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": told,
        "actions": [{"type": "Action.OpenUrl", "title": story.link, "url": story.url}],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _is_retired(url: str) -> bool:
    host = get_host(url)
    return any(host == old or host.endswith(f".{old}") for old in _RETIRED)


def _judge_connector(answer: Answer) -> Answer:
    body = str(answer.response.get("body") or "").strip()
    status = answer.status or 0
    if 200 <= status < 300 and not body.isdecimal():
        said = parts.read_words(body) or advise(_NOT_POSTED)
        text = advise(_("%(said)s. %(advice)s"), said=said, advice=advise(_INSTEAD))
        return replace(answer, meaning=Verdict.RETRY, text=text)
    if 400 <= status < 500 and status not in {408, 425, 429}:
        return replace(answer, meaning=Verdict.GONE, text=advise(_INSTEAD))
    return answer
