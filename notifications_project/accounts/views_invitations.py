"""Pages of invitations: administrators send and revoke them, the owner of the address accepts or declines."""

from __future__ import annotations

from uuid import UUID

from allauth.account.utils import perform_login
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from notifications_project.accounts import invitations
from notifications_project.accounts.access import OrganizationRequest, get_signed_in_user, organization_page
from notifications_project.accounts.forms import InviteForm, NewAccountForm
from notifications_project.accounts.invitations import InvitationError, QuotaExceeded
from notifications_project.accounts.models import Invitation, Organization, User
from notifications_project.accounts.roles import Permission, Role
from notifications_project.accounts.views_members import refuse_personal_space
from notifications_project.refusals import report_refusal

# --- For administrators --------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Permission.MANAGE_MEMBERS)
def invite(request: OrganizationRequest) -> HttpResponse:
    refuse_personal_space(request.organization)
    form, status = InviteForm(request.POST or None, initial={"role": Role.DEVELOPER}), 200
    if form.is_valid():
        try:
            made = invitations.invite(organization=request.organization, actor=request.user, **form.cleaned_data)
        except InvitationError as error:
            form.add_error(None if isinstance(error, QuotaExceeded) else "email", str(error))
            status = 429 if isinstance(error, QuotaExceeded) else 422
        else:
            told = gettext("%(address)s is invited, and becomes a member by accepting.")
            messages.success(request, told % {"address": made.email})
            return redirect("accounts:members", request.organization.public_id)
    elif form.errors:
        status = 422
    return render(request, "accounts/invite.html", {"organization": request.organization, "form": form}, status=status)


@require_POST
@organization_page(Permission.MANAGE_MEMBERS)
def resend(request: OrganizationRequest, invitation: UUID) -> HttpResponse:
    with report_refusal(request, InvitationError):
        sent = invitations.resend(invitation=_find_invitation(request.organization, invitation), actor=request.user)
        told = gettext("%(address)s gets another mail. Its link works for a week; the earlier link no longer works.")
        messages.success(request, told % {"address": sent.email})
    return redirect("accounts:members", request.organization.public_id)


@require_POST
@organization_page(Permission.MANAGE_MEMBERS)
def revoke(request: OrganizationRequest, invitation: UUID) -> HttpResponse:
    found = _find_invitation(request.organization, invitation)
    with report_refusal(request, InvitationError):
        invitations.revoke(invitation=found, actor=request.user)
        told = gettext("The invitation of %(address)s is revoked. Its link no longer works.")
        messages.success(request, told % {"address": found.email})
    return redirect("accounts:members", request.organization.public_id)


def _find_invitation(organization: Organization, invitation: UUID) -> Invitation:
    found = Invitation.objects.select_related("organization").filter(organization=organization, pk=invitation).first()
    if found is None:
        raise Http404("No such invitation.")
    return found


# --- For those who are invited -------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def show_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show the page of the link in the mail; a POST accepts. A GET changes nothing, as programs open links too."""
    found = invitations.find(token)
    if found is None or found.state != "pending":
        return render(request, "accounts/invitation_ended.html", {"invitation": found}, status=410 if found else 404)
    if request.method == "POST" and "decline" in request.POST:
        return _decline(request, found, found.email)
    if request.user.is_authenticated:
        return _answer_signed_in(request, found)
    if User.objects.filter(email__iexact=found.email).exists():
        # Only the owner of the mailbox has the link, so this reveals the account to nobody else.
        return render(request, "accounts/invitation.html", {"invitation": found, "has_account": True})
    return _answer_new_user(request, found)


@require_safe
@login_required
def show_my_invitations(request: HttpRequest) -> HttpResponse:
    context = {"invitations": invitations.list_acceptable(get_signed_in_user(request))[: invitations.MOST_OPEN]}
    return render(request, "accounts/my_invitations.html", context)


@require_POST
@login_required
def answer(request: HttpRequest, invitation: UUID) -> HttpResponse:
    """Accept or decline an invitation of the signed-in user, without its link."""
    user = get_signed_in_user(request)
    found = invitations.list_acceptable(user).filter(pk=invitation).first()
    if found is None:
        raise Http404("No such invitation.")
    return _decline(request, found, user) if "decline" in request.POST else _accept(request, found)


def _answer_signed_in(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    if get_signed_in_user(request).email.lower() != invitation.email.lower():
        return render(request, "accounts/invitation.html", {"invitation": invitation, "is_for_another": True})
    if request.method == "POST":
        return _accept(request, invitation)
    return render(request, "accounts/invitation.html", {"invitation": invitation})


def _answer_new_user(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    form = NewAccountForm(invitation.email, request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            user = invitations.accept_as_new_user(invitation=invitation, **form.cleaned_data)
        except InvitationError as error:
            messages.error(request, str(error))
            return redirect(request.path)
        _welcome(request, invitation)
        home = redirect("accounts:organization", invitation.organization.public_id).url
        return perform_login(request, user, email_verification="none", redirect_url=home)  # type: ignore[no-any-return]
    context = {"invitation": invitation, "form": form}
    return render(request, "accounts/invitation.html", context, status=422 if form.errors else 200)


def _accept(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    try:
        invitations.accept(invitation=invitation, user=get_signed_in_user(request))
    except InvitationError as error:
        messages.error(request, str(error))
        return redirect("accounts:my_invitations")
    _welcome(request, invitation)
    return redirect("accounts:organization", invitation.organization.public_id)


def _welcome(request: HttpRequest, invitation: Invitation) -> None:
    told = gettext("You are now a member of %(organization)s.") % {"organization": invitation.organization}
    messages.success(request, told)


def _decline(request: HttpRequest, invitation: Invitation, actor: User | str) -> HttpResponse:
    with report_refusal(request, InvitationError):
        invitations.decline(invitation=invitation, actor=actor)
        told = gettext("You have declined the invitation of %(organization)s.")
        messages.success(request, told % {"organization": invitation.organization})
    signed = request.user.is_authenticated
    return redirect("accounts:my_invitations" if signed else settings.LOGIN_URL)
