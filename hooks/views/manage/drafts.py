"""A hook as it stands in its form, saved or not: to be previewed, or to have its token verified."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied

from hooks.endpoints.options import merge_options, merge_url
from hooks.formats import FORMATS
from hooks.forms.hooks import EmailHookForm, HookForm, WebhookForm, get_initial
from hooks.models import Hook
from hooks.preview.preview import Draft
from hooks.views.manage.finding import has_permission
from notifications_project.accounts.access import OrganizationRequest, explain_refusal
from notifications_project.accounts.roles import Permission


def read_posted_form(request: OrganizationRequest, kind: str, hook: Hook | None) -> HookForm:
    """The form that was sent, looked through: what is wrong in it keeps nobody from looking.

    For who may save it only: else a stored token could be sent to any address. Raises PermissionDenied.
    """
    if not has_permission(request, Permission.MANAGE_HOOKS):
        raise PermissionDenied(explain_refusal(Permission.MANAGE_HOOKS))
    form_class: type[HookForm] = WebhookForm if kind == Hook.Kind.WEBHOOK else EmailHookForm
    form = form_class(
        request.POST, organization=request.organization, hook=hook, initial=get_initial(hook) if hook else {}
    )
    form.is_valid()
    return form


def extract_typed(form: HookForm) -> dict[str, Any]:
    """Return the parts of a draft that matter for what is sent, as plain data without stored secrets."""
    typed = {
        "name": form.cleaned_data.get("name", ""),
        "events": form.cleaned_data.get("events") or None,
        "resources": [str(each) for each in form.cleaned_data.get("resources", [])],
    }
    if isinstance(form, WebhookForm):
        format = form.cleaned_data.get("format", "raw")
        typed |= {"format": format, "url": form.cleaned_data.get("url", ""), "options": form.options.get_typed(format)}
    return typed


def build_draft(request: OrganizationRequest, typed: dict[str, Any], hook: Hook | None) -> Draft:
    """Merge the typed values with the stored ones: secrets that were left alone are those of the hook."""
    shared: dict[str, Any] = {
        "name": typed["name"],
        "events": typed["events"],
        "resources": typed["resources"],
        "hook": hook,
        "endpoint": hook.endpoint if hook else None,
    }
    if "format" not in typed:
        return Draft(format="mail", address=request.user.email, options={}, **shared)
    format, options = typed["format"], typed["options"]
    url = typed["url"]
    if hook and hook.endpoint:
        options, url = merge_options(hook.endpoint, format, options), merge_url(hook.endpoint, url)
    return Draft(format=format, address=url or FORMATS[format].default_url, options=options, **shared)
