"""The cell of *My notifications* from which a user came to set a channel up: it is turned on and shown again."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.translation import gettext

from events import catalogue
from hooks.models import Channel
from hooks.preferences import notification_settings
from hooks.preferences.notification_settings import EVERYTHING, Choice, Scope
from hooks.preferences.scopes import EVERYTHING_KEY, UnknownScope, find_scope, get_scope_key
from notifications_project.accounts.access import get_signed_in_user
from notifications_project.accounts.models import User


@dataclass(frozen=True)
class Cell:
    """An event type on a channel, for everything, an organization or a resource."""

    event_type: str
    kind: str
    scope: Scope = EVERYTHING

    @property
    def name(self) -> str:
        return gettext("%(event)s: %(channel)s") % {
            "event": catalogue.get_label(self.event_type),
            "channel": Channel.Kind(self.kind).label,
        }

    @property
    def query(self) -> str:
        """Return the query that takes the cell along in an address."""
        return f"?{urlencode({'type': self.event_type, 'scope': get_scope_key(self.scope)})}"

    @property
    def page(self) -> str:
        """Return where the cell stands in the grid."""
        wanted = "" if self.scope == EVERYTHING else f"?{urlencode({'scope': get_scope_key(self.scope)})}"
        return f"{reverse('hooks:my-notifications')}{wanted}#{self.event_type}-{self.kind}"

    def turn_on(self, user: User) -> None:
        """Turn the cell on. Raises InvalidSetting."""
        notification_settings.choose(user, [Choice(self.event_type, self.kind, True)], self.scope)


def parse_cell(request: HttpRequest, kind: str) -> Cell | None:
    """Return the cell that the address names with `type` and `scope`; None if it names none. Raises Http404."""
    event_type = request.GET.get("type", "")
    if not event_type:
        return None
    if event_type not in notification_settings.list_offered():
        raise Http404("There is no such event type.")
    return Cell(event_type, kind, find_scope_or_404(request, request.GET.get("scope", EVERYTHING_KEY)))


def find_scope_or_404(request: HttpRequest, key: str) -> Scope:
    """Return the scope that a key names, of whoever is signed in. Raises Http404 if there is none."""
    try:
        return find_scope(get_signed_in_user(request), key)
    except UnknownScope as problem:
        raise Http404(str(problem)) from None
