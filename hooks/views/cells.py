"""The cell of *My notifications* from which somebody came to set a channel up: turned on, and returned to."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import Http404, HttpRequest
from django.urls import reverse

from events import catalogue
from events.models import Resource
from hooks import notification_settings
from hooks.models import Channel
from hooks.notification_settings import EVERYTHING, Choice, Scope
from notifications_project import ids
from notifications_project.accounts.access import signed_in
from notifications_project.accounts.models import Organization, User

_EVERYTHING = "everything"


@dataclass(frozen=True)
class Cell:
    """An event type on a channel, for everything, an organization or a resource."""

    event_type: str
    kind: str
    scope: Scope = EVERYTHING

    @property
    def name(self) -> str:
        return f"{catalogue.label(self.event_type)}: {Channel.Kind(self.kind).label}"

    @property
    def query(self) -> str:
        """To take the cell along in an address."""
        return f"?{urlencode({'type': self.event_type, 'scope': scope_key(self.scope)})}"

    @property
    def page(self) -> str:
        """Where it stands in the grid."""
        wanted = "" if self.scope == EVERYTHING else f"?{urlencode({'scope': scope_key(self.scope)})}"
        return f"{reverse('hooks:my-notifications')}{wanted}#{self.event_type}-{self.kind}"

    def turn_on(self, user: User) -> None:
        """Raises InvalidSetting."""
        notification_settings.choose(user, [Choice(self.event_type, self.kind, True)], self.scope)


def asked(request: HttpRequest, kind: str) -> Cell | None:
    """The cell that the address names with `type` and `scope`; None if it names none. Raises Http404."""
    event_type = request.GET.get("type", "")
    if not event_type:
        return None
    if event_type not in notification_settings.offered():
        raise Http404("There is no such event type.")
    return Cell(event_type, kind, find_scope(signed_in(request), request.GET.get("scope", _EVERYTHING)))


def scope_key(scope: Scope) -> str:
    if scope.resource:
        return scope.resource.public_id
    return scope.organization.public_id if scope.organization else _EVERYTHING


def find_scope(user: User, key: str) -> Scope:
    """Of the user's own: what others have is not there."""
    if key == _EVERYTHING:
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
