"""The button *Verify token*: asks the service of a webhook whether its token is valid. Nothing is posted or saved."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from hooks.formats import FORMATS
from hooks.forms.hooks import WebhookForm
from hooks.models import Hook
from hooks.preview.preview import Draft
from hooks.preview.verifying import can_be_verified, verify_draft, verify_hook
from hooks.views.manage.drafts import build_draft, extract_typed, read_posted_form
from hooks.views.manage.editing import render_form_page
from hooks.views.manage.finding import find_hook
from notifications_project.accounts.access import OrganizationRequest, organization_page
from notifications_project.accounts.roles import Permission
from notifications_project.fragments import is_fragment
from notifications_project.runtime.waiting import Busy


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Permission.TEST_HOOKS)
@never_cache
def show_verification(request: OrganizationRequest, hook: UUID) -> HttpResponse:
    """POST with the fields of its form: as it stands there. Without them: as it is saved, from the page of its test.

    Signing in may return here by GET: that leads to the test.
    """
    found = find_hook(request.organization, hook)
    if request.method == "POST" and "format" in request.POST:
        return _verify_form(request, found)
    if request.method == "POST":
        if not can_be_verified(found):
            raise Http404("This hook has no token that could be verified.")
        verified, words = verify_hook(found, request.user, Draft.of(found, ""))
        messages.add_message(request, messages.SUCCESS if verified else messages.WARNING, words)
    return redirect("hooks:test", request.organization.public_id, found.public_id)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Permission.MANAGE_HOOKS)
@never_cache
def show_verification_of_new(request: OrganizationRequest) -> HttpResponse:
    """POST: as it stands in the form that adds it. GET leads to that form."""
    if request.method == "POST":
        return _verify_form(request, None)
    return redirect("hooks:add-webhook", request.organization.public_id)


def _verify_form(request: OrganizationRequest, hook: Hook | None) -> HttpResponse:
    """The form again with the answer in it; to htmx the answer alone."""
    kind = Hook.Kind(hook.kind) if hook else Hook.Kind.WEBHOOK
    form = read_posted_form(request, kind, hook)
    draft = build_draft(request, extract_typed(form), hook)
    try:
        actor, owner = request.user, request.organization.public_id
        verdict = verify_hook(hook, actor, draft) if hook else verify_draft(draft, actor, owner)
    except Busy as busy:
        verdict = (False, str(busy))
    if is_fragment(request):
        return render(request, "hooks/preview/_verdict.html", {"verdict": verdict})
    if isinstance(form, WebhookForm) and FORMATS[draft.format].can_verify():
        form.verdict = verdict
    elif isinstance(form, WebhookForm):  # the button of a format that is not the chosen one
        form.add_error("format", verdict[1])
    return render_form_page(request, form, kind, hook)
