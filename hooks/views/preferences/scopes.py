"""The scopes of *My notifications*: everything, an organization, an application or add-on, as tabs and a page."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from events.models import Resource
from hooks.preferences.effective import EffectiveSettings, get_scope_id
from hooks.preferences.notification_settings import EVERYTHING, Scope
from hooks.preferences.scopes import get_scope_key
from notifications_project.accounts.access import get_signed_in_user
from notifications_project.accounts.context import list_memberships
from notifications_project.searching import search_text

_ORGANIZATIONS = 5  # shown as tabs, those with choices of their own first
_RESOURCES = 3
_OFFERED = 50


@dataclass(frozen=True, slots=True)
class Tab:
    label: str
    href: str
    changed: int
    current: bool
    of: str = ""  # the organization of a resource


def read_effective_settings(request: HttpRequest) -> EffectiveSettings:
    return EffectiveSettings.read(get_signed_in_user(request), list_memberships(request))


def page_of(scope: Scope) -> str:
    page = reverse("hooks:my-notifications")
    return page if scope == EVERYTHING else f"{page}?{urlencode({'scope': get_scope_key(scope)})}"


def list_tabs(standing: EffectiveSettings, scope: Scope) -> list[Tab]:
    """Return tabs for everything, organizations, and applications with choices of their own; of many only the first."""
    changed, shown = standing.count_choices(), get_scope_id(scope)
    organizations = [Scope(organization=each.organization) for each in standing.memberships.values()]
    resources = [Scope(resource=each) for each in sorted(standing.resources.values(), key=lambda each: each.name)]
    if scope.resource and scope.resource.pk not in standing.resources:
        resources.append(scope)

    def first(scopes: list[Scope], most: int) -> list[Scope]:
        by_weight = sorted(scopes, key=lambda each: (get_scope_id(each) != shown, not changed[get_scope_id(each)]))
        kept = {get_scope_id(each) for each in by_weight[:most]}
        return [each for each in scopes if get_scope_id(each) in kept]

    listed = [EVERYTHING, *first(organizations, _ORGANIZATIONS), *first(resources, _RESOURCES)]
    return [
        _build_tab(standing, each, changed[get_scope_id(each)], current=get_scope_id(each) == shown) for each in listed
    ]


def _build_tab(standing: EffectiveSettings, scope: Scope, changed: int, *, current: bool = False) -> Tab:
    label = gettext("Everything") if scope == EVERYTHING else str(scope)
    of = standing.memberships[scope.resource.organization_id].organization.name if scope.resource else ""
    return Tab(label, page_of(scope), 0 if scope == EVERYTHING else changed, current, of)


@require_safe
@login_required
def choose(request: HttpRequest) -> HttpResponse:
    """Show the user's organizations, applications and add-ons, found by a part of their names."""
    standing, search = read_effective_settings(request), search_text(request)
    changed = standing.count_choices()
    organizations = [
        _build_tab(standing, Scope(organization=each.organization), changed[organization])
        for organization, each in standing.memberships.items()
        if search.casefold() in each.organization.name.casefold()
    ]
    found = Resource.objects.filter(organization__in=standing.memberships, archived_at__isnull=True)
    named = found.filter(name__icontains=search).order_by("name", "pk")[: _OFFERED + 1]
    resources = [_build_tab(standing, Scope(resource=each), changed[each.pk]) for each in named]
    context = {
        "search": search,
        "organizations": organizations[:_OFFERED],
        "resources": resources[:_OFFERED],
        "more": len(resources) > _OFFERED or len(organizations) > _OFFERED,
        "tabs": list_tabs(standing, EVERYTHING),
    }
    return render(request, "hooks/preferences/scopes.html", context)
