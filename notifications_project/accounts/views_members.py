"""Pages of an organization's members: list, change a role, remove, leave."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from notifications_project.accounts import invitations, organizations
from notifications_project.accounts.access import OrganizationRequest, organization_page
from notifications_project.accounts.forms import RoleForm
from notifications_project.accounts.models import Membership, Organization
from notifications_project.accounts.organizations import MembershipError
from notifications_project.accounts.roles import Permission, allows
from notifications_project.refusals import add_error_to

AT_ONCE = 200


@require_safe
@organization_page()
def show_members(request: OrganizationRequest) -> HttpResponse:
    """List the members, oldest first, paged by key."""
    after = request.GET.get("after", "")
    found = request.organization.memberships.select_related("user").order_by("pk")
    if after.isdecimal() and len(after) < 19:
        found = found.filter(pk__gt=int(after))
    rows = list(found[: AT_ONCE + 1])
    more = rows[AT_ONCE - 1].pk if len(rows) > AT_ONCE else None
    context = {"organization": request.organization, "memberships": rows[:AT_ONCE], "more": more, "after": after}
    if (
        not after
        and not request.organization.is_personal
        and allows(request.membership.role, Permission.MANAGE_MEMBERS)
    ):
        context["invitations"] = invitations.list_open(request.organization)[:AT_ONCE]
    return render(request, "accounts/members.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Permission.MANAGE_MEMBERS)
def change_role(request: OrganizationRequest, user: UUID) -> HttpResponse:
    membership = _find_membership(request.organization, user)
    form = RoleForm(request.POST or None, initial={"role": membership.role})
    if form.is_valid():
        with add_error_to(form, "role", MembershipError):
            membership = organizations.change_role(
                organization=request.organization,
                user=membership.user,
                role=form.cleaned_data["role"],
                actor=request.user,
            )
            told = gettext("%(name)s now has this role: %(role)s.")
            messages.success(request, told % {"name": membership.user, "role": membership.get_role_display()})
            return redirect("accounts:members", request.organization.public_id)
    context = {"organization": request.organization, "membership": membership, "form": form}
    context["invitations_end"] = invitations.has_open_by(membership)
    return render(request, "accounts/member_role.html", context, status=_choose_status(form))


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Permission.MANAGE_MEMBERS)
def remove_member(request: OrganizationRequest, user: UUID) -> HttpResponse:
    membership = _find_membership(request.organization, user)
    done = gettext("%(name)s is no longer a member of %(organization)s.")
    return _end(request, membership, done % {"name": membership.user, "organization": request.organization})


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page()
def leave(request: OrganizationRequest) -> HttpResponse:
    refuse_personal_space(request.organization)
    done = gettext("You have left %(organization)s.") % {"organization": request.organization}
    return _end(request, request.membership, done)


def _end(request: OrganizationRequest, membership: Membership, done: str) -> HttpResponse:
    """Ask, then end a membership. A user who leaves is redirected to another organization."""
    mine, problem = membership.pk == request.membership.pk, ""
    if request.method == "POST":
        try:
            organizations.remove_member(organization=membership.organization, user=membership.user, actor=request.user)
        except MembershipError as error:
            problem = str(error)
        else:
            messages.success(request, done)
            return (
                redirect("accounts:home") if mine else redirect("accounts:members", membership.organization.public_id)
            )
    context = {"organization": membership.organization, "membership": membership, "mine": mine, "problem": problem}
    context["invitations_end"] = invitations.has_open_by(membership)
    return render(request, "accounts/member_remove.html", context, status=409 if problem else 200)


def refuse_personal_space(organization: Organization) -> None:
    """Raise Http404 for a personal space."""
    if organization.is_personal:
        raise Http404("A personal space has one member, always.")


def _find_membership(organization: Organization, user: UUID) -> Membership:
    refuse_personal_space(organization)
    membership = organization.memberships.select_related("user", "organization").filter(user_id=user).first()
    if membership is None:
        raise Http404("No such member.")
    return membership


def _choose_status(form: RoleForm) -> int:
    return 422 if form.errors else 200
