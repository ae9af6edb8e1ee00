"""The pages that links in mails lead to. They need no sign-in: the link is signed, and only who got the mail has it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from events import catalogue
from hooks import mail_links
from hooks.consent import confirming, unsubscribing
from hooks.mail_links import BadLink, Mailed
from hooks.models import Endpoint, Unsubscription
from hooks.preferences import mail_link_settings
from notifications_project import ids
from notifications_project.accounts.models import User
from notifications_project.mail.addresses import make_comparable

_ONE_CLICK = "One-Click"
View = Callable[[HttpRequest, str], HttpResponse]


def _answer_bad_links(view: View) -> View:
    """A link that is not good leads to a page that says so, and changes nothing."""

    @wraps(view)
    def inner(request: HttpRequest, token: str) -> HttpResponse:
        try:
            return view(request, token)
        except BadLink as problem:
            status = 410 if problem.expired else 404
            return render(request, "hooks/mail_links/bad_link.html", {"expired": problem.expired}, status=status)

    return inner


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@_answer_bad_links
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Ask (GET, as programs follow links too), or unsubscribe for a mail client (POST, RFC 8058) without a page."""
    mailed = mail_links.read_unsubscribe(token)
    endpoint = _find_endpoint(mailed.endpoint)
    if request.method == "POST":
        if request.POST.get("List-Unsubscribe") != _ONE_CLICK:
            return HttpResponse("Send List-Unsubscribe=One-Click.\n", "text/plain", status=400)
        unsubscribing.unsubscribe(endpoint, mailed.hooks, endpoint.address)
        if user := _find_owner(endpoint, mailed):
            mail_link_settings.turn_off(user, mailed.event_type)
        return HttpResponse("Unsubscribed.\n", "text/plain")
    hooks = unsubscribing.find_existing_hooks(endpoint, mailed.hooks)
    left = set(Unsubscription.objects.filter(endpoint=endpoint, hook__in=hooks).values_list("hook", flat=True))
    context = {
        "endpoint": endpoint,
        "token": token,
        "told": [hook for hook in hooks if hook.pk not in left],
        "left": [hook for hook in hooks if hook.pk in left],
    }
    if user := _find_owner(endpoint, mailed):
        off = mail_link_settings.is_off(user, mailed.event_type)
        context |= {"own": "left" if off else "told", "kind": catalogue.get_label(mailed.event_type)}
    context["undo"] = request.GET.get("undo", "")
    return render(request, "hooks/mail_links/unsubscribe.html", context)


@require_POST
@never_cache
@_answer_bad_links
def change(request: HttpRequest, token: str) -> HttpResponse:
    """The buttons of that page: `stop` or `resume`, for the `hook`s of the mail, or the `kind`, that are named.

    If none is named, for all of it.
    """
    mailed = mail_links.read_unsubscribe(token)
    endpoint = _find_endpoint(mailed.endpoint)
    page = reverse("hooks:unsubscribe", args=[token])
    resume = request.POST.get("action") == "resume"
    chosen = _read_chosen(request, mailed.hooks)
    (unsubscribing.resubscribe if resume else unsubscribing.unsubscribe)(endpoint, chosen, endpoint.address)
    if (user := _find_owner(endpoint, mailed)) and ("kind" in request.POST or "hook" not in request.POST):
        if resume:
            mail_link_settings.turn_on(user, mailed.event_type, _read_settings_before(request, mailed))
        elif before := mail_link_settings.turn_off(user, mailed.event_type):
            return redirect(f"{page}?{urlencode({'undo': mail_links.undo_token(mailed, before)})}")
    return redirect(page)


def _read_settings_before(request: HttpRequest, mailed: Mailed) -> mail_link_settings.Before:
    """Return the settings from before it was turned off, if the page still knows them."""
    try:
        stood = mail_links.read_undo(request.POST.get("undo", ""), mailed)
        return [(key, enabled) for key, enabled in stood]
    except BadLink:
        return []


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@_answer_bad_links
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Ask (GET), or confirm the address once (POST); after that the page says that it is confirmed."""
    endpoint = _find_endpoint(mail_links.read_confirm(token))
    if request.method == "POST":
        confirming.confirm(endpoint)
        return redirect("hooks:confirm", token)
    hooks = confirming.find_naming_hooks(endpoint)
    return render(request, "hooks/mail_links/confirm.html", {"endpoint": endpoint, "hooks": hooks})


def _find_owner(endpoint: Endpoint, mailed: Mailed) -> User | None:
    """The member whose settings the mail came from, if it did."""
    return mail_link_settings.find_owner(endpoint) if catalogue.is_offered(mailed.event_type) else None


def _find_endpoint(pk: UUID) -> Endpoint:
    mails = Endpoint.objects.mails().select_related("organization").without_secrets()
    found = mails.filter(pk=pk).first()
    if found is not None and found.deleted_at:  # another spelling of an address, which has become one with this
        of_organization = mails.filter(organization=found.organization_id)
        found = of_organization.for_addresses([make_comparable(found.address)]).exclude(pk=pk).first()
    if found is None:
        raise BadLink
    return found


def _read_chosen(request: HttpRequest, hooks: tuple[UUID, ...]) -> list[UUID]:
    """Return the mail's hooks that the request names; no other can be named."""
    named = set(request.POST.getlist("hook"))
    everything = not named and "kind" not in request.POST
    return [hook for hook in hooks if everything or ids.encode("hook", hook) in named]
