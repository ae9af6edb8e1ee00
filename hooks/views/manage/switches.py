"""Buttons of a hook: pause, resume, enable, disable, a new secret, delete.

Signing in may return to one of these addresses by GET: that leads to the list and does nothing.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from events import catalogue
from hooks.manage import deletion_impact, rules
from hooks.manage.rules import InvalidRule
from hooks.presentation import hook_rows, hook_sentences
from hooks.views.manage.editing import list_of, show_secret
from hooks.views.manage.finding import find_hook
from notifications_project.accounts.access import OrganizationRequest, organization_page
from notifications_project.accounts.roles import Permission
from notifications_project.refusals import report_refusal


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Permission.MANAGE_HOOKS)
def pause(request: OrganizationRequest, hook: UUID) -> HttpResponse:
    return _switch(request, hook, gettext("%(name)s is paused: its deliveries wait."), paused=True)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Permission.MANAGE_HOOKS)
def resume(request: OrganizationRequest, hook: UUID) -> HttpResponse:
    return _switch(request, hook, gettext("%(name)s is resumed. What waited is sent first."), paused=False)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Permission.MANAGE_HOOKS)
def enable(request: OrganizationRequest, hook: UUID) -> HttpResponse:
    return _switch(request, hook, gettext("%(name)s is enabled."), enabled=True)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Permission.MANAGE_HOOKS)
def disable(request: OrganizationRequest, hook: UUID) -> HttpResponse:
    return _switch(request, hook, gettext("%(name)s is disabled: it matches no events."), enabled=False)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Permission.MANAGE_HOOKS)
def rotate_secret(request: OrganizationRequest, hook: UUID) -> HttpResponse:
    """Leads to the page that shows the new secret, this once."""
    found = find_hook(request.organization, hook)
    if request.method != "POST":
        return redirect(list_of(found), request.organization.public_id)
    lost = rules.has_lost_secret(found)
    try:
        secret = rules.rotate_secret(found, request.user)
    except InvalidRule as problem:
        messages.error(request, problem.describe())
        return redirect(list_of(found), request.organization.public_id)
    return show_secret(request, found, secret, replaced=lost)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Permission.MANAGE_HOOKS)
def delete(request: OrganizationRequest, hook: UUID) -> HttpResponse:
    """GET says what would stop, POST deletes."""
    found = find_hook(request.organization, hook)
    if request.method == "POST":
        with report_refusal(request, InvalidRule):
            rules.delete_hook(found, request.user)
            messages.success(request, gettext("%(name)s was deleted.") % {"name": found.name})
        return redirect(list_of(found), request.organization.public_id)
    lost = deletion_impact.find_deletion_impact(found)
    context = {
        "organization": request.organization,
        "hook": found,
        "row": hook_rows.build_row(found, timezone.now()),
        "loss": hook_sentences.describe_loss(found, lost.stop),
        "keep": lost.keep,
        "is_default": found.name == rules.DEFAULT_HOOK_NAME,
        "results_label": catalogue.GROUPS["deployment-result"].label,
    }
    return render(request, "hooks/manage/delete.html", context)


def _switch(request: OrganizationRequest, pk: UUID, said: str, **changes: Any) -> HttpResponse:
    hook = find_hook(request.organization, pk)
    if request.method != "POST":
        return redirect(list_of(hook), request.organization.public_id)
    with report_refusal(request, InvalidRule):
        rules.update_hook(hook, request.user, **changes)
        messages.success(request, said % {"name": hook.name})
    return redirect(list_of(hook), request.organization.public_id)
