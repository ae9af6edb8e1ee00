"""`hipchat` posts a message to a room of HipChat.

Version 1 of its API takes a form, version 2 JSON. The stored URL is the root of the server; version and room give the
path. The token never appears in a URL: version 1 takes it in the body, version 2 in a header.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from html import escape
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from events.catalogue import Outcome
from hooks.formats.base import Format, Option
from hooks.formats.kinds import Kind, classify
from hooks.formats.parts import build_json_message, count_utf16, get_object, read_object, read_words
from hooks.messages import Answer, Message, Notification, Verdict
from hooks.remarks import advise
from hooks.wording import Story, tell
from notifications_project.network.web_address import parse

SENDER = "Notifications"  # version 1 accepts fewer than 15 characters
LONGEST = 10_000  # characters of a message
_CUT = "<br>…"
_COLOURS = {
    Kind.GOOD: "green",
    Kind.BAD: "red",
    Kind.BEGUN: "yellow",
    Kind.ACCESS: "purple",
    Kind.OTHER: "gray",
}
_API = re.compile(r"/v[12](?:/.*)?$")  # the end of a whole API URL that was pasted
_OURS = {"auth_token", "auth_test", "format"}
_ADVICE = {
    401: _("%(said)s. Check the API token, and that it was made for the chosen version of the API."),
    403: _("%(said)s. The API token may not post here: check its scope and its room."),
    404: _("%(said)s. Check the id or name of the room, the URL, and the version of the API."),
    405: _("%(said)s. Check the URL and the version of the API."),
}


class HipChat(Format):
    name = "hipchat"
    label = "HipChat"
    self_hosted = True
    help = _("A message in a room, coloured by its outcome; bad news alerts the people in it.")
    setup: ClassVar[str] = _(
        "Make an API token and enter it with the room's id or name: for version 1 an administrator makes it in the "
        "admin panel under API, with the type Notification; for version 2 it is made in the settings of the room or "
        "the account, with the scope Send Notification. The URL is the address of the server. HipChat's own service "
        "ended in 2019; HipChat Server, HipChat Data Center and servers compatible with them work."
    )
    signed = False
    hosts = ("hipchat.com",)
    default_url = "https://api.hipchat.com"
    options = (
        Option(
            "token",
            _("API token"),
            help=_("Kept encrypted."),
            required=True,
            secret=True,
            pattern="[!-~]{8,}",
            problem=_("An API token has at least 8 letters, digits or signs, and no spaces."),
        ),
        Option("room", _("Room"), help=_("Its id or its name."), required=True, most=100),
        Option("version", _("API version"), choices=(("1", _("Version 1")), ("2", _("Version 2")))),
    )

    def write(self, notification: Notification) -> Message:
        story = tell(notification)
        token, room = (self.get_option(notification, name) for name in ("token", "room"))
        bad = story.outcome == Outcome.BAD
        fields: dict[str, Any] = {
            "from": SENDER,
            "message": _write_message(story),
            "message_format": "html",
            "color": _COLOURS[classify(notification.event_type, story.outcome)],
        }
        if self.get_option(notification, "version") == "2":
            return _write_version_2(notification.address, token, room, {**fields, "notify": bad})
        return _write_version_1(notification.address, token, room, {**fields, "notify": "1" if bad else "0"})

    def has_authorization(self, options: Mapping[str, Any]) -> bool:
        return options.get("version") == "2"

    def understand(self, answer: Answer) -> Answer:
        if answer.arrived:
            return answer
        reason = _read_reason(answer)
        text = f"{answer.text}: {reason}" if reason else answer.text
        if answer.status in _ADVICE:
            advice = advise(_ADVICE[answer.status], said=f"{answer.status} {text}")
            return replace(answer, meaning=Verdict.RETRY, text=advice)
        if answer.status == 429 and answer.retry_after is None:
            return replace(answer, text=text, retry_after=_find_wait(answer))
        return replace(answer, text=text)

    def can_verify(self) -> bool:
        return True

    def build_verification(self, options: Mapping[str, Any], address: str) -> Message | None:
        """Return a request without a message: a server that ignores `auth_test` then has nothing to post."""
        token, room = str(options.get("token") or ""), str(options.get("room") or "")
        if not token:
            return None
        asked = {"auth_test": "true"}
        if options.get("version") == "2":
            return _write_version_2(address or self.default_url, token, room, {}, asked)
        return _write_version_1(address or self.default_url, token, room, {"from": SENDER}, asked)

    def judge_verification(self, answer: Answer) -> tuple[bool, str]:
        if answer.status is None:
            return False, _describe_unknown(answer.text.rstrip("."))
        if answer.status == 202 or (answer.status == 200 and "success" in read_object(answer)):
            return True, gettext("The server accepts this token. Nothing was posted.")
        if answer.status in _ADVICE:
            return False, self.understand(answer).text
        text = ": ".join(filter(None, (f"{answer.status} {answer.text}".strip(), _read_reason(answer))))
        if answer.status < 300 or answer.status == 400:
            said = gettext("%(answer)s. The server does not say whether the token is valid: send a test instead.")
            return False, said % {"answer": text}
        return False, _describe_unknown(text)


def _describe_unknown(answer: str) -> str:
    return gettext("%(answer)s. It is not known whether the token is valid.") % {"answer": answer}


def _write_version_1(
    address: str, token: str, room: str, fields: dict[str, str], query: Mapping[str, str] | None = None
) -> Message:
    form = {"auth_token": token, "room_id": _join_lines(room), **fields}
    return Message(
        body=urlencode(form, errors="replace").encode(),
        content_type="application/x-www-form-urlencoded",
        url=_make_url(address, "/v1/rooms/message", {"format": "json", **(query or {})}),
    )


def _write_version_2(
    address: str, token: str, room: str, fields: dict[str, Any], query: Mapping[str, str] | None = None
) -> Message:
    path = f"/v2/room/{quote(_join_lines(room), safe='', errors='replace')}/notification"
    return build_json_message(fields, _make_url(address, path, query or {}), {"Authorization": f"Bearer {token}"})


def _make_url(address: str, path: str, query: Mapping[str, str]) -> str:
    """Return the URL of an API path on a server; `address` may have a path, a final slash or be a whole API URL."""
    found = parse(address)
    own = (each for each in (found.query or "").split("&") if each and each.partition("=")[0] not in _OURS)
    asked = "&".join([*own, *filter(None, [urlencode(query)])])
    return str(replace(found, path=_API.sub("", found.path).rstrip("/") + path, query=asked or None))


def _join_lines(room: str) -> str:
    return room.replace("\r", "").replace("\n", "")


def _write_message(story: Story) -> str:
    """Return the story in the HTML that HipChat allows. In HTML it parses neither mentions nor emoticons."""
    parts = [f'<a href="{escape(story.url)}"><b>{_escape(story.title)}</b></a>', _escape(story.line)]
    if story.note:
        parts.insert(0, f"<i>{_escape(story.note)}</i>")
    parts += [f"<b>{_escape(label)}</b>{story.colon}{_escape(value)}" for label, value in story.facts]
    message = parts[0]
    for part in parts[1:]:
        if count_utf16(message) + count_utf16(part) + len("<br>") > LONGEST - len(_CUT):
            return message + _CUT
        message += f"<br>{part}"
    return message


def _escape(text: str) -> str:
    return escape(text, quote=False)


def _read_reason(answer: Answer) -> str:
    """Return the error in HipChat's words: `{"error": {"code": 401, "type": "Unauthorized", "message": "…"}}`."""
    return read_words(get_object(read_object(answer), "error").get("message"))


def _find_wait(answer: Answer) -> float | None:
    """Return the seconds until every exhausted limit is reset. The headers give that as seconds since 1970."""
    headers = {name.lower(): value.strip() for name, value in answer.response.get("headers", {}).items()}
    waits = [
        max(0.0, float(headers[f"{limit}-reset"][:12]) - time.time())
        for limit in ("x-ratelimit", "x-floodcontrol")
        if headers.get(f"{limit}-reset", "").isdecimal() and headers.get(f"{limit}-remaining", "0") == "0"
    ]
    return max(waits, default=None)
