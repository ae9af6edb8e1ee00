"""Account settings, API tokens: list, make, show once, revoke."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from notifications_project import one_time_secrets
from notifications_project.accounts.access import get_signed_in_user
from notifications_project.accounts.context import list_memberships
from notifications_project.accounts.forms import TokenForm
from notifications_project.accounts.models import ApiToken
from notifications_project.accounts.tokens import make_token, revoke_token


@require_safe
@login_required
def show_tokens(request: HttpRequest) -> HttpResponse:
    found = (
        ApiToken.objects.filter(user=get_signed_in_user(request)).select_related("organization").order_by("-created")
    )
    return render(request, "accounts/tokens.html", {"tokens": found})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def add_token(request: HttpRequest) -> HttpResponse:
    """Make a token, and redirect to the page that shows it once."""
    organizations = [membership.organization for membership in list_memberships(request)]
    form = TokenForm(get_signed_in_user(request), organizations, request.POST or None)
    if form.is_valid():
        token, secret = make_token(
            user=form.user,
            name=form.cleaned_data["name"],
            organization=form.chosen_organization,
            lasts=form.chosen_lifetime,
        )
        one_time_secrets.stash(request, _stash_token(token), secret)
        return redirect("accounts:token_made", token.token_key)
    return render(request, "accounts/token_add.html", {"form": form}, status=422 if form.errors else 200)


@require_GET
@never_cache
@login_required
def show_new_token(request: HttpRequest, key: str) -> HttpResponse:
    """Show a token that was just made. No other page ever shows it, and no cache may keep this one."""
    token = _find_own(request, key)
    context = {"token": token, "secret": one_time_secrets.pop(request, _stash_token(token))}
    return render(request, "accounts/token_made.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def revoke(request: HttpRequest, key: str) -> HttpResponse:
    token = _find_own(request, key)
    if request.method == "POST":
        revoke_token(token)
        told = gettext("The token %(name)s is revoked. Programs that use it are refused.")
        messages.success(request, told % {"name": token.name})
        return redirect("accounts:tokens")
    return render(request, "accounts/token_revoke.html", {"token": token})


def _find_own(request: HttpRequest, key: str) -> ApiToken:
    mine = ApiToken.objects.filter(user=get_signed_in_user(request)).select_related("user", "organization")
    token: ApiToken | None = mine.filter(token_key=key).first()
    if token is None:
        raise Http404("No such token.")
    return token


def _stash_token(token: ApiToken) -> str:
    return f"token {token.token_key}"
