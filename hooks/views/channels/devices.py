"""Pages of a user's iPhones and iPads: renaming and removing them. The app registers them, by the API."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from hooks.endpoints import devices
from hooks.models import Delivery, Device
from notifications_project.accounts.access import get_signed_in_user


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def rename(request: HttpRequest, device: UUID) -> HttpResponse:
    found, problem = _find(request, device), ""
    before = found.name
    if request.method == "POST":
        try:
            devices.rename(found, request.POST.get("name", ""))
        except devices.InvalidDevice as refused:
            problem = refused.describe()
        else:
            messages.success(
                request, gettext("%(before)s is called %(name)s now.") % {"before": before, "name": found.name}
            )
            return redirect("hooks:channels")
    context = {"device": found, "name": request.POST.get("name", before), "problem": problem}
    return render(request, "hooks/channels/device_rename.html", context, status=422 if problem else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def remove(request: HttpRequest, device: UUID) -> HttpResponse:
    """Show what would stop (GET), or remove the device (POST)."""
    found = _find(request, device)
    if request.method == "POST":
        devices.remove(found)
        messages.success(request, gettext("%(name)s was removed.") % {"name": found.name})
        return redirect("hooks:channels")
    context = {
        "device": found,
        "waiting": Delivery.objects.pending_for(found.endpoint).count(),
        "is_last": not Device.objects.filter(user=found.user).exclude(pk=found.pk).exists(),
    }
    return render(request, "hooks/channels/device_remove.html", context)


def _find(request: HttpRequest, pk: UUID) -> Device:
    """Return a device of the user. Raises Http404."""
    mine = Device.objects.filter(user=get_signed_in_user(request)).select_related("endpoint", "user")
    return get_object_or_404(mine, pk=pk)
