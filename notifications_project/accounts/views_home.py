"""Redirects from `/` and from an organization's own address to its notifications."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from notifications_project.accounts.access import OrganizationRequest, organization_page
from notifications_project.accounts.context import find_current_membership


@login_required
def show_home(request: HttpRequest) -> HttpResponse:
    membership = find_current_membership(request)
    if membership is None:
        return redirect("accounts:add_organization")
    return redirect("hooks:emails", membership.organization.public_id)


@organization_page()
def show_organization(request: OrganizationRequest) -> HttpResponse:
    return redirect("hooks:emails", request.organization.public_id)
