"""The words for events: a title, a line and facts, equal in mails, chats and pushes.

`tell` returns plain text whatever an event's data contains: single lines, bounded, without control characters. Formats
escape it as their service needs and may cut it further. The words are in `platform` and `services`, the translations
in `hooks/locale/`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from urllib.parse import quote

from django.conf import settings
from django.utils import translation
from django.utils.translation import pgettext

from events import catalogue
from events.catalogue import Outcome, Subject
from hooks.messages import Notification
from hooks.wording import digest, facts, plain
from hooks.wording.platform import PLATFORM
from hooks.wording.services import SERVICES, UNKNOWN
from hooks.wording.words import Wordings, Words
from notifications_project import json_text

SENTENCES = PLATFORM | SERVICES  # a new event type needs an entry in one of them
LONGEST_TITLE = 200
LONGEST_LINE = 600
_ID = re.compile(r"[a-z]{2,8}_[0-9a-f-]{1,36}")
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True)
class Story:
    title: str  # "Deployment of front failed"
    subject: str  # begins with the application: "front: deployment failed"
    line: str  # one sentence: "The deployment of the application front started by grace@example.com failed."
    facts: tuple[tuple[str, str], ...]  # labels and values, the most important first
    colon: str  # between a label and its value: ": "
    when: tuple[str, str]  # label and value, for services that show no time of a message
    outcome: Outcome
    url: str  # the event in the console
    link: str  # the text of the link: "Open the event in the console"
    thread: str  # equal for all events of an application or add-on; ASCII, at most 64 characters
    is_test: bool
    mark: str  # "[Test]"; empty for real events
    note: str  # "This is a test …"; empty for real events
    language: str  # of all texts above: "en", "fr"

    @property
    def marked_title(self) -> str:
        """Return the title, after "[Test]" for a test, for places that show nothing else."""
        return f"{self.mark} {self.title}" if self.mark else self.title


def tell(notification: Notification, language: str | None = None) -> Story:
    """Tell a notification: in `language`, else its receiver's, else the platform's. It fails on no data."""
    chosen = _choose_language(language or notification.language)
    data = _read_data(notification.representation)
    known = catalogue.EVENT_TYPES.get(notification.event_type)
    subject = known.subject if known else None
    with translation.override(chosen):
        told = (digest if subject == Subject.DIGEST else facts).read(data, notification, subject)
        values = {"type": plain.make_name(notification.event_type)} | told.values
        if subject == Subject.REPOSITORY:
            values.setdefault("commits", pgettext("event", "new commits"))
            if "repository" in values:
                values.setdefault("application", plain.get_last_part(values["repository"]))
        words = _choose_words(notification.event_type, data)
        return Story(
            title=plain.cut(_fill_first(words.title, values), LONGEST_TITLE),
            subject=plain.cut(_build_subject(words, values), LONGEST_TITLE),
            line=plain.cut(_line(words, values, known.outcome if known else Outcome.NEUTRAL), LONGEST_LINE),
            facts=told.facts,
            colon=pgettext("event", ": "),
            when=(
                pgettext("event", "When"),
                plain.format_time(notification.occurred_at.astimezone(UTC), seconds=True),
            ),
            outcome=known.outcome if known else Outcome.NEUTRAL,
            url=_choose_url(notification, data),
            link=pgettext("event", "Open the event in the console"),
            thread=_build_thread(notification, data, subject),
            is_test=notification.is_test,
            mark=pgettext("event", "[Test]") if notification.is_test else "",
            note=pgettext("event", "This is a test, sent from the console by someone who pressed Test.")
            if notification.is_test
            else "",
            language=chosen.partition("-")[0],
        )


def _choose_language(language: str | None) -> str:
    """Return the closest supported language, else the platform's."""
    try:
        return translation.get_supported_language_variant(language or settings.MESSAGE_LANGUAGE)
    except (LookupError, ValueError):
        return settings.MESSAGE_LANGUAGE


def _read_data(representation: str) -> facts.Data:
    try:
        data = json_text.parse(representation)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _choose_words(event_type: str, data: facts.Data) -> Words:
    state = data.get("state")
    special = SENTENCES.get(f"{event_type} {state}") if isinstance(state, str) else None
    return special or SENTENCES.get(event_type, UNKNOWN)


def _fill_first(wordings: Wordings, values: Mapping[str, str]) -> str:
    """Return the first wording whose values are all known; empty if there is none."""
    return next(_fill_all(wordings, values), "")


def _fill_all(wordings: Wordings, values: Mapping[str, str]) -> Iterator[str]:
    for wording in wordings:
        text = str(wording)
        if all(name in values for name in _PLACEHOLDER.findall(text)):
            yield text % values


def _build_subject(words: Words, values: Mapping[str, str]) -> str:
    what = _fill_first(words.what, values)
    if about := values.get("application") or values.get("addon"):
        return pgettext("event", "%(about)s: %(what)s") % {"about": about, "what": what}
    return f"{what[:1].upper()}{what[1:]}"


def _line(words: Words, values: Mapping[str, str], outcome: Outcome) -> str:
    """Return the sentence with its details in brackets and, for bad news, the reason."""
    line = _fill_first(words.line, values)
    if details := ", ".join(filter(None, (_fill_first(group, values) for group in words.details))):
        line = pgettext("event", "%(sentence)s (%(details)s)") % {"sentence": line, "details": details}
    reason = (values.get("reason") or values.get("answer") or "").rstrip(".")
    if reason and outcome == Outcome.BAD:
        return pgettext("event", "%(sentence)s: %(reason)s.") % {"sentence": line, "reason": reason}
    return pgettext("event", "%(sentence)s.") % {"sentence": line}


def _choose_url(notification: Notification, data: facts.Data) -> str:
    events = f"{settings.PUBLIC_URL}/organizations/{quote(notification.organization_id, safe='')}/events/"
    event = data.get("event_id")
    return f"{events}{event}/" if isinstance(event, str) and _ID.fullmatch(event) else events


def get_resource_id(notification: Notification) -> str:
    """Return the public id of the application or add-on that a notification is about; empty if there is none."""
    return _get_resource(_read_data(notification.representation))


def _get_resource(data: facts.Data) -> str:
    resource = data.get("resource")
    key = resource.get("id") if isinstance(resource, dict) else None
    return key if isinstance(key, str) and _ID.fullmatch(key) else ""


def _build_thread(notification: Notification, data: facts.Data, subject: Subject | None) -> str:
    """Return the key of a thread: the id of the application or add-on, else of the organization with the subject."""
    if about := _get_resource(data):
        return about
    key = f"{notification.organization_id}.{subject or 'event'}"
    fits = _ID.fullmatch(notification.organization_id)
    return key if fits else hashlib.sha256(key.encode(errors="replace")).hexdigest()[:32]


__all__ = ["Story", "get_resource_id", "tell"]
