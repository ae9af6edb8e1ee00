"""*Why?*: who was told of an event and who was not, each with the reason."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from events import catalogue
from events.models import Event
from events.presentation import write_event_title
from hooks.context import has_running_workers
from hooks.explanations import people
from hooks.explanations.facts import Facts
from hooks.explanations.hooks import explain_hooks
from hooks.routing import subjects
from notifications_project.accounts.access import OrganizationRequest, organization_page
from notifications_project.accounts.models import Membership
from notifications_project.searching import search_text

_TOLD = {"yes": True, "no": False}
MOST_HOOKS = 500  # of a page


@require_safe
@organization_page()
def explain(request: OrganizationRequest, event: UUID) -> HttpResponse:
    """`who=me`: the reader alone; `q`: by name or address; `told`: `yes` or `no`. Members in pages by key."""
    loaded = Event.objects.select_related("organization", "resource")
    found = get_object_or_404(subjects.annotate_subject(loaded), organization=request.organization, pk=event)
    mine = request.GET.get("who") == "me"
    search = "" if mine else search_text(request)
    chosen = request.GET.get("told", "")
    told = None if mine else _TOLD.get(chosen)
    unknown = bool(chosen) and chosen not in _TOLD and not mine
    members, more = ([], None) if unknown else _find_members(request, found, mine, search, told)
    me = request.user
    facts = Facts.read(found, members, viewer=me.pk, workers=lambda: has_running_workers(request))
    after = request.GET.get("after", "")
    hooks = [] if mine or after or unknown else explain_hooks(facts, search)
    addresses = [] if mine or after or unknown else people.explain_addresses(facts)
    shown = [row for row in hooks if told is None or row.verdict.told == told]
    context = {
        "organization": request.organization,
        "event": found,
        "title": write_event_title(found),
        "known": found.type in catalogue.EVENT_TYPES,
        "mine": mine,
        "hooks": shown[:MOST_HOOKS],
        "more_hooks": len(shown) > MOST_HOOKS,
        "members": people.explain_members(facts),
        "addresses": [
            row for row in addresses if search.lower() in row.person.address.lower() and told in {None, row.told}
        ],
        "more": more,
        "after": after,
        "q": search,
        "told": chosen if chosen in _TOLD else "",
        "unknown_filter": unknown,
    }
    return render(request, "hooks/deliveries/explain.html", context)


def _find_members(
    request: OrganizationRequest, event: Event, mine: bool, search: str, told: bool | None
) -> tuple[list[Membership], int | None]:
    if mine:
        return [request.membership], None
    after = request.GET.get("after", "")
    if after and not (after.isascii() and after.isdecimal() and len(after) < 19):
        raise Http404("No such page.")
    return people.find_members(event, search=search, told=told, after=int(after) if after else None)
