"""Scopes of notification settings as addresses and the API name them."""

from __future__ import annotations

from django.http import Http404

from events.models import Resource
from hooks.preferences.notification_settings import EVERYTHING, Scope
from notifications_project import ids
from notifications_project.accounts.models import Organization, User

EVERYTHING_KEY = "everything"


def scope_key(scope: Scope) -> str:
    if scope.resource:
        return scope.resource.public_id
    return scope.organization.public_id if scope.organization else EVERYTHING_KEY


def find_scope(user: User, key: str) -> Scope:
    """Of the user's own: what others have is not there."""
    if key == EVERYTHING_KEY:
        return EVERYTHING
    try:
        found = ids.decode(key, "orga", "user", *Resource.KINDS)
    except ValueError:
        raise Http404("There is no such scope.") from None
    if found.prefix in Resource.KINDS:
        resources = Resource.objects.filter(organization__memberships__user=user).select_related("organization")
        resource = resources.called(found).first()
        if resource is None:
            raise Http404("No such application, or you are not a member.")
        return Scope(resource=resource)
    organization = Organization.objects.filter(memberships__user=user, pk=found).first()
    if organization is None or organization.public_id != key:
        raise Http404("No such organization, or you are not a member.")
    return Scope(organization=organization)
