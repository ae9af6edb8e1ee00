"""Scopes of notification settings as addresses and the API name them."""

from __future__ import annotations

from events.models import Resource
from hooks.preferences.notification_settings import EVERYTHING, Scope
from notifications_project import ids
from notifications_project.accounts.models import Organization, User

EVERYTHING_KEY = "everything"


class UnknownScope(Exception):
    """The scope does not exist, or is not the user's; the message says which, for people."""


def get_scope_key(scope: Scope) -> str:
    """Return the key of a scope: `everything`, or the public id of an organization, application or add-on."""
    if scope.resource:
        return scope.resource.public_id
    return scope.organization.public_id if scope.organization else EVERYTHING_KEY


def find_scope(user: User, key: str) -> Scope:
    """Return the scope that a key names, one of the user's own. Raises UnknownScope for others' as for none."""
    if key == EVERYTHING_KEY:
        return EVERYTHING
    try:
        found = ids.decode(key, "orga", "user", *Resource.KINDS)
    except ValueError:
        raise UnknownScope("There is no such scope.") from None
    if found.prefix in Resource.KINDS:
        resources = Resource.objects.filter(organization__memberships__user=user).select_related("organization")
        resource = resources.for_ids(found).first()
        if resource is None:
            raise UnknownScope("No such application, or you are not a member.")
        return Scope(resource=resource)
    organization = Organization.objects.filter(memberships__user=user, pk=found).first()
    if organization is None or organization.public_id != key:
        raise UnknownScope("No such organization, or you are not a member.")
    return Scope(organization=organization)
