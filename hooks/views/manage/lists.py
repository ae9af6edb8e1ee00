"""The Notifications panel: the tabs E-mails and Webhooks."""

from __future__ import annotations

from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from events import catalogue
from hooks.manage.rules import DEFAULT_HOOK_NAME
from hooks.models import Hook
from hooks.presentation import hook_rows
from notifications_project.accounts.access import OrganizationRequest, organization_page
from notifications_project.accounts.models import Organization
from notifications_project.searching import search_text

_SEARCH_FROM = 12  # hooks; fewer are found by looking


@require_safe
@organization_page()
def show_notifications(request: OrganizationRequest) -> HttpResponse:
    return redirect("hooks:emails", request.organization.public_id)


@require_safe
@organization_page()
def show_emails(request: OrganizationRequest) -> HttpResponse:
    return _show_panel(request, Hook.Kind.EMAIL)


@require_safe
@organization_page()
def show_webhooks(request: OrganizationRequest) -> HttpResponse:
    return _show_panel(request, Hook.Kind.WEBHOOK)


def _show_panel(request: OrganizationRequest, kind: Hook.Kind) -> HttpResponse:
    search = search_text(request)
    rows, more = hook_rows.list_rows(request.organization, kind, search, timezone.now())
    counts = counts_by_kind(request.organization)
    results = catalogue.expand(["deployment-result"])
    context = {
        "organization": request.organization,
        "kind": kind,
        "rows": rows,
        "more": more,
        "search": search,
        "searchable": search or counts.get(kind, 0) >= _SEARCH_FROM,
        "counts": counts,
        "in_trouble": [row for row in rows if row.attention],
        "default_name": DEFAULT_HOOK_NAME,
        "results_label": catalogue.GROUPS["deployment-result"].label,
        "has_default": any(row.hook.name == DEFAULT_HOOK_NAME for row in rows),
        "deployments_told": any(_tells(row.hook, results) for row in rows),
    }
    return render(request, f"hooks/manage/{'emails' if kind == Hook.Kind.EMAIL else 'webhooks'}.html", context)


def counts_by_kind(organization: Organization) -> dict[str, int]:
    """Count the hooks of each kind, for the tabs."""
    existing = Hook.objects.existing().filter(organization=organization).order_by()
    return {found["kind"]: found["count"] for found in existing.values("kind").annotate(count=Count("pk"))}


def _tells(hook: Hook, types: frozenset[str]) -> bool:
    return hook.enabled and bool(catalogue.expand(hook.events) & types)
