"""Applications and add-ons of an organization: list, add, rename, archive, restore."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from events import resources
from events.models import Resource
from events.resources import ResourceError
from notifications_project import ids
from notifications_project.accounts.access import OrganizationRequest, organization_page
from notifications_project.accounts.models import Organization
from notifications_project.accounts.roles import Permission
from notifications_project.refusals import add_error_to
from notifications_project.searching import search_text

AT_ONCE = 100


class NameForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=resources.LONGEST_NAME)


class AddForm(NameForm):
    kind = forms.ChoiceField(
        label=_("Kind"),
        choices=Resource.Kind.choices,
        widget=forms.RadioSelect(attrs={"class": "choices"}),
        initial=Resource.Kind.APPLICATION,
    )
    field_order = ["kind", "name"]


@require_safe
@organization_page()
def list_resources(request: OrganizationRequest) -> HttpResponse:
    """List resources by name, paged by key; `archived` shows the archived ones instead, `q` filters by name."""
    archived, wanted = "archived" in request.GET, search_text(request)
    found = Resource.objects.filter(organization=request.organization, archived_at__isnull=not archived)
    if wanted:
        found = found.filter(name__icontains=wanted)
    rows = list(
        _filter_after(request.organization, found, request.GET.get("after", "")).order_by("name", "kind")[: AT_ONCE + 1]
    )
    context = {
        "organization": request.organization,
        "resources": rows[:AT_ONCE],
        "more": rows[AT_ONCE - 1].public_id if len(rows) > AT_ONCE else "",
        "after": request.GET.get("after", ""),
        "archived": archived,
        "last_column": gettext("Archived") if archived else gettext("Added"),
        "wanted": wanted,
    }
    return render(request, "events/resources.html", context)


def _filter_after(organization: Organization, found: QuerySet[Resource], public_id: str) -> QuerySet[Resource]:
    """Return the resources that follow the one with this id in the order by name and kind."""
    if not public_id:
        return found
    try:
        last = organization.resources.for_ids(ids.decode(public_id, *Resource.KINDS)).get()
    except (ValueError, Resource.DoesNotExist):
        raise Http404("There is no such page.") from None
    return found.filter(Q(name__gt=last.name) | Q(name=last.name, kind__gt=last.kind))


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Permission.MANAGE_RESOURCES)
def add_resource(request: OrganizationRequest) -> HttpResponse:
    form = AddForm(request.POST or None)
    if form.is_valid():
        with add_error_to(form, "name", ResourceError):
            made = resources.create(organization=request.organization, actor=request.user, **form.cleaned_data)
            messages.success(request, gettext("%(name)s is added. Hooks can now be restricted to it.") % {"name": made})
            return redirect("events:resources", request.organization.public_id)
    context = {"organization": request.organization, "form": form}
    return render(request, "events/resources_add.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Permission.MANAGE_RESOURCES)
def rename_resource(request: OrganizationRequest, resource: UUID) -> HttpResponse:
    found = _find_resource(request.organization, resource)
    form = NameForm(request.POST or None, initial={"name": found.name})
    if form.is_valid():
        with add_error_to(form, "name", ResourceError):
            resources.rename(found, name=form.cleaned_data["name"], actor=request.user)
            messages.success(request, gettext("The name is now %(name)s.") % {"name": found})
            return redirect("events:resources", request.organization.public_id)
    context = {"organization": request.organization, "resource": found, "form": form}
    return render(request, "events/resources_rename.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Permission.MANAGE_RESOURCES)
def archive_resource(request: OrganizationRequest, resource: UUID) -> HttpResponse:
    found = _find_resource(request.organization, resource)
    if request.method == "POST":
        resources.archive(found, actor=request.user)
        messages.success(request, gettext("%(name)s is archived. You find it under “Archived”.") % {"name": found})
        return redirect("events:resources", request.organization.public_id)
    return render(request, "events/resources_archive.html", {"organization": request.organization, "resource": found})


@require_http_methods(["GET", "HEAD", "POST"])
@organization_page(Permission.MANAGE_RESOURCES)
def restore_resource(request: OrganizationRequest, resource: UUID) -> HttpResponse:
    """Restore a resource on POST; redirect a GET, which may come from signing in, to the list."""
    found = _find_resource(request.organization, resource)
    if request.method == "POST":
        resources.restore(found, actor=request.user)
        messages.success(request, gettext("%(name)s is restored.") % {"name": found})
    return redirect("events:resources", request.organization.public_id)


def _find_resource(organization: Organization, resource: UUID) -> Resource:
    found = organization.resources.for_ids(resource).select_related("organization").first()
    if found is None:
        raise Http404("There is no such application or add-on.")
    return found
