"""The API of invitations: administrators manage their organization's, users accept or decline their own."""

from __future__ import annotations

import math
from typing import Any
from uuid import UUID

from django.urls import path
from django.utils import timezone
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from notifications_project.accounts import invitations
from notifications_project.accounts.access import OrganizationAPIView, get_signed_in_user
from notifications_project.accounts.invitations import InvitationError, QuotaExceeded
from notifications_project.accounts.models import ApiToken, Invitation
from notifications_project.accounts.organizations import MembershipError
from notifications_project.accounts.roles import Permission, Role
from notifications_project.api import lists, shapes
from notifications_project.api.errors import ApiError, describe_error, make_invalid
from notifications_project.mail.addresses import BadMailAddress, normalize

_SHAPES: dict[str, shapes.Shape] = {"email": str, "role": str}


def serialize_invitation(invitation: Invitation) -> dict[str, Any]:
    """Return an invitation as JSON for the administrators of its organization."""
    by = invitation.invited_by
    return {
        "id": invitation.public_id,
        "email": invitation.email,
        "role": invitation.role,
        "state": invitation.state,
        "invited_by": {"id": by.public_id, "name": str(by)} if by else None,
        "sent_at": invitation.sent_at,
        "next_mail_at": invitation.mail_due_at,
        "resent_count": invitation.resent,
        "expires_at": invitation.expires_at,
        "created_at": invitation.created_at,
    }


def serialize_own_invitation(invitation: Invitation) -> dict[str, Any]:
    """Return an invitation as JSON for the user whom it invites."""
    whole, organization = serialize_invitation(invitation), invitation.organization
    kept = {name: whole[name] for name in ("id", "role", "state", "invited_by", "expires_at", "created_at")}
    return kept | {"organization": {"id": organization.public_id, "kind": organization.kind, "name": organization.name}}


class _Managed(OrganizationAPIView):
    permissions = dict.fromkeys(("GET", "POST", "DELETE"), Permission.MANAGE_MEMBERS)

    def get_invitation(self, invitation: UUID) -> Invitation:
        found = Invitation.objects.select_related("organization", "invited_by")
        one = found.filter(organization=self.organization, pk=invitation).first()
        if one is None:
            raise NotFound("No such invitation.")
        return one


class Invitations(_Managed):
    def get(self, request: Request, owner: object) -> Response:
        found = invitations.list_open(self.organization)[: 2 * invitations.MOST_OPEN]
        return lists.answer_whole(serialize_invitation(each) for each in found)

    def post(self, request: Request, owner: object) -> Response:
        given = shapes.check_body(request.data)
        shapes.check(given, _SHAPES, required=frozenset(_SHAPES))
        email = _check_email(given)
        try:
            made = invitations.invite(organization=self.organization, email=email, role=given["role"], actor=self.user)
        except (InvitationError, MembershipError) as problem:
            raise _make_refusal(problem, "email") from None
        return Response(
            serialize_invitation(made), status=201, headers={"Location": f"{request.path}{made.public_id}/"}
        )


class InvitationDetail(_Managed):
    def get(self, request: Request, owner: object, invitation: UUID) -> Response:
        return Response(serialize_invitation(self.get_invitation(invitation)))

    def delete(self, request: Request, owner: object, invitation: UUID) -> Response:
        try:
            invitations.revoke(invitation=self.get_invitation(invitation), actor=self.user)
        except InvitationError as problem:
            raise _make_refusal(problem) from None
        return Response(status=204)


class ResendInvitation(_Managed):
    def post(self, request: Request, owner: object, invitation: UUID) -> Response:
        try:
            sent = invitations.resend(invitation=self.get_invitation(invitation), actor=self.user)
        except InvitationError as problem:
            raise _make_refusal(problem) from None
        return Response(serialize_invitation(sent), status=202)


class MyInvitations(APIView):
    def get(self, request: Request) -> Response:
        found = invitations.list_acceptable(get_signed_in_user(request))[: invitations.MOST_OPEN]
        return lists.answer_whole(serialize_own_invitation(each) for each in found)


class AnswerInvitation(APIView):
    """POST accepts or declines an invitation of the caller."""

    accepts = True

    def post(self, request: Request, invitation: UUID) -> Response:
        user = get_signed_in_user(request)
        if isinstance(request.auth, ApiToken) and request.auth.organization_id:
            raise PermissionDenied("A token for one organization answers no invitations.")
        found = invitations.list_acceptable(user).filter(pk=invitation).first()
        if found is None:
            raise NotFound("No such invitation.")
        try:
            if self.accepts:
                invitations.accept(invitation=found, user=user)
            else:
                invitations.decline(invitation=found, actor=user)
        except InvitationError as problem:
            raise _make_refusal(problem) from None
        found.refresh_from_db()
        return Response(serialize_own_invitation(found))


def _check_email(given: dict[str, Any]) -> str:
    problems = {}
    if given["role"] not in Role.values:
        problems["role"] = f"Must be one of {', '.join(Role.values)}."
    try:
        email = normalize(given["email"])
    except BadMailAddress as problem:
        problems["email"] = str(problem)
    if problems:
        raise make_invalid(problems)
    return email


def _make_refusal(problem: Exception, field: str | None = None) -> ApiError:
    """Return the API's error: 429 with the time to wait if a quota is used up, 409 if the state forbids the change."""
    if not isinstance(problem, QuotaExceeded):
        return ApiError(409, [describe_error(str(problem), field)])
    refused = ApiError(429, [describe_error(str(problem))])
    refused.wait = max(1, math.ceil((problem.free_at - timezone.now()).total_seconds()))
    return refused


_ORGANIZATION = "organizations/<owner:owner>/invitations/"
urlpatterns = [
    path(_ORGANIZATION, Invitations.as_view(), name="api-invitations"),
    path(f"{_ORGANIZATION}<invitation:invitation>/", InvitationDetail.as_view(), name="api-invitation"),
    path(f"{_ORGANIZATION}<invitation:invitation>/resend/", ResendInvitation.as_view(), name="api-resend-invitation"),
    path("me/invitations/", MyInvitations.as_view(), name="api-my-invitations"),
    path("me/invitations/<invitation:invitation>/accept/", AnswerInvitation.as_view(), name="api-accept-invitation"),
    path(
        "me/invitations/<invitation:invitation>/decline/",
        AnswerInvitation.as_view(accepts=False),
        name="api-decline-invitation",
    ),
]
