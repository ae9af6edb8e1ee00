"""Template context of every page: the user's organizations, the current one, and the permissions there."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from notifications_project.accounts.access import get_signed_in_user
from notifications_project.accounts.models import Membership
from notifications_project.accounts.roles import Permission, allows


def list_memberships(request: HttpRequest) -> list[Membership]:
    """Return the user's memberships, organizations by name before the personal space; one query for each request."""
    if not hasattr(request, "_memberships"):
        found = Membership.objects.select_related("organization").filter(user=get_signed_in_user(request))
        request._memberships = sorted(  # type: ignore[attr-defined]
            found, key=lambda m: (m.organization.is_personal, m.organization.name.casefold(), m.organization_id)
        )
    return list(request._memberships)  # type: ignore[attr-defined]


def find_current_membership(request: HttpRequest) -> Membership | None:
    """Return the membership of the page's organization, else of the organization used last, else the first."""
    if membership := getattr(request, "membership", None):
        return membership  # type: ignore[no-any-return]
    memberships = list_memberships(request)
    last_used = request.session.get("organization", "")
    by_id = {m.organization.public_id: m for m in memberships}
    return by_id.get(last_used) or next(iter(memberships), None)


def describe_shell(request: HttpRequest) -> dict[str, Any]:
    """Return for every template `shell`, with the current organization, all organizations and the role, and `may`.

    Templates ask `{% if may.manage_hooks %}` to hide what is refused; the views check `access` all the same.
    """
    context: dict[str, Any] = {
        "demo": settings.DEMO,
        "sign_up_open": settings.SIGN_UP_OPEN,
        "mail_configured": settings.MAIL_CONFIGURED,
    }
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        if settings.DEMO:
            context["demo_sign_in"] = {"email": settings.DEMO_EMAIL, "password": settings.DEMO_PASSWORD}
        return context
    membership = find_current_membership(request)
    role = membership.role if membership else ""
    return context | {
        "shell": {
            "organization": membership.organization if membership else None,
            "organizations": [m.organization for m in list_memberships(request)],
            "role": membership.get_role_display() if membership else "",
        },
        "may": {permission.value: allows(role, permission) for permission in Permission},
    }
