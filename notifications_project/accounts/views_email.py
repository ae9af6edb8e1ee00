"""Account settings, profile: change the e-mail address, which a link in a mail confirms."""

from __future__ import annotations

from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from notifications_project.accounts import email_addresses
from notifications_project.accounts.access import get_signed_in_user
from notifications_project.accounts.email_addresses import EmailChangeError
from notifications_project.accounts.forms import EmailChangeForm
from notifications_project.refusals import add_error_to


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def change_email(request: HttpRequest) -> HttpResponse:
    user = get_signed_in_user(request)
    form = EmailChangeForm(user, request.POST or None)
    if request.method == "POST" and not ratelimit.consume(request, action="reauthenticate", user=user):
        return ratelimit.respond_429(request)  # type: ignore[no-any-return]
    if form.is_valid():
        email = form.cleaned_data["email"]
        with add_error_to(form, "email", EmailChangeError):
            email_addresses.request_change(user=user, email=email)
            told = gettext("A mail with a link is on its way to %(address)s. Until you follow it, nothing changes.")
            messages.success(request, told % {"address": email})
            return redirect("accounts:profile")
    return render(request, "accounts/email_change.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def confirm_email(request: HttpRequest, token: str) -> HttpResponse:
    """Show the page of the link in the mail; a POST confirms. A GET changes nothing, as programs open links too."""
    user = get_signed_in_user(request)
    change = email_addresses.find_change(user, token)
    problem = ""
    if change is not None and request.method == "POST":
        try:
            email_addresses.change_email(user=user, email=change.email, actor=user)
        except EmailChangeError as error:
            problem = str(error)
        else:
            update_session_auth_hash(request, user)  # else this session would end with all others
            messages.success(request, gettext("Your address is now %(address)s.") % {"address": user.email})
            return redirect("accounts:profile")
    status = 409 if problem else 200 if change else 404
    return render(request, "accounts/email_confirm.html", {"change": change, "problem": problem}, status=status)
