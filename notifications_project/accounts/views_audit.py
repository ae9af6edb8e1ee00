"""The audit log of an organization, newest first."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from notifications_project import paging
from notifications_project.accounts.access import OrganizationRequest, organization_page
from notifications_project.accounts.audit_words import write_particulars, write_sentence
from notifications_project.accounts.models import AuditEntry


@require_safe
@organization_page()
def audit_log(request: OrganizationRequest) -> HttpResponse:
    before = request.GET.get("before", "")
    try:
        page = paging.get_page(
            AuditEntry.objects.filter(organization=request.organization), UUID(before) if before else None
        )
    except ValueError:
        raise Http404("No such page.") from None
    rows = [(entry, write_sentence(entry), write_particulars(entry)) for entry in page.items]
    context = {"organization": request.organization, "rows": rows, "next": page.next, "before": before}
    return render(request, "accounts/audit.html", context)
