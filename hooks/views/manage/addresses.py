"""The buttons beside an address that a hook names but does not tell."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from hooks.manage import address_actions
from hooks.manage.address_actions import UnknownAddress
from hooks.views.manage.finding import find_hook
from notifications_project.accounts.access import OrganizationRequest, organization_page
from notifications_project.accounts.roles import Permission
from notifications_project.refusals import report_refusal

_DONE = {
    "resubscribe": _("%(address)s is told again."),
    "ask-again": _("A mail with a link is on its way to %(address)s."),
    "try-again": _("Mail to %(address)s is tried again. What waited is sent first."),
}


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Permission.MANAGE_HOOKS)
def change(request: OrganizationRequest, hook: UUID, action: str) -> HttpResponse:
    """POST does `action` for the `address`; GET, to which signing in may return, leads to the hook."""
    found = find_hook(request.organization, hook)
    if request.method == "POST":
        address = request.POST.get("address", "")
        with report_refusal(request, UnknownAddress):
            address_actions.ACTIONS[action](found, address, request.user)
            messages.success(request, _DONE[action] % {"address": address})
    return redirect("hooks:hook", request.organization.public_id, found.public_id)
