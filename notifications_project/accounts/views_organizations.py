"""Pages to create and rename an organization."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from notifications_project.accounts import organizations
from notifications_project.accounts.access import OrganizationRequest, get_signed_in_user, organization_page
from notifications_project.accounts.forms import OrganizationForm
from notifications_project.accounts.roles import Permission


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def add_organization(request: HttpRequest) -> HttpResponse:
    form = OrganizationForm(request.POST or None)
    if form.is_valid():
        made = organizations.create_organization(name=form.cleaned_data["name"], admin=get_signed_in_user(request))
        told = gettext("%(organization)s is there, and you are its administrator. Invite the people you work with.")
        messages.success(request, told % {"organization": made})
        return redirect("accounts:members", made.public_id)
    return render(request, "accounts/organization_add.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Permission.MANAGE_MEMBERS)
def edit_organization(request: OrganizationRequest) -> HttpResponse:
    form = OrganizationForm(request.POST or None, initial={"name": request.organization.name})
    if form.is_valid():
        organizations.rename_organization(
            organization=request.organization,
            name=form.cleaned_data["name"],
            actor=request.user,
        )
        messages.success(request, gettext("The name is now %(name)s.") % {"name": request.organization})
        return redirect("accounts:members", request.organization.public_id)
    context = {"organization": request.organization, "form": form}
    return render(request, "accounts/organization_edit.html", context, status=422 if form.errors else 200)
