"""Previews of a hook, as it is saved or as it stands in its form: nothing is saved and nothing is sent."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from csp.constants import NONE, SELF, UNSAFE_INLINE
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from events import catalogue
from hooks.formats import FORMATS
from hooks.manage.rules import has_lost_secret
from hooks.models import Hook
from hooks.preview.preview import Draft, choose_first_type, preview
from hooks.views.manage.drafts import build_draft, extract_typed, read_posted_form
from hooks.views.manage.finding import find_hook
from notifications_project.accounts.access import OrganizationRequest, organization_page
from notifications_project.accounts.models import Organization
from notifications_project.encryption import CannotDecrypt, decrypt, encrypt
from notifications_project.fragments import is_fragment

# An e-mail brings its styles along. Nothing else of it is let in, and it is shut into a frame.
_MAIL_POLICY = {
    "default-src": [NONE],
    "script-src": [NONE],
    "connect-src": [NONE],
    "font-src": [NONE],
    "form-action": [NONE],
    "img-src": ["data:"],
    "style-src": [UNSAFE_INLINE],
    "frame-ancestors": [SELF],
    "sandbox": [""],
}


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page()
@never_cache
def preview_hook(request: OrganizationRequest, hook: UUID) -> HttpResponse:
    """GET: as it is saved. POST: as it stands in its form."""
    found = find_hook(request.organization, hook)
    typed = _read_typed(request, found.kind, found) if request.method == "POST" else None
    return _page(request, Hook.Kind(found.kind), typed, found)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page()
@never_cache
def preview_new(request: OrganizationRequest, kind: Hook.Kind) -> HttpResponse:
    """POST: a hook as it stands in the form that adds it. Signing in may return here by GET: that leads to the form."""
    if request.method != "POST":
        form = "hooks:add-webhook" if kind == Hook.Kind.WEBHOOK else "hooks:add-email-hook"
        return redirect(form, request.organization.public_id)
    return _page(request, kind, _read_typed(request, kind, None), None)


@require_safe
@organization_page()
@never_cache
def show_mail_of_hook(request: OrganizationRequest, hook: UUID) -> HttpResponse:
    return _show_mail(request, find_hook(request.organization, hook))


@require_safe
@organization_page()
@never_cache
def show_mail_of_new(request: OrganizationRequest) -> HttpResponse:
    return _show_mail(request, None)


def allow_frames(response: HttpResponse) -> HttpResponse:
    """Let a page show the HTML of an e-mail, from here and in a frame of its own."""
    vars(response)["_csp_update"] = {"frame-src": [SELF]}
    return response


def _page(
    request: OrganizationRequest, kind: Hook.Kind, typed: dict[str, Any] | None, hook: Hook | None
) -> HttpResponse:
    draft = _read_draft(request, typed, hook)
    if draft.format not in FORMATS:
        raise Http404("Its format is not known here any more.")
    chosen = _choose_type(request, draft)
    sealed = "" if typed is None else _seal(request.organization, typed)
    context = {
        "organization": request.organization,
        "hook": hook,
        "kind": kind,
        "name": draft.name,
        "types": catalogue.group_by_category(),
        "chosen": chosen,
        "label": catalogue.get_label(chosen),
        "draft": sealed,
        "preview": preview(request.organization, draft, chosen, _choose_language(request, draft)),
        "secret_lost": hook is not None and has_lost_secret(hook),
        "mail_page": _get_mail_page(request.organization, hook, chosen, sealed),
    }
    fragment = is_fragment(request)
    template = "hooks/preview/_result.html" if fragment else "hooks/preview/page.html"
    return allow_frames(render(request, template, context))


def _show_mail(request: OrganizationRequest, hook: Hook | None) -> HttpResponse:
    """The HTML of an e-mail alone, for the frame in which the preview shows it."""
    typed = _unseal(request.organization, request.GET["draft"]) if request.GET.get("draft") else None
    if typed is None and hook is None:
        raise Http404("There is nothing to show.")
    draft = _read_draft(request, typed, hook)
    if draft.format != "mail":
        raise Http404("This is no e-mail hook.")
    chosen = _choose_type(request, draft)
    response = HttpResponse(preview(request.organization, draft, chosen, _choose_language(request, draft)).html)
    vars(response)["_csp_replace"] = _MAIL_POLICY
    response["X-Frame-Options"] = "SAMEORIGIN"
    return response


def _choose_language(request: OrganizationRequest, draft: Draft) -> str:
    """Give the viewer's language for an e-mail, which each member gets in their own; a webhook has no reader."""
    return request.user.language if draft.format == "mail" else ""


def _get_mail_page(organization: Organization, hook: Hook | None, event_type: str, sealed: str) -> str:
    query = {"event_type": event_type} | ({"draft": sealed} if sealed else {})
    owner = organization.public_id
    path = (
        reverse("hooks:preview-mail", args=[owner, hook.public_id])
        if hook
        else reverse("hooks:preview-new-email-mail", args=[owner])
    )
    return f"{path}?{urlencode(query)}"


def _read_typed(request: OrganizationRequest, kind: str, hook: Hook | None) -> dict[str, Any]:
    """Return the values of the form, now or when the preview was opened: those come along sealed."""
    form = read_posted_form(request, kind, hook)
    if sealed := request.POST.get("draft"):
        return _unseal(request.organization, sealed)
    return extract_typed(form)


def _seal(organization: Organization, typed: dict[str, Any]) -> str:
    """Seal the typed values for the next page: they may hold secrets, and only this console can read them."""
    return encrypt({"preview": organization.public_id, "typed": typed})


def _unseal(organization: Organization, sealed: str) -> dict[str, Any]:
    try:
        found = decrypt(sealed)
    except CannotDecrypt:
        found = None
    if not isinstance(found, dict) or found.get("preview") != organization.public_id:
        raise Http404("This was not made here.")
    typed: dict[str, Any] = found["typed"]
    return typed


def _read_draft(request: OrganizationRequest, typed: dict[str, Any] | None, hook: Hook | None) -> Draft:
    if typed is not None:
        return build_draft(request, typed, hook)
    assert hook is not None
    return Draft.of(hook, request.user.email)


def _choose_type(request: HttpRequest, draft: Draft) -> str:
    asked = (request.POST if request.method == "POST" else request.GET).get("event_type", "")
    return asked if asked in catalogue.EVENT_TYPES else choose_first_type(draft.events)
