"""`flowdock` posts an activity, an inbox item or a chat message to a flow of Flowdock.

The path of the URL selects the API. A URL with an unknown path (a bridge, a compatible server) gets an item of the team
inbox.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from html import escape
from typing import Any, ClassVar
from urllib.parse import parse_qs

from django.conf import settings
from django.utils.translation import gettext_noop as _

from hooks.formats.base import Format, Option
from hooks.formats.kinds import Kind, classify
from hooks.formats.parts import build_json_message, fit, get_object, read_object, read_words
from hooks.messages import Answer, Message, Notification, Verdict
from hooks.remarks import advise
from hooks.wording import Story, plain, tell
from notifications_project.environment import parse_sender
from notifications_project.network.web_address import parse

SOURCE = "Notifications"  # as a chat's external_user_name: at most 16 characters, no whitespace
LONGEST_CHAT = 8096  # characters
_COLOURS = {
    Kind.GOOD: "green",
    Kind.BAD: "red",
    Kind.BEGUN: "yellow",
    Kind.ACCESS: "purple",
    Kind.OTHER: "grey",
}
_CALLS = re.compile(r"(?<!\w)([@#])(?=\S)")  # mentions and tags of the chat
_UNCALLED = "\\1\u2060"  # an invisible WORD JOINER breaks the mention
_UNKNOWN = _("%(said)s. Nothing answers at this URL, or its flow token is not known: check both.")


class Flowdock(Format):
    name = "flowdock"
    label = "Flowdock"
    help = _("An item in a flow's team inbox, a chat message, or an activity in a thread per application.")
    setup: ClassVar[str] = _(
        "Paste the URL with the flow's API token: …/messages/team_inbox/TOKEN for the team inbox or "
        "…/messages/chat/TOKEN for the chat; or …/messages with the token of a source in the field below, for a "
        "thread per application. Any other URL gets an item of the team inbox. Flowdock's own service ended in 2023; "
        "bridges and servers compatible with it work."
    )
    signed = False
    hosts = ("flowdock.com",)
    options = (
        Option(
            "flow_token",
            _("Flow token"),
            help=_("Only for …/messages: the token of the source. Kept encrypted."),
            secret=True,
            pattern="[!-~]{8,}",
            problem=_("A flow token has at least 8 letters, digits or signs, and no spaces."),
        ),
    )

    def write(self, notification: Notification) -> Message:
        story = tell(notification)
        token = self.get_option(notification, "flow_token")
        body = _choose_writer(notification.address, token)(notification, story)
        if token and body.get("event") == "activity":
            body["flow_token"] = token
        return build_json_message(body)

    def understand(self, answer: Answer) -> Answer:
        if answer.arrived:
            return answer
        reason = _read_reason(answer)
        text = f"{answer.text}: {reason}" if reason else answer.text
        if answer.status == 404:
            return replace(answer, meaning=Verdict.RETRY, text=advise(_UNKNOWN, said=f"404 {text}"))
        return replace(answer, text=text)


def _choose_writer(address: str, token: str) -> Callable[[Notification, Story], dict[str, Any]]:
    """Return the function that writes for the API which the URL selects."""
    found = parse(address)
    path = f"{found.path.rstrip('/')}/"
    if "/messages/chat/" in path:
        return _write_chat
    if "/messages/team_inbox/" in path:
        return _write_inbox
    if path.endswith("/messages/") or token or "flow_token" in parse_qs(found.query or ""):
        return _write_activity
    return _write_inbox


def _write_inbox(notification: Notification, story: Story) -> dict[str, Any]:
    name, address = parse_sender(settings.DEFAULT_FROM_EMAIL)
    facts = "".join(f"<li><b>{_escape(label)}</b>{story.colon}{_escape(value)}</li>" for label, value in story.facts)
    link = f'<p><a href="{escape(story.url)}">{_escape(story.link)}</a></p>'
    body = {
        "source": SOURCE,
        "from_address": address,
        "from_name": name or SOURCE,
        "subject": story.title,
        "content": _write_body(story) + (f"<ul>{facts}</ul>" if facts else "") + link,
        "format": "html",
        "tags": _list_tags(notification, story),
        "link": story.url,
    }
    project = _make_project(notification.resource or "")
    return {**body, "project": project} if project else body


def _write_chat(notification: Notification, story: Story) -> dict[str, Any]:
    facts = (f"{label}{story.colon}{value}" for label, value in story.facts)
    lines = [*filter(None, [story.note]), story.title, story.line, *facts]
    content = fit("\n".join(lines), LONGEST_CHAT - len(story.url) - 1, _break_mentions)
    return {
        "content": f"{content}\n{story.url}",
        "external_user_name": SOURCE,
        "tags": _list_tags(notification, story),
    }


def _write_activity(notification: Notification, story: Story) -> dict[str, Any]:
    name, address = parse_sender(settings.DEFAULT_FROM_EMAIL)
    about = plain.make_name(notification.resource or "") or plain.make_name(notification.organization) or story.subject
    return {
        "event": "activity",
        "author": {"name": name or SOURCE, "email": address},
        "title": f'<a href="{escape(story.url)}">{_escape(story.title)}</a>',
        "body": _write_body(story),
        "external_thread_id": story.thread,
        "tags": _list_tags(notification, story),
        "thread": {
            "title": _escape(about),
            "external_url": story.url,
            "fields": [{"label": _escape(label), "value": _escape(value)} for label, value in story.facts],
            "status": {
                "value": _escape(_describe_state(notification, story)),
                "color": _COLOURS[classify(notification.event_type, story.outcome)],
            },
        },
    }


def _write_body(story: Story) -> str:
    note = f"<p><em>{_escape(story.note)}</em></p>" if story.note else ""
    return f"{note}<p>{_escape(story.line)}</p>"


def _describe_state(notification: Notification, story: Story) -> str:
    """Return the subject without the resource's name, which is the title of the thread already."""
    about = f"{plain.make_name(notification.resource or '')}{story.colon}"
    return plain.cut(story.subject.removeprefix(about) or story.subject, 100)


def _list_tags(notification: Notification, story: Story) -> list[str]:
    return [tag for tag in (_make_slug(notification.event_type), story.outcome.value) if tag]


def _make_slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text[:100].lower()).strip("-")


def _make_project(name: str) -> str:
    """Reduce a name to the characters of a Flowdock project: ASCII letters and digits, underscores and spaces."""
    ascii_only = unicodedata.normalize("NFKD", name[:400]).encode("ascii", "ignore").decode()
    return " ".join(re.sub(r"[^A-Za-z0-9_ ]", " ", ascii_only.replace("-", "_")).split())[:100].strip()


def _break_mentions(text: str) -> str:
    """Break the mentions and tags in a text of the chat, without a visible change."""
    return _CALLS.sub(_UNCALLED, text)


def _escape(text: str) -> str:
    return escape(text, quote=False)


def _read_reason(answer: Answer) -> str:
    """Return the error in Flowdock's words: `{"message": "Validation error", "errors": {"content": ["…"]}}`."""
    found = read_object(answer)
    problems = [
        f"{field} {problem}"
        for field, listed in get_object(found, "errors").items()
        for problem in (listed if isinstance(listed, list) else [listed])
        if isinstance(problem, str)
    ]
    return read_words(": ".join(filter(None, [read_words(found.get("message")), ", ".join(problems)])), 200)
