"""Events of an organization: the list, one of them, and the catalogue of event types."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from events import catalogue
from events.catalogue import EmailDefault, EventType, Outcome
from events.models import Event, Resource
from events.presentation import write_event_title
from notifications_project import ids
from notifications_project.accounts.access import OrganizationRequest, organization_page
from notifications_project.accounts.models import Organization
from notifications_project.accounts.roles import Permission, list_roles_with
from notifications_project.not_found import decode_or_404
from notifications_project.paging import get_page

_TONES = {Outcome.GOOD: "good", Outcome.BAD: "bad", Outcome.NEUTRAL: ""}
_MOST_RESOURCES = 500  # offered in the filter


@require_safe
@organization_page()
def list_events(request: OrganizationRequest) -> HttpResponse:
    """List the events, newest first, filtered by `type` (a type or group) and `resource`."""
    chosen, resource, before = (request.GET.get(name, "") for name in ("type", "resource", "before"))
    found = Event.objects.filter(organization=request.organization).select_related("resource")
    if chosen:
        found = found.filter(type__in=catalogue.expand([chosen]))
    about = _find_resource(request.organization, resource) if resource else None
    if about:
        found = found.filter(resource=about)
    page = get_page(found, decode_or_404(before, "evt") if before else None)
    context = {
        "organization": request.organization,
        "rows": [{"event": event, **_describe_type(event.type)} for event in page.items],
        "next": ids.encode("evt", page.next) if page.next else None,
        "before": before,
        "chosen": chosen,
        "unknown": chosen and chosen not in catalogue.EVENT_TYPES and chosen not in catalogue.GROUPS,
        "resource": resource,
        "groups": catalogue.ALL_GROUPS,
        "categories": catalogue.group_by_category().items(),
        "resources": _list_choices(request.organization, about),
        "curl": _build_curl(request.organization),
    }
    return render(request, "events/events.html", context)


def _find_resource(organization: Organization, public_id: str) -> Resource:
    return get_object_or_404(organization.resources.for_ids(decode_or_404(public_id, *Resource.KINDS)))


def _list_choices(organization: Organization, chosen: Resource | None) -> list[Resource]:
    """Return the resources for the filter: those in use, and the chosen one even if it is archived."""
    offered = Q(archived_at__isnull=True)
    if chosen:
        offered |= Q(pk=chosen.pk)
    return list(organization.resources.filter(offered).order_by("name", "kind")[:_MOST_RESOURCES])


def _build_curl(organization: Organization) -> str:
    """Return a command that records an event, with a placeholder for the token."""
    return (
        f"curl {settings.PUBLIC_URL}/api/v1/organizations/{organization.public_id}/events/ \\\n"
        "  -H 'Authorization: Bearer YOUR_API_TOKEN' \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        """  -d '{"type": "stack.redeploy.ok", "resource": {"kind": "application", "name": "shop"}}'"""
    )


@require_safe
@organization_page()
def show_event(request: OrganizationRequest, event: UUID) -> HttpResponse:
    found = get_object_or_404(Event.objects.select_related("resource"), organization=request.organization, pk=event)
    title = write_event_title(found)
    context = {"organization": request.organization, "event": found, "title": title, **_describe_type(found.type)}
    return render(request, "events/event.html", context)


@require_safe
@organization_page()
def list_event_types(request: OrganizationRequest) -> HttpResponse:
    context = {
        "organization": request.organization,
        "categories": [
            (
                category,
                [
                    {
                        "type": each,
                        "told": _describe_default(each),
                        "recorded_by": _describe_recorders(each),
                        **_describe_type(each.name),
                    }
                    for each in types
                ],
            )
            for category, types in catalogue.group_by_category().items()
        ],
        "groups": [(group, [catalogue.EVENT_TYPES[name] for name in group.types]) for group in catalogue.ALL_GROUPS],
        "unselectable": [each for each in catalogue.TYPES if not each.offered],
    }
    return render(request, "events/catalogue.html", context)


def _describe_type(name: str) -> dict[str, Any]:
    """Return label, outcome and tone of a type; a type that has left the catalogue is neutral."""
    known = catalogue.EVENT_TYPES.get(name)
    outcome = known.outcome if known else Outcome.NEUTRAL
    return {"label": catalogue.get_label(name), "outcome": outcome, "tone": _TONES[outcome]}


def _describe_default(each: EventType) -> str:
    if each.subject == catalogue.Subject.HOOK:
        return gettext("Administrators and managers are told by e-mail")
    match each.email_default:
        case EmailDefault.ON:
            return gettext("Every member is told by e-mail")
        case EmailDefault.FOLLOW_HOOKS:
            return gettext("The e-mail hooks say who is told")
        case EmailDefault.OFF:
            return gettext("Nobody is told")


def _describe_recorders(each: EventType) -> str:
    """Say who may record the type; empty if everybody may who may record events."""
    if each.permission is None:
        return gettext("Only the console records it")
    if each.permission == Permission.RECORD_EVENTS:
        return ""
    return gettext("Roles that may record it: %(roles)s") % {"roles": list_roles_with(each.permission)}
