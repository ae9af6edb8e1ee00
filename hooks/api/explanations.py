"""Explanations by API: every hook and a page of the members for an event, told or not, with the reason."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from events.models import Event
from hooks.context import has_running_workers
from hooks.explanations import people
from hooks.explanations.facts import Facts
from hooks.explanations.hooks import ExplainedHook, explain_hooks
from hooks.explanations.people import Explained
from hooks.explanations.verdicts import Verdict
from hooks.routing import subjects
from notifications_project.accounts.access import OrganizationAPIView
from notifications_project.accounts.models import Membership
from notifications_project.api.errors import make_invalid
from notifications_project.api.lists import get_next_page, limit, read_parameters
from notifications_project.spelling import normalize_text

_TOLD = {"true": True, "false": False}
_MOST_DIGITS = 18


class EventExplanation(OrganizationAPIView):
    """GET an explanation. `?member=me` is the caller alone; `?search=`, `?told=` filter; `?after=`, `?limit=` page.

    The first page has the hooks, and the addresses of no member.
    """

    def get(self, request: Request, owner: UUID, event: UUID) -> Response:
        query = read_parameters(request, "member", "search", "told", "after")
        if "before" in query:
            raise make_invalid({"before": "The members are paged by `after`."})
        loaded = Event.objects.select_related("organization", "resource").filter(organization=self.organization)
        found = subjects.annotate_subject(loaded).filter(pk=event).first()
        if found is None:
            raise NotFound("There is no such event in this organization.")
        mine, search, told = _parse_mine(query), normalize_text(query.get("search", "")), _parse_told(query)
        members, more = [self.membership], None
        if not mine:
            members, more = people.find_members(
                found, search=search, told=told, after=_parse_after(query), size=limit(query.get("limit"))
            )
        facts = Facts.read(
            found, members, viewer=self.user.pk, workers=lambda: has_running_workers(self.request._request)
        )
        answer: dict[str, Any] = {
            "event": {"id": found.public_id, "type": found.type, "test": found.is_test},
            "decided_at": found.routed_at,
        }
        if not mine and "after" not in query:
            hooks = explain_hooks(facts, search)
            addresses = [row for row in people.explain_addresses(facts) if search.lower() in row.person.address.lower()]
            answer["hooks"] = [_serialize_hook(row) for row in hooks if told in {None, row.verdict.told}]
            answer["addresses"] = [
                {"address": row.person.address, **_serialize_verdict(row.verdicts[0])}
                for row in addresses
                if told in {None, row.told}
            ]
        following = more and get_next_page(request, {**query, "after": more})
        members_json = [
            _serialize_member(row, row.person.membership)
            for row in people.explain_members(facts)
            if row.person.membership
        ]
        return Response({**answer, "members": members_json, "next": following})


def _parse_mine(query: dict[str, str]) -> bool:
    if "member" in query and query["member"] != "me":
        raise make_invalid({"member": "Only `me` is known here; others are found with `search`."})
    return "member" in query


def _parse_told(query: dict[str, str]) -> bool | None:
    if "told" in query and query["told"] not in _TOLD:
        raise make_invalid({"told": "Must be true or false."})
    return _TOLD.get(query.get("told", ""))


def _parse_after(query: dict[str, str]) -> int | None:
    text = query.get("after")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise make_invalid({"after": "Give what the `next` of a page says."})
    return int(text)


def _serialize_hook(row: ExplainedHook) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "name": row.name,
        "kind": row.hook and row.hook.kind,
        "deleted": row.hook is None,
        **_serialize_verdict(row.verdict),
    }


def _serialize_member(row: Explained, membership: Membership) -> dict[str, Any]:
    return {
        "user": membership.user.public_id,
        "name": membership.user.name,
        "email": membership.user.email,
        "told": row.told,
        "channels": [{"channel": each.channel, **_serialize_verdict(each)} for each in row.verdicts],
    }


def _serialize_verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "state": verdict.state,
        "told": verdict.told,
        "explanation": verdict.why,
        "since_then": verdict.since or None,
        "delivery": verdict.delivery and verdict.delivery.public_id,
    }
