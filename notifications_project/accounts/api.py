"""The API about the caller, the organizations that the token opens, and their members."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.urls import path
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from notifications_project.accounts.access import OrganizationAPIView, get_signed_in_user
from notifications_project.accounts.forms import ProfileForm
from notifications_project.accounts.models import ApiToken, Membership, Organization, User
from notifications_project.accounts.roles import PERMISSIONS, Permission
from notifications_project.api.errors import make_invalid
from notifications_project.api.shapes import check, check_body


def serialize_user(user: User) -> dict[str, Any]:
    return {"id": user.public_id, "email": user.email, "name": user.name}


def serialize_organization(organization: Organization, role: str) -> dict[str, Any]:
    granted = PERMISSIONS.get(role, frozenset())
    return {
        "id": organization.public_id,
        "name": organization.name,
        "kind": organization.kind,
        "role": role,
        "permissions": [permission.value for permission in Permission if permission in granted],
        "created_at": organization.created_at,
    }


def serialize_member(membership: Membership) -> dict[str, Any]:
    return serialize_user(membership.user) | {"role": membership.role, "joined_at": membership.joined_at}


def list_opened_memberships(request: Request) -> QuerySet[Membership]:
    """Return the memberships that the caller's token opens, oldest organization first."""
    memberships = Membership.objects.filter(user=get_signed_in_user(request)).select_related("organization")
    if isinstance(request.auth, ApiToken) and request.auth.organization_id:
        memberships = memberships.filter(organization_id=request.auth.organization_id)
    return memberships.order_by("organization__created_at", "organization_id")


class Me(APIView):
    """GET; PATCH `{"name", "language", "time_zone"}`: the caller's own profile."""

    def get(self, request: Request) -> Response:
        return Response(serialize_profile(get_signed_in_user(request)))

    def patch(self, request: Request) -> Response:
        user, sent = get_signed_in_user(request), check_body(request.data)
        if isinstance(request.auth, ApiToken) and request.auth.organization_id not in {None, user.pk}:
            raise PermissionDenied("This token opens one organization only; a profile is its user's own.")
        check(sent, {"name": str, "language": str | None, "time_zone": str})
        form = ProfileForm(
            {name: sent.get(name, getattr(user, name)) for name in ProfileForm.Meta.fields}, instance=user
        )
        if not form.is_valid():
            raise make_invalid({name: str(errors[0]) for name, errors in form.errors.items()})
        if "language" in sent and not sent["language"]:
            form.instance.language = ""  # an empty field of the page changes nothing
        form.save()
        return Response(serialize_profile(user))


def serialize_profile(user: User) -> dict[str, Any]:
    """Give what `me` answers; `language` is null as long as nobody has chosen one."""
    return serialize_user(user) | {"time_zone": user.time_zone, "language": user.language or None}


class Organizations(APIView):
    def get(self, request: Request) -> Response:
        found = [
            serialize_organization(membership.organization, membership.role)
            for membership in list_opened_memberships(request)
        ]
        return Response({"results": found, "next": None})


class OrganizationDetail(OrganizationAPIView):
    def get(self, request: Request, owner: object) -> Response:
        members = self.organization.memberships.select_related("user").order_by("joined_at", "pk")
        return Response(
            serialize_organization(self.organization, self.membership.role)
            | {"members": [serialize_member(membership) for membership in members]}
        )


urlpatterns = [
    path("me/", Me.as_view(), name="api-me"),
    path("organizations/", Organizations.as_view(), name="api-organizations"),
    path("organizations/<owner:owner>/", OrganizationDetail.as_view(), name="api-organization"),
]
