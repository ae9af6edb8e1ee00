"""Events in a user's personal space about apps and API tokens that may access the account."""

from __future__ import annotations

from events import intake
from events.models import Event
from events.representation import Source
from notifications_project.accounts.models import User
from notifications_project.accounts.organizations import ensure_personal_space


def record(user: User, app: str, *, authorized: bool, actor: User | None = None) -> Event:
    """Record that an app, or an API token, may access the user's account from now on, or may no longer.

    `app` is the name of the app or token; `actor` made the change, the user if it is not given.
    """
    event_type = "app.auth" if authorized else "app.deauth"
    told = intake.NewEvent(type=event_type, data={"user": user.email, "app": app})
    return intake.record(ensure_personal_space(user), [told], actor=actor or user, source=Source.CONSOLE)[0]
