"""Access to organizations: pages and API both check membership and role here."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext
from rest_framework.exceptions import NotFound
from rest_framework.exceptions import PermissionDenied as ApiPermissionDenied
from rest_framework.request import Request
from rest_framework.views import APIView

from notifications_project.accounts.models import ApiToken, Membership, Organization, User
from notifications_project.accounts.roles import Permission, allows, list_roles_with
from notifications_project.ids import PublicId

P = ParamSpec("P")


def find_membership(user: User, owner: PublicId) -> Membership | None:
    """Return the user's membership of an organization, None if there is none.

    An id with the prefix of the other kind, `user_` instead of `orga_`, names no organization either.
    """
    found = Membership.objects.select_related("organization").filter(organization_id=owner, user=user).first()
    return found if found and found.organization.public_id == owner.public_id else None


def get_signed_in_user(request: HttpRequest | Request) -> User:
    """Return the user of a request behind `login_required`, `organization_page` or a bearer token."""
    return cast(User, request.user)


def explain_refusal(permission: Permission) -> str:
    """Return why a role may not do something, for people: what it may not do, and which roles may."""
    return gettext("Your role does not allow you to %(permission)s. Roles that may: %(roles)s.") % {
        "permission": permission.label,
        "roles": list_roles_with(permission),
    }


class OrganizationRequest(HttpRequest):
    """A request for a page of an organization by a member, as `organization_page` passes it to a view."""

    user: User
    organization: Organization
    membership: Membership


def organization_page(
    permission: Permission = Permission.READ,
) -> Callable[[Callable[Concatenate[OrganizationRequest, P], HttpResponse]], Callable[..., HttpResponse]]:
    """Decorate the view of a page under `organizations/<owner:owner>/`: it gets an `OrganizationRequest`, no id.

    A user who is no member gets 404, a member without `permission` 403.
    """

    def decorate(view: Callable[Concatenate[OrganizationRequest, P], HttpResponse]) -> Callable[..., HttpResponse]:
        @login_required
        @wraps(view)
        def inner(request: HttpRequest, owner: PublicId, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            membership = find_membership(get_signed_in_user(request), owner)
            if membership is None:
                raise Http404("No such organization, or you are not a member.")
            if not allows(membership.role, permission):
                raise PermissionDenied(explain_refusal(permission))
            asked = cast(OrganizationRequest, request)
            asked.membership, asked.organization = membership, membership.organization
            if request.session.get("organization") != membership.organization.public_id:
                request.session["organization"] = membership.organization.public_id
            return view(asked, *args, **kwargs)

        return inner

    return decorate


class OrganizationAPIView(APIView):
    """Base of the API under `organizations/<owner:owner>/`: sets `self.user`, `self.organization`, `self.membership`.

    `permissions` gives the permission that each HTTP method needs, READ by default. A user who is no member, or whose
    token is for another organization, gets 404; a member without the permission gets 403.
    """

    permissions: dict[str, Permission] = {}
    user: User
    organization: Organization
    membership: Membership

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        assert isinstance(request.user, User)
        token = request.auth
        owner: PublicId = kwargs["owner"]
        membership = find_membership(get_signed_in_user(request), owner)
        if membership is None or (isinstance(token, ApiToken) and token.organization_id not in {None, owner}):
            raise NotFound("No such organization, or the token does not open it.")
        needed = self.permissions.get(request.method or "", Permission.READ)
        if not allows(membership.role, needed):
            raise ApiPermissionDenied(explain_refusal(needed))
        self.user, self.membership, self.organization = request.user, membership, membership.organization
