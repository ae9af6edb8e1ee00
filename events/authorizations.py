"""What may access a user's account: told in the user's personal space when it begins and when it ends."""

from __future__ import annotations

from events import intake
from events.models import Event
from events.representation import Source
from notifications_project.accounts.models import User
from notifications_project.accounts.organizations import ensure_personal_space


def record(user: User, app: str, *, authorized: bool, actor: User | None = None) -> Event:
    """An app, or an API token by its name, may access the user's account from now on, or may no longer.

    `actor`: who saw to it, if that is not the user.
    """
    event_type = "app.auth" if authorized else "app.deauth"
    told = intake.NewEvent(type=event_type, data={"user": user.email, "app": app})
    return intake.record(ensure_personal_space(user), [told], actor=actor or user, source=Source.CONSOLE)[0]
