"""The caller's notification settings by API: choices, effective settings and reasons, and changes of many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from events import catalogue
from hooks.api.own import OwnAPIView
from hooks.audience.quiet_times import can_be_urgent
from hooks.models import Channel, Urgent
from hooks.preferences import notification_settings
from hooks.preferences.effective import EffectiveSettings, SettingCell
from hooks.preferences.notification_settings import Choice, Scope
from hooks.preferences.scopes import UnknownScope, find_scope, get_scope_key
from notifications_project.accounts.models import User
from notifications_project.api.errors import ApiError, answer_field_errors, describe_error, make_invalid
from notifications_project.api.lists import read_parameters
from notifications_project.api.shapes import check, check_body

_MOST = 1000  # settings in one request
_SETTING = {"event_type", "channel", "enabled"}


class NotificationSettings(OwnAPIView):
    """GET `?scope=` for every event type on every channel; PATCH to change some of them, all or nothing.

    The scope is `everything`, an organization, or an application or add-on. PATCH returns the
    earlier settings in the form of a request: sent back, they undo the change.
    """

    def get(self, request: Request) -> Response:
        scope = _parse_scope(self.user, read_parameters(request, "scope").get("scope", "everything"))
        memberships = list(self.user.memberships.select_related("organization").order_by("joined_at", "pk"))
        standing = EffectiveSettings.read(self.user, memberships)
        chosen = notification_settings.read_choices(self.user, scope)
        types = [each for listed in catalogue.group_by_category().values() for each in listed]
        return Response(
            {
                "scope": get_scope_key(scope),
                "settings": [
                    {
                        "event_type": each.name,
                        "label": each.label,
                        "channels": {
                            kind: _serialize_cell(standing.build_cell(each.name, kind, scope), chosen)
                            for kind in Channel.Kind.values
                        },
                    }
                    for each in types
                ],
                "urgent": _read_urgent(self.user),
            }
        )

    def patch(self, request: Request) -> Response:
        sent = check_body(request.data)
        check(sent, {"settings": (dict,), "scope": str, "urgent": dict})
        scope = _parse_scope(self.user, sent.get("scope", "everything"))
        wanted = _parse_choices(sent.get("settings", []))
        urgent = _parse_marks(sent.get("urgent", {}))
        if wrong := notification_settings.find_problems(self.user, wanted):
            raise ApiError(
                422,
                [describe_error(text, name, index) for index, found in wrong for name, text in found.errors.items()],
            )
        return Response(self._change(scope, wanted, urgent))

    @transaction.atomic
    def _change(self, scope: Scope, wanted: Sequence[Choice], urgent: Mapping[str, bool]) -> dict[str, Any]:
        marked = _read_urgent(self.user)
        with answer_field_errors():  # a channel was removed or a membership ended meanwhile
            before = notification_settings.choose(self.user, wanted, scope)
            for name, mark in urgent.items():
                notification_settings.mark_urgent(self.user, name, mark)
        return {
            "scope": get_scope_key(scope),
            "settings": [
                {"event_type": each.event_type, "channel": each.channel, "enabled": each.enabled} for each in before
            ],
            "urgent": {name: marked[name] for name, mark in urgent.items() if marked[name] != mark},
        }


def _parse_scope(user: User, key: str) -> Scope:
    try:
        return find_scope(user, key)
    except UnknownScope:
        known = "everything, or the id of an organization, application or add-on of yours"
        raise make_invalid({"scope": f"Must be {known}."}) from None


def _serialize_cell(cell: SettingCell, chosen: Mapping[tuple[str, str], bool]) -> dict[str, Any]:
    """Return the JSON of a cell. `enabled` is null if this scope has no choice, so that a wider one decides."""
    return {
        "enabled": chosen.get((cell.event_type, cell.channel)),
        "state": str(cell.state),
        "why": cell.why,
        "differs": cell.differs,
        "usable": cell.usable,
    }


def _read_urgent(user: User) -> dict[str, bool]:
    """Return, for every type that may pass quiet times, whether it does."""
    marked = set(Urgent.objects.filter(user=user).values_list("event_type", flat=True))
    return {each.name: each.name in marked for each in catalogue.OFFERED if can_be_urgent(each.name)}


def _parse_choices(sent: Sequence[dict[str, Any]]) -> list[Choice]:
    """Parse the settings in a request. Raises the API's 422 with every problem, by index and field."""
    if len(sent) > _MOST:
        raise make_invalid({"settings": f"At most {_MOST} can be changed at once."})
    problems = [
        describe_error(text, name, index) for index, each in enumerate(sent) for name, text in _find_misshapen(each)
    ]
    if problems:
        raise ApiError(422, problems)
    return [Choice(each["event_type"], each["channel"], each["enabled"]) for each in sent]


def _find_misshapen(sent: dict[str, Any]) -> list[tuple[str, str]]:
    found = [
        (name, f"Is not known here; the fields are {', '.join(sorted(_SETTING))}.") for name in sent.keys() - _SETTING
    ]
    found += [(name, "Is missing.") for name in sorted(_SETTING - sent.keys())]
    texts = ("event_type", "channel")
    found += [(name, "Must be a text.") for name in texts if name in sent and not isinstance(sent[name], str)]
    if not (sent.get("enabled") is None or isinstance(sent["enabled"], bool)):
        found.append(("enabled", "Must be true, false or null."))
    return found


def _parse_marks(sent: dict[str, Any]) -> dict[str, bool]:
    problems = {}
    for name, mark in sent.items():
        if not can_be_urgent(name):
            problems[f"urgent.{name}"] = "Only bad news can pass quiet times."
        elif not isinstance(mark, bool):
            problems[f"urgent.{name}"] = "Must be true or false."
    if problems:
        raise make_invalid(problems)
    return sent
