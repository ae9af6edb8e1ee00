"""Adding and editing hooks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from events import catalogue
from hooks.endpoints.webhooks import has_lost_url
from hooks.formats import propose_format
from hooks.forms.format_fields import Advice
from hooks.forms.hooks import EmailHookForm, HookForm, WebhookForm, get_initial
from hooks.manage import rules
from hooks.manage.rules import InvalidRule
from hooks.models import Hook
from hooks.presentation import hook_rows
from hooks.views.manage.finding import find_hook, has_permission
from hooks.views.manage.preview import allow_frames
from notifications_project import one_time_secrets
from notifications_project.accounts.access import (
    OrganizationRequest,
    explain_refusal,
    organization_page,
)
from notifications_project.accounts.roles import Permission

SNIPPET = """from standardwebhooks import Webhook

# body: the raw bytes of the request, headers: its headers
payload = Webhook("whsec_…").verify(body, headers)  # raises if it is not ours
"""


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Permission.MANAGE_HOOKS)
def add_webhook(request: OrganizationRequest) -> HttpResponse:
    """Leads to the page that shows the new secret, this once; to the test where nothing is signed."""
    form = WebhookForm(request.POST or None, organization=request.organization, initial=_read_initial(request))
    if form.is_valid() and not form.propose_format():
        try:
            hook, secret = rules.create_webhook(
                organization=request.organization, actor=request.user, spec=form.build_spec()
            )
        except InvalidRule as problem:
            form.refuse(problem)
        else:
            if hook_rows.is_signed(hook):
                return show_secret(request, hook, secret, created=True)
            messages.success(
                request, gettext("%(name)s was added. A test shows whether it arrives.") % {"name": hook.name}
            )
            return redirect("hooks:test", request.organization.public_id, hook.public_id)
    return render_form_page(request, form, Hook.Kind.WEBHOOK)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Permission.MANAGE_HOOKS)
def add_email_hook(request: OrganizationRequest) -> HttpResponse:
    form = EmailHookForm(request.POST or None, organization=request.organization, initial=_read_initial(request))
    if form.is_valid():
        try:
            hook = rules.create_email_hook(organization=request.organization, actor=request.user, **form.get_values())
        except InvalidRule as problem:
            form.refuse(problem)
        else:
            messages.success(request, gettext("%(name)s was added.") % {"name": hook.name})
            return redirect("hooks:emails", request.organization.public_id)
    return render_form_page(request, form, Hook.Kind.EMAIL)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page()
def edit(request: OrganizationRequest, hook: UUID) -> HttpResponse:
    """The form; mails lead here as well, so who may only read is led on to the hook in the list."""
    found = find_hook(request.organization, hook)
    if not has_permission(request, Permission.MANAGE_HOOKS):
        if request.method == "POST":
            raise PermissionDenied(explain_refusal(Permission.MANAGE_HOOKS))
        return redirect(f"{reverse(list_of(found), args=[request.organization.public_id])}#{found.public_id}")
    form_class: type[HookForm] = WebhookForm if found.kind == Hook.Kind.WEBHOOK else EmailHookForm
    form = form_class(request.POST or None, organization=request.organization, hook=found, initial=get_initial(found))
    if form.is_valid() and not (isinstance(form, WebhookForm) and form.propose_format()):
        try:
            if changes := form.get_changes():
                found = rules.update_hook(found, request.user, **changes)
        except InvalidRule as problem:
            form.refuse(problem)
        else:
            saved = gettext("%(name)s was saved.") % {"name": found.name}
            messages.success(request, saved if changes else gettext("Nothing was changed."))
            if "format" in changes and hook_rows.is_signed(found):
                messages.info(request, gettext("Its requests are signed now. Rotate the secret to see a new one."))
            return redirect(list_of(found), request.organization.public_id)
    return render_form_page(request, form, Hook.Kind(found.kind), found)


@require_POST
@organization_page(Permission.MANAGE_HOOKS)
def show_advice(request: OrganizationRequest) -> HttpResponse:
    """For htmx: what the form says under a URL as it is typed, for the format that is chosen."""
    typed = Advice(request.POST.get("url", "").strip(), request.POST.get("format", ""))
    return render(request, "hooks/manage/_advice.html", {"advice": typed})


def show_secret(
    request: HttpRequest, hook: Hook, secret: str, *, created: bool = False, replaced: bool = False
) -> HttpResponse:
    """Go to the page that shows the secret: that one can be loaded again without doing anything again.

    `replaced`: the one before could not be read, and is not signed with any more.
    """
    one_time_secrets.stash(request, hook.public_id, {"secret": secret, "created": created, "replaced": replaced})
    return redirect("hooks:secret", hook.organization.public_id, hook.public_id)


@require_GET
@organization_page(Permission.MANAGE_HOOKS)
def show_stashed_secret(request: OrganizationRequest, hook: UUID) -> HttpResponse:
    """The only page that ever shows a secret, and only when it was just made; nothing may keep it."""
    found = find_hook(request.organization, hook)
    if found.kind != Hook.Kind.WEBHOOK:
        raise Http404("An e-mail hook has no secret.")
    left = one_time_secrets.pop(request, found.public_id) or {}
    lost = rules.has_lost_secret(found)
    context = {"hook": found, "organization": request.organization, "snippet": SNIPPET, "secret_lost": lost, **left}
    response = render(request, "hooks/manage/secret.html", context)
    response["Cache-Control"] = "no-store"
    return response


def list_of(hook: Hook) -> str:
    """The route of the tab that lists this hook."""
    return "hooks:webhooks" if hook.kind == Hook.Kind.WEBHOOK else "hooks:emails"


def _read_initial(request: HttpRequest) -> dict[str, Any]:
    """A link to the form may fill it in: `?events=deployment-result&name=…&url=…`. The URL's format is chosen."""
    initial: dict[str, Any] = {"events": request.GET.getlist("events")}
    initial |= {field: request.GET[field] for field in ("name", "url") if field in request.GET}
    proposed = propose_format(initial.get("url", ""))
    return initial | ({"format": proposed.name} if proposed else {})


def render_form_page(
    request: OrganizationRequest, form: HookForm, kind: Hook.Kind, hook: Hook | None = None
) -> HttpResponse:
    context: dict[str, Any] = {"organization": request.organization, "form": form, "kind": kind, "hook": hook}
    context["types"] = catalogue.group_by_category()
    if hook:
        # The name in the heading is the stored one, whatever was typed.
        context |= {"row": hook_rows.build_row(hook, timezone.now()), "secret_lost": rules.has_lost_secret(hook)}
        context["url_lost"] = has_lost_url(hook.endpoint)
    return allow_frames(render(request, "hooks/manage/form.html", context))
