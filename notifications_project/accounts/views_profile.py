"""Account settings, profile: the user's name, language and time zone."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_http_methods

from notifications_project.accounts.access import get_signed_in_user
from notifications_project.accounts.forms import ProfileForm
from notifications_project.accounts.models import User


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def edit_profile(request: HttpRequest) -> HttpResponse:
    # A copy: a refused form would change the name that the page shows for the signed-in user.
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=get_signed_in_user(request).pk))
    if form.is_valid():
        user = form.save()
        with translation.override(user.language or get_language()):  # the next page is in the new language
            messages.success(request, gettext("Your profile is saved."))
        return redirect("accounts:profile")
    return render(request, "accounts/profile.html", {"form": form}, status=422 if form.errors else 200)
