"""`pagerduty` sends alerts and change events through the Events API v2.

Bad news triggers an alert. Its good counterpart, if the catalogue has one, resolves the alert by an equal key. All
other events become change events, which page nobody.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import Any, ClassVar

from django.conf import settings
from django.utils.translation import gettext_noop as _

from events.catalogue import Outcome
from hooks.formats import parts
from hooks.formats.base import Format, Option
from hooks.messages import Answer, Message, Notification, Verdict
from hooks.remarks import advise
from hooks.wording import Story, plain, tell
from notifications_project import json_text

_SUMMARY = 1024
_ORCHESTRATION = "R"
_NO_CHANGES = _("Not sent: an integration key that begins with R takes alerts only, and this is a change")
_SEVERITIES = {Outcome.BAD: "error", Outcome.GOOD: "info", Outcome.NEUTRAL: "info"}

# Types about one kind of trouble: the bad one opens an alert, the good one resolves it. For bad news of other types
# only a person in PagerDuty can resolve the alert.
_TROUBLES = {
    "server.stopped": "server",
    "server.backon": "server",
    "job.fail": "job",
    "job.backon": "job",
    "stack.redeploy.fail": "stack.redeploy",
    "stack.redeploy.ok": "stack.redeploy",
    "stack.provision.fail": "stack.provision",
    "stack.provision.ok": "stack.provision",
    "credits.warning": "credits",
    "credits.added": "credits",
    "hook.failing": "hook",
    "hook.disabled": "hook",
    "hook.recovered": "hook",
}
# The fields of the data that identify a server, job or hook.
_IDS = {"server": ("server", "uid"), "job": ("uid", "id", "uuid"), "hook": ("hook",)}
# The fields that distinguish troubles of one application or add-on without an id.
_NAMES = {"job": ("job", "job_name", "name"), "process.down": ("server", "process_name", "process")}
_FITS = re.compile(r"[\w.:-]{1,64}", re.ASCII)


class PagerDuty(Format):
    name = "pagerduty"
    label = "PagerDuty"
    help = _(
        "Bad news opens an alert, and the matching good news resolves it. A process that is down and a failed redeploy"
        " hook have no good news: resolve these in PagerDuty. Other events are changes, which page nobody."
    )
    setup: ClassVar[str] = _(
        "In PagerDuty open the service, choose Integrations, then Add an integration, then Events API V2, and copy its"
        " Integration Key. For an account in the European region the URL is"
        " https://events.eu.pagerduty.com/v2/enqueue."
    )
    signed = False
    hosts = ("pagerduty.com",)
    default_url = "https://events.pagerduty.com/v2/enqueue"
    pace = (2.0, 10)  # PagerDuty accepts about 120 a minute for a key
    options = (
        Option(
            "routing_key",
            _("Integration key"),
            help=_(
                "32 letters and digits, from the service's Events API V2 integration. A key that begins with R"
                " belongs to an event orchestration, which takes alerts only: changes are not sent."
            ),
            required=True,
            secret=True,
            pattern=r"[A-Za-z0-9]{32}",
            problem=_("An integration key has 32 letters and digits."),
            most=32,
        ),
    )

    def write(self, notification: Notification) -> Message:
        story = tell(notification)
        key = self.get_option(notification, "routing_key")
        links = [{"href": story.url, "text": story.link}]
        action = _choose_action(notification.event_type, story.outcome)
        body: dict[str, Any]
        if action is None:
            body = {"routing_key": key, "payload": _make_payload(notification, story), "links": links}
            message = parts.build_json_message(body, url=parts.replace_path(notification.address, _find_changes_path))
            return replace(message, unsent=advise(_NO_CHANGES)) if key.startswith(_ORCHESTRATION) else message
        body = {
            "routing_key": key,
            "event_action": action,
            "dedup_key": make_dedup_key(notification),
            "payload": {
                **_make_payload(notification, story),
                "severity": _SEVERITIES[story.outcome],
                **_make_context(notification),
            },
            "links": links,
            "client": "Notifications",
            "client_url": settings.PUBLIC_URL,
        }
        return parts.build_json_message(body)

    def understand(self, answer: Answer) -> Answer:
        if answer.status != 400:
            return answer
        said = parts.read_object(answer)
        errors = said.get("errors")
        listed = ", ".join(filter(None, map(parts.read_words, errors[:5]))) if isinstance(errors, list) else ""
        problem = ": ".join(filter(None, (parts.read_words(said.get("message")), listed)))
        if not problem:
            return answer
        return replace(answer, meaning=Verdict.FAILED, text=advise(_("PagerDuty refused it: %(said)s."), said=problem))


def make_dedup_key(notification: Notification) -> str:
    """Return the key that the opening and the resolving event of one trouble share.

    It names the organization, the kind of trouble and the server, job or other thing. A test has its own keys:
    otherwise it could resolve a real alert.
    """
    trouble = _TROUBLES.get(notification.event_type, notification.event_type)
    key = [notification.organization_id, trouble, _identify(trouble, notification)]
    parted = [part if _FITS.fullmatch(part) else _hash(part) for part in key]
    return "/".join(["test", *parted] if notification.is_test else parted)


def has_resolving_event(event_type: str) -> bool:
    """Tell whether some event resolves the alert that this type of bad news opens."""
    return event_type in _TROUBLES


def _choose_action(event_type: str, outcome: Outcome) -> str | None:
    if outcome == Outcome.BAD:
        return "trigger"
    return "resolve" if outcome == Outcome.GOOD and event_type in _TROUBLES else None


def _make_payload(notification: Notification, story: Story) -> dict[str, Any]:
    details = {"message": story.line, **dict(story.facts)}
    if story.note:
        details["test"] = story.note
    return {
        "summary": parts.fit(story.marked_title, _SUMMARY),
        "source": plain.make_name(notification.resource)
        or plain.make_name(notification.organization)
        or "notifications",
        "timestamp": notification.occurred_at.isoformat(),
        "custom_details": details,
    }


def _make_context(notification: Notification) -> dict[str, str]:
    context = {
        "component": plain.make_name(notification.resource),
        "group": plain.make_name(notification.organization),
        "class": plain.make_name(notification.event_type),
    }
    return {name: text for name, text in context.items() if text}


def _identify(trouble: str, notification: Notification) -> str:
    data = _read_data(notification.representation)
    for name in _IDS.get(trouble, ()):
        if found := _read_id(data.get(name)):
            return found
    names = [_read_id(data.get(name)) for name in _NAMES.get(trouble, ())]
    about = _read_id(data.get("resource")) or _read_id(data.get("uid")) or plain.make_name(notification.resource)
    return ":".join(filter(None, (about, *names))) or "-"


def _read_id(given: Any) -> str:
    """Return the id of a thing in an event's data, given as an id or as an object; empty if there is none."""
    if isinstance(given, dict):
        given = next((given[name] for name in ("id", "uid", "uuid", "name") if given.get(name)), "")
    return str(given) if isinstance(given, str | int) and not isinstance(given, bool) else ""


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:32]


def _read_data(representation: str) -> dict[str, Any]:
    try:
        data = json_text.parse(representation)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _find_changes_path(path: str) -> str:
    """Return the path for change events, from the path for alerts on the same host."""
    return f"{path.removesuffix('enqueue')}change/enqueue" if path.endswith("/enqueue") else "/v2/change/enqueue"
